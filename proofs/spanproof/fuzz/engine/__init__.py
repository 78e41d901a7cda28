"""The search for a difference: what is new guides it, and what is found is made small."""
