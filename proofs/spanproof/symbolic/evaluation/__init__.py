"""Evaluation of a rule's statements and expressions over symbolic values."""
