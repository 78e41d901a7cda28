"""The translator under test: whole functions at random, as terms and as Python runs them.

`inside` writes functions of the subset, `outside` puts one construct of the rest of Python's
grammar into such a function, `judge` compares, and `campaign` does so many times.
"""
