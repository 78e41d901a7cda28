"""What is proved of the set of free runs, for trees of any size and shape."""
