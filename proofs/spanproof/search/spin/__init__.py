"""The sharing protocol for SPIN: written by the translator, and searched state by state."""
