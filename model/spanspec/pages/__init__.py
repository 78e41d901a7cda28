"""Runs of pages: the page heap, its map and free set, arenas, memory of the system, scavenging."""
