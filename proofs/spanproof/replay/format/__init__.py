"""Format version 1 of recorded traces: events and their figures, the rules of each, the reader."""
