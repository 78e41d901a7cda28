"""Symbolic values: terms, the arithmetics, records, objects, and fresh symbols of each type."""
