"""What an outcome rests on, read from the sources, and the digest of it."""
