"""What is proved of how the heap grows, and of the scavenger."""
