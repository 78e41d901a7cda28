"""What a finding is like: its program runs on every wrong variant that can be switched on.

A variant on which it comes to the very same difference behaves as what was found.
"""

import time
from collections.abc import Iterator
from typing import Final, NamedTuple, cast

from spanproof.fuzz.divergence import Divergence
from spanproof.fuzz.heaplockstep import run_heap_program
from spanproof.fuzz.heapprogram import HeapProgram
from spanproof.fuzz.heapsides import SideFactory
from spanproof.fuzz.lockstep import run_program
from spanproof.fuzz.program import Program
from spanproof.fuzz.subjects import SubjectFactory
from spanproof.mutation import variants
from spanproof.mutation.variants import Variant

SECONDS: Final = 20.0
"""How long variants are tried."""


class Like(NamedTuple):
    """What a finding behaves like, and the rules that this breaks."""

    name: str
    rules: tuple[str, ...]

    def __str__(self) -> str:
        """Return it in words."""
        rules = f"; {'rule' if len(self.rules) == 1 else 'rules'} {', '.join(self.rules)}"
        return f"behaves like: {self.name}{rules if self.rules else ''}"


def diagnose(divergence: Divergence, seconds: float = SECONDS) -> Iterator[Like]:
    """Yield the variants that come to the same difference in the same step.

    One whose rules are not known breaks those of the difference.
    """
    until = time.monotonic() + seconds
    told: set[str] = set()
    for variant in variants_for(divergence):
        if time.monotonic() >= until:
            return
        if variant.name in told:
            continue
        other = run_on(variant, divergence)
        if other is not None and same(divergence, other):
            told.add(variant.name)
            yield Like(variant.name, variant.rules or divergence.rules)


def variants_for(divergence: Divergence) -> Iterator[Variant]:
    """Return the variants that a program can run on; a finding of another kind has none."""
    if divergence.side is not None:
        return iter(())
    match divergence.program:
        case Program():
            return variants.of_span()
        case HeapProgram():
            return variants.of_heap()
        case _:
            return iter(())


def run_on(variant: Variant, divergence: Divergence) -> Divergence | None:
    """Run the program of a finding on a variant."""
    program = divergence.program
    factory = variant.make()
    if isinstance(program, HeapProgram):
        return run_heap_program(program, cast("SideFactory", factory)).divergence
    assert isinstance(program, Program)
    return run_program(program, cast("SubjectFactory", factory)).divergence


def same(one: Divergence, other: Divergence) -> bool:
    """Tell whether two runs of a program have come to the same difference."""
    return one[1:] == other[1:]
