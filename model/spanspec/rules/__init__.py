"""The rules of the Go 1.13.15 allocator: what each says, and where Go does it.

The ids are stable; docstrings, proofs and divergences cite them. One module for each area; the
reasons why some rules have nothing in the model stand in `uncovered`.
"""

from typing import Final, NamedTuple

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

__all__ = ["FAMILIES", "RULES", "Family", "Rule"]


class Family(NamedTuple):
    """Rules about one thing, numbered from 1 under one name."""

    about: str
    rules: tuple[Rule, ...]


FAMILIES: Final = {
    "CONST": Family("constants", CONST),
    "SC": Family("size classes", SC),
    "SPAN": Family("a span, its slots and bits", SPAN),
    "MAL": Family("mallocgc", MAL),
    "MC": Family("the cache of a P", MC),
    "CEN": Family("central lists", CEN),
    "SWP": Family("sweep generations, sweeping, the cycle", SWP),
    "HEAP": Family("the page heap", HEAP),
    "TREAP": Family("the free spans of the page heap", TREAP),
    "AR": Family("arenas", AR),
    "OS": Family("the operating system", OS),
    "SCAV": Family("the scavenger", SCAV),
    "T": Family("fatal checks: the message, and when it fails", T),
    "I": Family("invariants of the whole heap", I),
    "CONC": Family("what holds when several threads act", CONC),
    "EX": Family("worked examples", EX),
    "VER": Family("other versions of Go", VER),
}
"""Every family by its name, with which the ids of its rules begin."""

RULES: Final = tuple(rule for family in FAMILIES.values() for rule in family.rules)
"""Every rule, family by family."""
