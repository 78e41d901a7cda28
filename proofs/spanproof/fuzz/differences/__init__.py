"""What differs between two sides, by which rules, and how it is shown."""
