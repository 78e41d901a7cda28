"""What threads share, as records, in tables that are finite or grow."""
