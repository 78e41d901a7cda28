"""The sides of a comparison: their interfaces, the model, and the implementation."""
