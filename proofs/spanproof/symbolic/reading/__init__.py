"""What a rule says and is about: its text and records, where they are from, what they depend on."""
