"""From the Python source of a rule to a Z3 term.

`Translator` evaluates a function's own source text over symbolic values. The subset of Python
that rules are written in is described in docs/subset.md; anything else is an
`UnsupportedConstruct` that names file and line.
"""
