"""The model on its own: random programs and random schedules, judged after every step."""
