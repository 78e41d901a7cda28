"""Theorems about runs of pages, the free set and the scavenger."""
