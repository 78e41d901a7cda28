"""Runs of pages: the system's memory, from pages to spans, free runs, and the scavenger."""
