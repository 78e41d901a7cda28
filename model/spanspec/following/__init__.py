"""A history of the heap, told as a run of the proved protocol."""
