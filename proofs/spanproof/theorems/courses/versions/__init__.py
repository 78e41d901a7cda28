"""What other versions of Go do, by which cores and processes of theirs are judged."""
