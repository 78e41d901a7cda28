"""Memory from the operating system: every answer that it may give, and every piece that is cut."""
