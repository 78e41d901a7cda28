"""What follows: who owns a span and where it is, that nobody is stuck, and that loops end."""
