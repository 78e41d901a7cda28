"""The invariants I-1 to I-40, each a named predicate on a whole state.

A predicate yields a line for each place where it is violated, and nothing if it holds.
"""

from spanspec.invariants.checking import Violation, violations, violations_at
from spanspec.invariants.registry import INVARIANTS, Invariant, When

__all__ = ["INVARIANTS", "Invariant", "Violation", "When", "violations", "violations_at"]
