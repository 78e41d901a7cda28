"""The command line `spanspec`: `commands` has one module for each.

Exit status: 0 holds; 1 a divergence, counterexample or surviving mutant; 2 the call or its input is
unusable, or a bug of ours; 130 on interrupt, and for SIGTERM and SIGHUP 143 and 129.
"""

from spanproof.cli.entry import main

__all__ = ["main"]
