"""Reading the heap of a program out of its memory: an image of all that is judged."""
