"""Named wrong variants: each is one changed piece of source, and what must object to it.

A check that never failed proves nothing, so every obligation has at least one mutant here.
"""

from spanproof.mutants.catalogue import MUTANTS
from spanproof.mutants.mutant import Mutant

__all__ = ["MUTANTS", "Mutant"]
