"""Mutants that nobody chose: drawn by lot, or made by all operators; and who notices them."""
