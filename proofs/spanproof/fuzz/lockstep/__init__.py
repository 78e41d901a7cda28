"""Running a program on both sides, step by step, up to the first difference."""
