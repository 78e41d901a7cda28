"""What a recorder sees: the kinds of events and their fields, without any logic."""
