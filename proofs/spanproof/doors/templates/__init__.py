"""Harnesses to begin with, one for each language."""
