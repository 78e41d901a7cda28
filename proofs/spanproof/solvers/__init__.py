"""Deciding questions: Z3 in this process, others by SMT-LIB text, and proofs that are checked."""
