"""Theorems about one span, its size class and its generation."""
