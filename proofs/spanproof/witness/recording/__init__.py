"""What a Go toolchain's own allocator does under a script, held against the model step by step."""
