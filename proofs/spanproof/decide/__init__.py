"""Deciding obligations and mutants: what there is to decide, in which order, and what is kept."""
