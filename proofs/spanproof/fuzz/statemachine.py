"""A heap under test beside the model's as a Hypothesis state machine, for tests of your own.

    from spanproof.fuzz.statemachine import state_machine_of

    TestMyHeap = state_machine_of(make_my_heap).TestCase

Each rule is one operation on both heaps, with arguments that Hypothesis draws; whatever differs
fails the test, and Hypothesis shrinks the run. `spanspec fuzz` does many more operations a second;
this is for those who want Hypothesis's own reports, settings and database.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from msgspec.structs import replace

from spanproof.fuzz.differences.differences import Difference, Raised
from spanproof.fuzz.heapsides import NoMemory, Side, SideFactory
from spanproof.fuzz.lockstep.divergence import divergence_of
from spanproof.fuzz.lockstep.heaplockstep import HeapLockstep
from spanproof.fuzz.programs.choices import strategy_of
from spanproof.fuzz.programs.heapgrammar import (
    COUNTS,
    LAST_GENERATIONS,
    PHYSICAL,
    PS,
    PURPOSES,
    SMALL,
    SPAN_FILLERS,
    elsewhere,
    size_of,
    special,
)
from spanproof.fuzz.programs.heapprogram import (
    EnsureSwept,
    FinishCycle,
    FlushCaches,
    FreeManual,
    HeapProgram,
    Malloc,
    MarkAt,
    PassTime,
    PhysicalPage,
    ScavengeAll,
    SetProcs,
    StartCycle,
    Step,
    Sweep,
    TakeManual,
    describe_step,
)
from spanproof.fuzz.subjects import Refused
from spanspec.events.heap_events import Purpose

P = st.sampled_from(PS)
NUMBER = st.integers(0, 99)


class HeapMachine(RuleBasedStateMachine):
    """The model's heap and another; a subclass says how the other one is made.

    With `thorough` the whole state is compared, and every invariant of the model checked, after
    each operation; else what it has changed, where the heap shows parts of its state.
    """

    thorough: ClassVar[bool] = False

    def __init__(self) -> None:
        super().__init__()
        self.pair: HeapLockstep | None = None
        self.steps: list[Step] = []

    def make_heap(self, program: HeapProgram) -> Side:
        """Return the heap under test, at the beginning of a program."""
        raise NotImplementedError("a subclass makes the heap under test")

    @initialize(
        procs=st.sampled_from((1, 1, 2, 4)),
        sweepgen=st.sampled_from((0, 0, *LAST_GENERATIONS)),
        physical=st.sampled_from(PHYSICAL),
    )
    def begin(self, procs: int, sweepgen: int, physical: PhysicalPage) -> None:
        """Make both heaps."""
        self.begun = HeapProgram((), procs, sweepgen, physical)
        self.pair = HeapLockstep(self.begun, self.make_heap, thorough=self.thorough)

    def take(self, step: Step) -> None:
        """Take a step on both heaps and compare.

        Raises: Difference if they differ; Raised if one of them fails; they tell the program so
            far, both values, and the rules.
        """
        assert self.pair is not None
        self.steps.append(step)
        with self._telling(describe_step(step)):
            self.pair.take(step)

    @contextmanager
    def _telling(self, doing: str) -> Iterator[None]:
        """Let what is raised tell the program so far; nothing is compared any more then."""
        try:
            yield
        except (Difference, Raised, Refused, NoMemory) as problem:
            program = replace(self.begun, steps=tuple(self.steps))
            found = divergence_of(program, len(self.steps), doing, problem)
            self.pair = None
            # Hypothesis drops the notes of an exception.
            problem.args = (found.render(),)
            raise

    @rule(size=strategy_of(size_of), p=P, noscan=st.booleans(), zero=st.booleans())
    def malloc(self, size: int, p: int, noscan: bool, zero: bool) -> None:
        """Allocate an object."""
        self.take(Malloc(size, 1, p, noscan, zero))

    @rule(size=st.integers(1, 2048), p=P)
    def malloc_small(self, size: int, p: int) -> None:
        """Allocate a small object."""
        self.take(Malloc(size, 1, p))

    @rule(size=st.integers(1, 15), p=P)
    def malloc_tiny(self, size: int, p: int) -> None:
        """Allocate a tiny object."""
        self.take(Malloc(size, 1, p, noscan=True))

    @rule(size=st.sampled_from(SMALL + SPAN_FILLERS), count=st.sampled_from(COUNTS), p=P)
    def malloc_many(self, size: int, count: int, p: int) -> None:
        """Allocate objects of one size, a span full of them for example."""
        for _ in range(count):
            self.take(Malloc(size, 1, p))

    @rule(n=st.integers(1, 4), k=st.integers(0, 3), p=P)
    def collect(self, n: int, k: int, p: int) -> None:
        """Run a cycle in which every n-th object is found alive, and those that follow are dead."""
        assert self.pair is not None
        self.take(StartCycle(p))
        for place in range(k % n, len(self.pair.holdings.books.living), n):
            self.take(MarkAt(place, "object"))
        self.take(FinishCycle(p))

    @rule(p=P)
    def start_cycle(self, p: int) -> None:
        """Begin to mark."""
        self.take(StartCycle(p))

    @rule(k=NUMBER)
    def mark(self, k: int) -> None:
        """Mark a living object."""
        self.take(MarkAt(k, "object"))

    @rule(p=P)
    def finish_cycle(self, p: int) -> None:
        """End marking."""
        self.take(FinishCycle(p))

    @rule(p=P)
    def sweep(self, p: int) -> None:
        """Sweep a span."""
        self.take(Sweep(1, p))

    @rule(k=NUMBER, p=P)
    def ensure_swept(self, k: int, p: int) -> None:
        """Have the span of a living object swept."""
        self.take(EnsureSwept(k, p))

    @rule(step=strategy_of(special))
    def special(self, step: Step) -> None:
        """Set, remove or run finalizers."""
        self.take(step)

    @rule(step=strategy_of(elsewhere))
    def elsewhere(self, step: Step) -> None:
        """Do something at an address of any kind."""
        self.take(step)

    @rule(npages=st.sampled_from((4, 8, 256, 512)), purpose=st.sampled_from(PURPOSES), p=P)
    def take_manual(self, npages: int, purpose: Purpose, p: int) -> None:
        """Take a manual span."""
        self.take(TakeManual(npages, purpose, p))

    @rule(k=NUMBER, p=P)
    def free_manual(self, k: int, p: int) -> None:
        """Give a manual span back."""
        self.take(FreeManual(k, p))

    @rule(procs=st.integers(1, 4), p=P)
    def set_procs(self, procs: int, p: int) -> None:
        """Set the number of Ps."""
        self.take(SetProcs(procs, p))

    @rule(p=P)
    def flush_caches(self, p: int) -> None:
        """Flush the caches."""
        self.take(FlushCaches(p))

    @rule(p=P)
    def scavenge_all(self, p: int) -> None:
        """Return all free memory."""
        self.take(ScavengeAll(p))

    @rule(milliseconds=st.sampled_from((1, 10, 1000, 100_000)), p=P)
    def pass_time(self, milliseconds: int, p: int) -> None:
        """Let time pass."""
        self.take(PassTime(milliseconds, p))

    def teardown(self) -> None:
        """Compare all once more."""
        if self.pair is not None:
            with self._telling("the comparison at the end"):
                self.pair.compare()


def state_machine_of(make: SideFactory, *, thorough: bool = False) -> type[HeapMachine]:
    """Return the state machine of the heaps that a factory makes."""

    class Machine(HeapMachine):
        def make_heap(self, program: HeapProgram) -> Side:
            return make(program)

    Machine.thorough = thorough
    return Machine
