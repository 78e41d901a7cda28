"""Processes that a command starts, pools of them, and signals: nothing is left running."""
