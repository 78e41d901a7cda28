"""Judging an image: which rule does not hold, of which span, and what that is."""
