"""Theorems about the kernels of spanalloc, read from its own source."""
