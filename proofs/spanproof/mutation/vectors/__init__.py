"""Vectors: what implementations are asked and must reply, and wrong variants that each tells."""
