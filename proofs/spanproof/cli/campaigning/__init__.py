"""Campaigns from the command line: their rounds, what is plugged in, and what is saved."""
