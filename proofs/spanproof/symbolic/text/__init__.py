"""The text of a rule: which constructs it may have, where it is, and what it defines."""
