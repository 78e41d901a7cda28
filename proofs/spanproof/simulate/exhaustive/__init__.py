"""Every program of a few operations on a small heap, and what each operation promises."""
