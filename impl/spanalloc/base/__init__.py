"""What the other parts stand on: sizes, errors, locks, and small structures of no span or heap."""
