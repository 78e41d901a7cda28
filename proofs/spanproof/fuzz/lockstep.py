"""Running a program on the model and on a subject, and comparing everything after every step."""

from collections import Counter

from spanproof.fuzz.divergence import Run, run_steps
from spanproof.fuzz.parted import Parted, shown
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
    ModelSpan,
    Path,
    Refused,
    Subject,
    SubjectFactory,
    SweepOutcome,
)
from spanspec.sweepgen import is_cached, is_legal_between_cycles, is_stale, needs_sweep, next_cycle


def _same(what: str, expected: object, seen: object) -> None:
    if expected != seen:
        raise Parted(what, expected, seen)


class Lockstep:
    """A model span and a subject that take every step together."""

    def __init__(self, program: Program, factory: SubjectFactory) -> None:
        self.model = ModelSpan(program)
        self.subject: Subject = factory(program)
        self.sg = program.sweepgen
        self.exercised: Counter[str] = Counter()

    def take(self, step: Step) -> None:
        """Take one step on both sides and compare.

        Raises: Parted if they differ.
        """
        if not self._enabled(step):
            self.exercised["not enabled"] += 1
            return
        match step:
            case Allocate(count=count):
                self._allocate(count)
            case MarkEvery(n=n, k=k):
                for slot in list(self.model.allocated())[k % n :: n]:
                    self.model.mark(slot)
                    self.subject.mark(slot)
                    self.exercised["marks"] += 1
            case MarkFree(k=k):
                self._mark_free(k)
            case StartCycle():
                self.exercised["wrap-arounds"] += next_cycle(self.sg) < self.sg
                self.sg = next_cycle(self.sg)
            case Sweep():
                expected = self.model.claim_and_sweep(self.sg)
                self._swept(expected, self.subject.claim_and_sweep(self.sg))
            case Flush():
                self._swept(self.model.flush(self.sg), self.subject.flush(self.sg))
            case Retire():
                self.model.retire(self.sg)
                self.subject.retire(self.sg)
                self.exercised["retirements"] += 1
            case Refill():
                self.model.refill(self.sg)
                self.subject.refill(self.sg)
                self.exercised["refills"] += 1
        self.compare()

    def compare(self) -> None:
        """Compare the whole state, and check the model's own invariants.

        Raises: Parted at the first difference.
        """
        expected, seen = self.model.state(), self.subject.state()
        for field, one, other in zip(expected._fields, expected, seen, strict=True):
            if one != other:
                in_hex = field.endswith(("bits", "cache"))
                raise Parted(field, shown(one, in_hex), shown(other, in_hex))
        broken = self.model.broken_invariant(self.sg)
        if broken is not None:
            raise Parted(f"the model's own invariant {broken}", "holds", "is broken")

    def _enabled(self, step: Step) -> bool:
        """Tell, by the model, whether a step may be taken now."""
        span, sg = self.model.span, self.sg
        gen = span.sweepgen
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
        for _ in range(count):
            before = self.model.state().freeindex
            expected, seen = self.model.allocate(), self.subject.allocate()
            _same("slot and path of an allocation", expected, seen)
            self._note_path(expected[1], before)
            if expected[1] == "full":
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
        for side in (self.model, self.subject):
            try:
                side.mark(slot)
                refusals.append(f"marks free slot {slot}")
            except Refused:
                refusals.append(f"refuses to mark slot {slot}")
        _same("marking a free slot", *refusals)
        self.exercised["refusals"] += 1

    def _swept(self, expected: SweepOutcome | None, seen: SweepOutcome | None) -> None:
        _same("outcome of the sweep", expected, seen)
        if expected is None:
            self.exercised["flushes"] += 1
            return
        self.exercised["sweeps"] += 1
        self.exercised["freed slots"] += expected.nfreed


def run_program(program: Program, factory: SubjectFactory) -> Run:
    """Run a program in lockstep, up to the first divergence.

    Whatever the subject raises is a divergence: a crash is an observation.
    """
    return run_steps(program, program.steps, lambda: Lockstep(program, factory), describe_step)
