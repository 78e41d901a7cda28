"""Differential fuzzing: the model and an implementation of a span run the same programs."""
