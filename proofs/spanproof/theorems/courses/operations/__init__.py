"""What operations come to: every program of one thread, every schedule of a few."""
