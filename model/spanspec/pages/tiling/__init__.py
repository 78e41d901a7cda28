"""How spans tile the arenas: the page heap as a system of arbitrarily many runs.

This is the case of physical pages of at most 8 KiB (amd64). Where they are larger, boundaries
between free neighbours move, and two equal ones may stay apart (HEAP-16, HEAP-31).
"""
