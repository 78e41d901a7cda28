"""Following a trace: what each event has to be, and what the model makes of it."""
