"""Running a program on the model and on a subject, and comparing everything after every step."""

from collections import Counter
from collections.abc import Callable
from operator import index
from typing import Final, SupportsIndex, TypeVar, cast

from spanproof.fuzz.differences.differences import IMPLEMENTATION, MODEL, Difference, Raised
from spanproof.fuzz.differences.display import both_shown
from spanproof.fuzz.lockstep.divergence import Run, StepHeard, run_steps
from spanproof.fuzz.lockstep.novelty import Feature
from spanproof.fuzz.program import (
    Allocate,
    Flush,
    MarkEvery,
    MarkFree,
    Program,
    Refill,
    Retire,
    StartCycle,
    Step,
    Sweep,
    describe_step,
)
from spanproof.fuzz.subjects import (
    KnowsAhead,
    ModelSpan,
    Path,
    Refused,
    Subject,
    SubjectFactory,
    SweepOutcome,
)
from spanspec.span.sweepgen import (
    is_cached,
    is_legal_between_cycles,
    is_stale,
    needs_sweep,
    next_cycle,
)

Result = TypeVar("Result")

RULES: Final[dict[str, tuple[str, ...]]] = {
    "nelems": ("SPAN-5",),
    "freeindex": ("SPAN-15",),
    "alloc_count": ("SPAN-9",),
    "alloc_bits": ("SPAN-8",),
    "mark_bits": ("SPAN-21",),
    "alloc_cache": ("SPAN-10",),
    "sweepgen": ("SWP-3",),
    "needzero": ("HEAP-35",),
}
"""The rules of each part of a span's state."""

OF_ALLOCATION: Final = ("SPAN-12", "SPAN-15")
"""The rules of which slot is handed out, and by which path."""


def _same(what: str, rules: tuple[str, ...], expected: object, seen: object) -> None:
    if expected != seen:
        raise Difference(what, expected, seen, rules=rules)
    _require_integers(expected, seen)


def _require_integers(expected: object, seen: object) -> None:
    """Have what equals an integer be one: 1.0 equals 1, and is no slot.

    Raises: Raised, with the implementation's name, if it does not convert.
    """
    if isinstance(expected, tuple) and isinstance(seen, tuple):
        for one, other in zip(expected, seen, strict=True):
            _require_integers(one, other)
    elif type(expected) is int and type(seen) is not int:
        with IMPLEMENTATION:
            index(cast("SupportsIndex", seen))


