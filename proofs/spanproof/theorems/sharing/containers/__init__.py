"""What is proved of the lists of spans and the sweep buffers, of any length."""
