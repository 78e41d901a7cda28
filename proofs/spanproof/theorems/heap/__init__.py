"""What is proved of the heap's counts."""
