"""The span of `spanalloc` as a subject, in its installed or in any other version."""

from types import SimpleNamespace

import spanalloc
from spanalloc.span.span import Span
from spanproof.fuzz.program import Program
from spanproof.fuzz.subjects import BASE, Path, Refused, State, SweepOutcome


class SpanallocSpan:
    """Drives one `spanalloc.Span`; `error` is the exception by which it refuses."""

    def __init__(self, span: Span, error: type[Exception]) -> None:
        self._span = span
        self._error = error

    def allocate(self) -> tuple[int, Path]:
        """Hand out a slot: the fast path, then the slow one."""
        slot = self._span.malloc_fast()
        if slot >= 0:
            return slot, "fast"
        slot = self._span.malloc_slow()
        return (slot, "slow") if slot >= 0 else (self._span.nelems, "full")

    def mark(self, slot: int) -> None:
        """Mark a slot."""
        try:
            self._span.mark(slot)
        except self._error as problem:
            raise Refused(str(problem)) from None

    def claim_and_sweep(self, sg: int) -> SweepOutcome:
        """Win the span and sweep it."""
        if not self._span.claim(sg):
            raise Refused("the claim was lost")
        return self._sweep(sg)

    def flush(self, sg: int) -> SweepOutcome | None:
        """Leave the cache; a stale span is swept."""
        return self._sweep(sg) if self._span.uncache(sg) else None

    def _sweep(self, sg: int) -> SweepOutcome:
        return SweepOutcome(self._span.sweep(sg), self._span.was_empty)

    def retire(self, sg: int) -> None:
        """Leave the cache as a full span."""
        self._span.retire(sg)

    def refill(self, sg: int) -> None:
        """Enter a cache."""
        self._span.cache(sg)

    def state(self) -> State:
        """Return the whole state."""
        seen = self._span.snapshot()
        return State(
            seen.nelems,
            seen.freeindex,
            seen.alloc_count,
            seen.alloc_bits,
            seen.mark_bits,
            seen.alloc_cache if seen.freeindex < seen.nelems else None,
            seen.sweepgen,
            seen.needzero,
        )


def installed(program: Program) -> SpanallocSpan:
    """Return the installed implementation's span for a program."""
    return spans_of_package(SimpleNamespace(Span=spanalloc.Span, SpanError=spanalloc.SpanError))(
        program
    )


class spans_of_package:  # noqa: N801 - used like the function `installed`
    """Makes spans from any package that has `Span` and `SpanError`, such as a changed copy."""

    def __init__(self, package: SimpleNamespace) -> None:
        self._package = package

    def __call__(self, program: Program) -> SpanallocSpan:
        """Return the span that a program starts with."""
        spanclass = program.size_class * 2 + program.noscan
        span = self._package.Span(BASE, spanclass, program.pages, program.sweepgen)
        return SpanallocSpan(span, self._package.SpanError)
