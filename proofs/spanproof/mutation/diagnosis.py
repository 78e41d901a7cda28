"""What a finding is like: its program runs on every wrong variant that can be switched on.

A variant on which it comes to the very same difference behaves as what was found.
"""

import time
from collections.abc import Iterator
from functools import partial
from itertools import product
from typing import Final, NamedTuple, cast

from spanproof.fuzz.heapsides import SideFactory
from spanproof.fuzz.lockstep.divergence import Divergence
from spanproof.fuzz.lockstep.heaplockstep import run_heap_program
from spanproof.fuzz.lockstep.spanlockstep import run_program
from spanproof.fuzz.program import Program
from spanproof.fuzz.programs.heapprogram import HeapProgram
from spanproof.fuzz.subjects import Path, State, Subject, SubjectFactory
from spanproof.mutation.vectors import variants
from spanproof.mutation.vectors.variants import ModelVariant

SECONDS: Final = 20.0
"""How long variants are tried."""


class Resemblance(NamedTuple):
    """What a finding behaves like, and the rules that this breaks."""

    name: str
    rules: tuple[str, ...]

    def __str__(self) -> str:
        """Return it in words."""
        rules = f"; {'rule' if len(self.rules) == 1 else 'rules'} {', '.join(self.rules)}"
        return f"behaves like: {self.name}{rules if self.rules else ''}"


def diagnose(divergence: Divergence, seconds: float = SECONDS) -> Iterator[Resemblance]:
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
        if any(same(divergence, other) for other in runs_on(variant, divergence)):
            told.add(variant.name)
            yield Resemblance(variant.name, variant.rules or divergence.rules)


def variants_for(divergence: Divergence) -> Iterator[ModelVariant]:
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


def runs_on(variant: ModelVariant, divergence: Divergence) -> Iterator[Divergence | None]:
    """Run the program of a finding on a variant, which shows all, or as little as others may."""
    program = divergence.program
    factory = variant.make()
    if isinstance(program, HeapProgram):
        yield run_heap_program(program, cast("SideFactory", factory)).divergence
        return
    assert isinstance(program, Program)
    make = cast("SubjectFactory", factory)
    for shows_path, shows_state in product((True, False), repeat=2):
        veiled = partial(opaque_span, make, shows_path, shows_state)
        yield run_program(program, veiled).divergence


class OpaqueSpan:
    """A span that perhaps shows no state, or not by which path it found a slot."""

    def __init__(self, span: Subject, shows_path: bool, shows_state: bool) -> None:
        self._span = span
        self._shows_path = shows_path
        self._shows_state = shows_state
        self.mark = span.mark
        self.claim_and_sweep = span.claim_and_sweep
        self.flush = span.flush
        self.retire = span.retire
        self.refill = span.refill

    def allocate(self) -> tuple[int, Path | None]:
        """Hand out a slot."""
        slot, path = self._span.allocate()
        return slot, path if self._shows_path else None

    def state(self) -> State | None:
        """Show the whole state, or nothing."""
        return self._span.state() if self._shows_state else None


def opaque_span(
    make: SubjectFactory, shows_path: bool, shows_state: bool, program: Program
) -> OpaqueSpan:
    """Return the span that a program starts with, veiled."""
    return OpaqueSpan(make(program), shows_path, shows_state)


def same(one: Divergence, other: Divergence | None) -> bool:
    """Tell whether two runs of a program have come to the same difference."""
    return other is not None and one[1:] == other[1:]
