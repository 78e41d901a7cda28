"""A whole campaign, and what it has found, as a file."""
