"""Second opinions: questions as SMT-LIB 2 text, and the solvers that read it.

`smtlib` writes the text, `forms` gives a question with quantifiers a form that a solver decides,
`cvc5` and `bitwuzla` answer, `secondopinion` puts them together.
"""
