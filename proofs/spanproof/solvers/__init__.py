"""Second opinions: questions as SMT-LIB 2 text, and the solvers that read it.

`questions/` writes the text, and gives a question with quantifiers a form that a solver decides;
`engines/` has Z3 and the others, which answer; `secondopinion` puts them together.
"""
