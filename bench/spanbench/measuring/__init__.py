"""Measuring: a figure and its goal, samples in pairs, and processes of their own."""
