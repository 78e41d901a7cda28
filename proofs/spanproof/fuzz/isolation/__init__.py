"""The process in which an implementation runs, and those that watch it."""
