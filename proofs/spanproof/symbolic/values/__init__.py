"""Symbolic values: terms, the arithmetics, records and objects, and how two values are joined."""