class SpanLockstep:
    """A model span and a subject that take every step together."""

    def __init__(self, program: Program, factory: SubjectFactory) -> None:
        with MODEL:
            self.model = ModelSpan(program)
        with IMPLEMENTATION:
            self.subject: Subject = factory(program)
        self.sg = program.sweepgen
        self._cache_shown = False
        self.exercised: Counter[str] = Counter()
        self.features: set[Feature] = set()
        self._last: Feature = ()

    def take(self, step: Step) -> None:
        """Take one step on both sides and compare.

        Raises: Difference if they differ.
        """
        with MODEL:
            enabled = self._enabled(step)
        if not enabled:
            self.exercised["not enabled"] += 1
            return
        before = self.exercised.copy()
        match step:
            case Allocate(count=count):
                self._allocate(count)
            case MarkEvery(n=n, k=k):
                for slot in list(self.model.allocated())[k % n :: n]:
                    self._mark(slot)
            case MarkFree(k=k):
                self._mark_free(k)
            case StartCycle():
                self.exercised["wrap-arounds"] += next_cycle(self.sg) < self.sg
                self.sg = next_cycle(self.sg)
            case Sweep():
                self._swept(*self._both(lambda side: side.claim_and_sweep(self.sg)))
            case Flush():
                self._swept(*self._both(lambda side: side.flush(self.sg)))
            case Retire():
                self._both(lambda side: side.retire(self.sg))
                self.exercised["retirements"] += 1
            case Refill():
                self._both(lambda side: side.refill(self.sg))
                self.exercised["refills"] += 1
        self.compare()
        self._note(step, before)

    def _note(self, step: Step, before: Counter[str]) -> None:
        """Note what a step has shown: what was exercised, and in which state it has left a span."""
        span = self.model.span
        done = frozenset(self.exercised - before) - {"calls"}
        now: Feature = (type(step).__name__, done, span.alloc_count == span.nelems)
        self.features.add(("path", *now))
        self.features.add(("met", self._last, now))
        self.features.add(
            ("at", type(step).__name__, span.freeindex % 64 in (0, 63), span.needzero)
        )
        self._last = now

    def _mark(self, slot: int) -> None:
        self._both(lambda side: side.mark(slot))
        self.exercised["marks"] += 1

    def _both(self, call: Callable[[Subject], Result]) -> tuple[Result, Result]:
        """Make a call that the state allows on both sides, and return what they say.

        Raises: Raised, with the side's name, if one refuses, or raises something else.
        """
        self.exercised["calls"] += 1
        try:
            with MODEL:
                expected = call(self.model)
        except Refused as problem:
            raise Raised("model", problem) from problem
        try:
            with IMPLEMENTATION:
                return expected, call(self.subject)
        except Refused as problem:
            raise Raised("implementation", problem) from problem

    def end(self) -> None:
        """Let both sides go, which go by themselves."""

    def compare(self) -> None:
        """Compare the whole state, and check the model's own invariants.

        Raises: Difference at the first difference.
        """
        with MODEL:
            expected = self.model.state()
        with IMPLEMENTATION:
            seen = self.subject.state()
            shown = () if seen is None else zip(expected._fields, expected, seen, strict=True)
            for field, one, other in shown:
                if field == "alloc_cache" and not self._shows_cache(other):
                    continue
                if one != other:
                    texts = both_shown(field, one, other)
                    raise Difference(field, *texts, rules=RULES[field], after=True)
                _require_integers(one, other)
        with MODEL:
            broken = self.model.broken_invariant(self.sg)
        if broken is not None:
            raise Difference(
                f"invariant {broken} of the model's own state",
                "breaks it",
                "is in the same state",
                side="model",
                rules=(broken,),
                after=True,
            )

    def _shows_cache(self, seen: object) -> bool:
        """Tell whether the span has shown an allocCache; one that shows none has none."""
        self._cache_shown = self._cache_shown or seen is not None
        return self._cache_shown

    def _enabled(self, step: Step) -> bool:
        """Tell, by the model, whether a step may be taken now."""
        span, sg = self.model.span, self.sg
        gen = self.model.sweepgen
        cached = is_cached(sg, gen)
        match step:
            case Allocate():
                return cached
            case MarkEvery() | MarkFree():
                return is_legal_between_cycles(sg, gen)
            case StartCycle():
                return is_legal_between_cycles(sg, gen) and (not cached or span.alloc_count > 0)
            case Sweep():
                return needs_sweep(sg, gen)
            case Flush():
                return (cached or is_stale(sg, gen)) and span.alloc_count > 0
            case Retire():
                return cached and span.alloc_count == span.nelems
            case Refill():
                return gen == sg and span.alloc_count < span.nelems

    def _allocate(self, count: int) -> None:
        count = min(count, self.model.span.nelems - self.model.span.alloc_count + 1)
        if isinstance(self.subject, KnowsAhead):
            with IMPLEMENTATION:
                self.subject.will_allocate(count)
        for _ in range(count):
            before = self.model.state().freeindex
            expected, seen = self._both(lambda side: side.allocate())
            path = expected[1]
            assert path is not None, "the model has both paths"
            if isinstance(seen, tuple) and len(seen) == 2 and seen[1] is None:
                _same("slot of an allocation", OF_ALLOCATION, expected[0], seen[0])
            else:
                _same("slot and path of an allocation", OF_ALLOCATION, expected, seen)
            self._note_path(path, before)
            if path == "full":
                break

    def _note_path(self, path: Path, freeindex: int) -> None:
        self.exercised[f"{path} allocations"] += 1
        if path == "slow" and (freeindex + 1) % 64 == 0:
            self.exercised["word ends"] += 1

    def _mark_free(self, k: int) -> None:
        taken = set(self.model.allocated())
        free = [slot for slot in range(self.model.span.nelems + 1) if slot not in taken]
        slot = free[k % len(free)]
        refusals = []
        for code, side in ((MODEL, self.model), (IMPLEMENTATION, self.subject)):
            try:
                with code:
                    side.mark(slot)
                refusals.append(f"marks free slot {slot}")
            except Refused:
                refusals.append(f"refuses to mark slot {slot}")
        _same("marking a free slot", ("I-4",), *refusals)
        self.exercised["refusals"] += 1

    def _swept(self, expected: SweepOutcome | None, seen: SweepOutcome | None) -> None:
        _same("outcome of the sweep", ("SWP-24",), expected, seen)
        if expected is None:
            self.exercised["flushes"] += 1
            return
        self.exercised["sweeps"] += 1
        self.exercised["freed slots"] += expected.nfreed


def run_program(program: Program, factory: SubjectFactory, on_step: StepHeard | None = None) -> Run:
    """Run a program in lockstep, up to the first divergence.

    Whatever a side raises is a divergence, and names the side: a crash is an observation.
    """
    return run_steps(
        program, program.steps, lambda: SpanLockstep(program, factory), describe_step, on_step
    )
