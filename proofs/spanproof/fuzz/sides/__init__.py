"""The sides of a comparison: the model and spanalloc behind one interface, and who makes others."""
