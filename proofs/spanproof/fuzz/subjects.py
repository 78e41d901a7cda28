"""The two sides of the lockstep: the model, and an implementation behind the same interface."""

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple, Protocol, runtime_checkable

from spanproof.fuzz.differences.differences import Refused as Refused
from spanproof.fuzz.program import Program
from spanspec.base.bitmap import Bits
from spanspec.base.constants import make_span_class
from spanspec.span.alloccache import cache_is_exact, next_free_fast, next_free_slow, reload_cache
from spanspec.span.mspan import (
    Mspan,
    bounds_hold,
    count_is_exact,
    init_span,
    is_allocated,
    set_marked,
)
from spanspec.span.sweep import sweep
from spanspec.span.sweepgen import (
    claim_for_sweep,
    enter_cache,
    is_legal,
    is_stale,
    leave_cache,
    publish_swept,
    retire_full,
)

BASE = 0xC0_0000_0000
Path = Literal["fast", "slow", "full"]


class State(NamedTuple):
    """The whole observable state of a span.

    `alloc_cache` is None where it has no meaning, and everywhere in an implementation without one.
    """

    nelems: int
    freeindex: int
    alloc_count: int
    alloc_bits: int
    mark_bits: int
    alloc_cache: int | None
    sweepgen: int
    needzero: int


class SweepOutcome(NamedTuple):
    """What a sweep reports: freed slots, and whether none was free before."""

    nfreed: int
    was_empty: bool


class Subject(Protocol):
    """A span under test. Each method is one operation; the heap's sweepgen is an argument."""

    def allocate(self) -> tuple[int, Path | None]:
        """Hand out a slot by the fast or the slow path; (nelems, "full") if there is none.

        An implementation without these two paths says None instead of a path.
        """
        ...

    def mark(self, slot: int) -> None:
        """Mark a slot.

        Raises: Refused if it is free or does not exist.
        """
        ...

    def claim_and_sweep(self, sg: int) -> SweepOutcome:
        """Win the span and sweep it."""
        ...

    def flush(self, sg: int) -> SweepOutcome | None:
        """Leave the cache; if stale, be swept at once and report it."""
        ...

    def retire(self, sg: int) -> None:
        """Leave the cache as a full span."""
        ...

    def refill(self, sg: int) -> None:
        """Enter a cache."""
        ...

    def state(self) -> State | None:
        """Return the whole state; None if it is not shown."""
        ...


@runtime_checkable
class KnowsAhead(Protocol):
    """A span that can do several allocations at once, as one that answers messages."""

    def will_allocate(self, count: int) -> None:
        """Know that so many slots are asked for next."""
        ...


SubjectFactory = Callable[[Program], Subject]
"""Makes the span that a program starts with."""


class ModelSpan:
    """The model's span: a record, replaced at each step by the model's own functions."""

    def __init__(self, program: Program) -> None:
        spanclass = make_span_class(program.size_class, program.noscan)
        self.span: Mspan = init_span(BASE, program.pages, spanclass, BASE)
        self.sweepgen = program.sweepgen

    def allocate(self) -> tuple[int, Path]:
        """Hand out the next slot, as mallocgc does."""
        path: Path = "fast"
        found = next_free_fast(self.span)
        if found.slot == self.span.nelems:
            found = next_free_slow(self.span)
            path = "full" if found.slot == self.span.nelems else "slow"
        self.span = found.span
        return found.slot, path

    def mark(self, slot: int) -> None:
        """Mark a slot."""
        try:
            self.span = set_marked(self.span, slot)
        except AssertionError as problem:
            if not str(problem).startswith("I-4"):
                raise
            raise Refused(str(problem)) from None

    def claim_and_sweep(self, sg: int) -> SweepOutcome:
        """Win the span and sweep it."""
        self.sweepgen = claim_for_sweep(sg, self.sweepgen)
        return self._sweep(sg)

    def flush(self, sg: int) -> SweepOutcome | None:
        """Leave the cache; a stale span is swept."""
        stale = is_stale(sg, self.sweepgen)
        self.sweepgen = leave_cache(sg, self.sweepgen)
        return self._sweep(sg) if stale else None

    def _sweep(self, sg: int) -> SweepOutcome:
        swept = sweep(self.span)
        self.span, self.sweepgen = swept.span, publish_swept(sg, self.sweepgen)
        return SweepOutcome(swept.nfreed, swept.was_empty)

    def retire(self, sg: int) -> None:
        """Leave the cache as a full span."""
        self.sweepgen = retire_full(sg, self.sweepgen)

    def refill(self, sg: int) -> None:
        """Enter a cache."""
        self.span, self.sweepgen = reload_cache(self.span), enter_cache(sg, self.sweepgen)

    def state(self) -> State:
        """Return the whole state."""
        span = self.span
        assert isinstance(span.alloc_bits, Bits)
        assert isinstance(span.gcmark_bits, Bits)
        return State(
            span.nelems,
            span.freeindex,
            span.alloc_count,
            span.alloc_bits.value,
            span.gcmark_bits.value,
            span.alloc_cache if span.freeindex < span.nelems else None,
            self.sweepgen,
            span.needzero,
        )

    def allocated(self) -> Sequence[int]:
        """Return the allocated slots in order."""
        return [slot for slot in range(self.span.nelems) if is_allocated(self.span, slot)]

    def broken_invariant(self, sg: int) -> str | None:
        """Return an invariant of the model that does not hold, if there is one."""
        span = self.span
        checks = {
            "I-1": bounds_hold(span),
            "I-2": count_is_exact(span),
            "I-3": cache_is_exact(span),
            "SWP-5": is_legal(sg, self.sweepgen),
        }
        return next((rule for rule, holds in checks.items() if not holds), None)
