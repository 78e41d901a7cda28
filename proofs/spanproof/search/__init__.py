"""Every state of a small system, by our own search and by SPIN."""
