"""Recorded traces of the real runtime: their format, their reader, and their replay.

`schema` is format version 1, `reader` reads it, `replay` holds it against the model.
"""
