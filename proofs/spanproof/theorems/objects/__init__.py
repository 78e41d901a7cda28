"""Theorems about objects: where they lie, what is zero, what dies."""
