"""The operations of threads: which step comes next, what is asked for, and what is told."""
