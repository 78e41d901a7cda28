"""Counterexamples: values of a solver's model, run again through the same functions in Python.

`concrete` turns symbolic values into plain ones and back, `rerun` runs an obligation on plain
values, `words` says what happened in the terms of the field, `saved` keeps it in a file.
"""
