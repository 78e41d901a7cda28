"""The vocabulary of proofs: obligations, the questions that they ask, lemmas and assumptions."""
