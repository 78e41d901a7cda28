"""The heap as the abstract allocator: what a program sees of it, and each kind of steps."""
