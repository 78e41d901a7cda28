"""Attacks on a heap, each in a child process; `spanalloc.programs.hostile` runs them."""
