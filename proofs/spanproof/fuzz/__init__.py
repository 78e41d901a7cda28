"""Differential fuzzing: the model and an implementation run the same programs, step by step."""
