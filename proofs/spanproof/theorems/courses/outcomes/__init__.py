"""What operations leave: what they note, when they are due, and what a heap tells of them."""
