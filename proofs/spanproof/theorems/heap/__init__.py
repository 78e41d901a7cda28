"""What is proved of what a heap consists of: counts, cycle, Ps, mcaches, slots, marks, records."""
