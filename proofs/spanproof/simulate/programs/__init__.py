"""Random programs on one heap: what they ask for, what is known of them, and who judges a step."""
