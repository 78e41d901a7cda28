"""A program's files, memory and processes: where its runtime is, and what it keeps where."""
