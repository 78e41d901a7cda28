"""Deciding questions: Z3 in this process, other solvers, and proofs that another program checks.

`questions/` writes SMT-LIB 2 text, and gives a question with quantifiers a form that a solver
decides; `engines/` has Z3 and the others, which answer; `secondopinion` puts them together, and
`certify` has proofs written and checked.
"""
