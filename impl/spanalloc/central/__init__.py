"""What Ps share: the heap's state, its lists and sweep buffers, sweeping, and refilling a cache."""
