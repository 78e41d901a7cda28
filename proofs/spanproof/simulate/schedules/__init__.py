"""Several threads at once: what each does, in a random order or in every one."""
