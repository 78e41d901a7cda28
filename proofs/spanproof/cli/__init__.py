"""The command line `spanspec`: one module for each command.

Exit status: 0 holds; 1 a divergence, counterexample or surviving mutant; 2 the call or its input
is unusable; 130 on interrupt.
"""

from spanproof.cli.app import main

__all__ = ["main"]
