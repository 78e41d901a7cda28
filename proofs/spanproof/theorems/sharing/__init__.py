"""Theorems about spans that threads share."""
