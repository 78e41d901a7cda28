"""The 409 rules of the Go 1.13.15 allocator: what each says, and where Go does it.

The ids are stable; docstrings, proofs and divergences cite them. One module for each area; the
reasons why some rules have nothing in the model stand in `uncovered`.
"""

from typing import Final

from spanspec.rules.caches import CEN, MC
from spanspec.rules.checks import T
from spanspec.rules.concurrency import CONC, VER
from spanspec.rules.invariants import EX, I
from spanspec.rules.malloc import MAL
from spanspec.rules.memory import AR, OS, SCAV
from spanspec.rules.pageheap import HEAP, TREAP
from spanspec.rules.rule import Rule
from spanspec.rules.sizeclasses import CONST, SC
from spanspec.rules.spans import SPAN
from spanspec.rules.sweeping import SWP

__all__ = ["RULES", "Rule"]

_FAMILIES: Final = (
    CONST, SC, SPAN, MAL, MC, CEN, SWP, HEAP, TREAP, AR, OS, SCAV, T, I, CONC, EX, VER,
)  # fmt: skip

RULES: Final = tuple(rule for family in _FAMILIES for rule in family)
"""Every rule, family by family."""
