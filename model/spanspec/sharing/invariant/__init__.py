"""What holds of spans, slots, Ps and threads after every step."""
