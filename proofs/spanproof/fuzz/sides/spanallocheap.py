"""The heap of spanalloc, as a side of the lockstep: the installed one, or a changed copy."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from types import SimpleNamespace
from typing import Final, Protocol, cast

import spanalloc
from spanproof.fuzz import reasons
from spanproof.fuzz.addressspace import AddressSpace
from spanproof.fuzz.differences.differences import Refused
from spanproof.fuzz.heapsides import Event, NoMemory, State, WholeEvent, WholeState
from spanproof.fuzz.programs.heapprogram import Answer, HeapProgram
from spanproof.fuzz.reasons import reason_in, wordings
from spanproof.fuzz.scheduler import Scheduler
from spanproof.fuzz.sides.shape import as_compared
from spanproof.fuzz.sides.spanallocstate import state_of
from spanspec.events.heap_events import Purpose
from spanspec.heap.parts import Part, Wanted, Whole
from spanspec.span.specials import SpecialKind

COUNTS = ("mallocs", "frees", "tinyallocs", "total_alloc", "total_free")
"""What is counted, by the names of both sides."""

SAYS: Final = wordings(
    {
        r"no P ": reasons.NO_P,
        r"^T-90": reasons.NOTHING_ALIVE,
        r"cycle": reasons.PHASE,
        r"a bad pointer": reasons.BAD_POINTER,
        r"slot is free|cannot mark slot": reasons.FREE,
        r"not the first byte": reasons.NOT_FIRST,
        r"already": reasons.HAS_ONE,
        r"in no object|in no span in use": reasons.NO_OBJECT,
        r"no manual span": reasons.NOT_MANUAL,
        r"\d+ Ps|a size of|pages": reasons.ARGUMENT,
    }
)
"""What the heap's refusals say, from the first pattern that is found on."""


PACKAGES: Final = 4
"""Packages of which classes are kept: a changed copy is one of its own."""


GONE: Final[WholeEvent] = {}
"""Stands among the events of a recorder for one that was taken."""


class SpanallocHeap:
    """A heap of spanalloc, installed or changed; `package` has its classes."""

    def __init__(self, program: HeapProgram, package: SimpleNamespace) -> None:
        self._package = package
        self._recorder = package.Recorder()
        self._os = scripted_memory(package, program, self._recorder)
        self._turns = passing(package)
        self.heap = self._made(program)
        self._told = 0
        self._now = 0
        self._answers: tuple[type[Exception], ...] = (
            package.OutOfMemory,
            package.BadRequest,
            package.PhaseError,
            package.SpanError,
        )

    def _made(self, program: HeapProgram) -> spanalloc.Heap:
        """Return a heap that records what it does, and tells of its steps."""
        made: spanalloc.Heap = self._package.Heap(
            program.procs, self._os, self._recorder, program.sweepgen, self._turns
        )
        # Its locks are watched from now on; but while nobody decides whose turn it is, nobody is
        # told of each step.
        made.state.turns = None
        return made

    def obey(self, scheduler: Scheduler | None) -> None:
        """Pass what the heap says of its steps on to a scheduler."""
        self._turns.scheduler = scheduler
        self._pass_on(scheduler is not None)
        if scheduler is not None:
            # Each P is handed over to a thread of its own, and back when that has ended.
            for p in range(self.heap.procs):
                self.heap.release(p)

    def _pass_on(self, steps: bool) -> None:
        """Let the heap say of its steps that they end, or no more."""
        self.heap.state.turns = cast("spanalloc.Turns", self._turns) if steps else None

    def malloc(self, size: int, noscan: bool, zero: bool, p: int) -> int:
        """Allocate an object."""
        try:
            return self.heap.malloc(size, noscan, zero, p)
        except self._answers as problem:
            raise self._answer(problem) from None

    def start_cycle(self, p: int) -> None:
        """Begin to mark."""
        self._try(lambda: self.heap.start_cycle(p))

    def mark(self, address: int) -> None:
        """Mark an object."""
        try:
            self.heap.mark(address)
        except self._answers as problem:
            raise self._answer(problem) from None

    def finish_cycle(self, p: int) -> None:
        """End marking."""
        self._try(lambda: self.heap.finish((), p))

    def finish_paced(self, p: int, took_ns: int, assist_ns: int) -> None:
        """End the marking of a cycle that began by itself."""
        self._try(lambda: self.heap.finish((), p, took_ns, assist_ns))

    def sweep_one(self, p: int) -> int:
        """Sweep a span."""
        return int(self._try(lambda: self.heap.sweep_one(p)))

    def ensure_swept(self, address: int, p: int) -> None:
        """Have a span swept."""
        self._try(lambda: self.heap.ensure_swept(address, p))

    def find(self, address: int) -> int:
        """Return the slot that holds an address."""
        return int(self._try(lambda: self.heap.extent(address)[0]))

    def add_special(self, address: int, kind: SpecialKind, p: int) -> None:
        """Give an object a special record."""
        if kind == "finalizer":
            self._try(lambda: self.heap.set_finalizer(address, None, p))
        else:
            try:
                self._try(lambda: self.heap.set_profile(address, p))
            except Refused as problem:
                # Records that are no finalizers are not checked by SetFinalizer, but by T-40 alone.
                if problem.reason != reasons.BAD_POINTER:
                    raise
                raise Refused(str(problem), reasons.NO_OBJECT) from None

    def remove_finalizer(self, address: int, p: int) -> None:
        """Take a finalizer away."""
        self._try(lambda: self.heap.remove_finalizer(address, p) and None)

    def run_finalizers(self) -> None:
        """Run the finalizers that are due."""
        self._try(lambda: self.heap.run_finalizers() and None)

    def take_manual(self, npages: int, purpose: Purpose, p: int) -> int:
        """Take a manual span."""
        return int(self._try(lambda: self.heap.take_manual(npages, purpose, p)))

    def free_manual(self, address: int, p: int) -> None:
        """Give a manual span back."""
        self._try(lambda: self.heap.free_manual(address, p))

    def set_procs(self, procs: int, p: int) -> None:
        """Set the number of Ps."""
        self._try(lambda: self.heap.set_procs(procs, p))

    def flush_caches(self, p: int) -> None:
        """Flush the caches."""
        self._try(lambda: self.heap.flush_caches(p))

    def scavenge_all(self, p: int) -> None:
        """Return all free memory."""
        self._try(lambda: self.heap.scavenge_all(p))

    def free_os_memory(self, p: int) -> None:
        """Sweep all that is unswept, and return all free memory."""
        self._try(lambda: self.heap.free_os_memory(p) and None)

    def pass_time(self, nanoseconds: int, p: int) -> None:
        """Let time pass."""
        self._try(lambda: self.heap.scavenge_by(self._now + nanoseconds, p))
        self._now += nanoseconds

    def set_gc_percent(self, percent: int, p: int) -> int:
        """Set GOGC."""
        return self._try(lambda: self.heap.set_gc_percent(percent, p))

    def trigger(self) -> int:
        """Return the heap at which a cycle is due."""
        return int(self.heap.state.pacing.trigger)

    def _try(self, call: Callable[[], int | None]) -> int:
        try:
            result = call()
        except self._answers as problem:
            raise self._answer(problem) from None
        return 0 if result is None else result

    def _answer(self, problem: Exception) -> NoMemory | Refused:
        """Return what the lockstep calls a refusal, or want of memory."""
        if isinstance(problem, self._package.OutOfMemory):
            return NoMemory(str(problem))
        return Refused(str(problem), reason_in(str(problem), SAYS))

    def events(self) -> Sequence[tuple[str, Event]] | None:
        """Return the new events."""
        whole = self.whole_events()
        return None if whole is None else [as_compared(event) for event in whole]

    def whole_events(self) -> list[WholeEvent] | None:
        """Return the new events as the recorder notes them."""
        # The recorder goes on counting lines, so what is taken from it leaves its place; but not
        # itself: its memory serves the events of the next call.
        events: list[WholeEvent] = self._recorder.events
        begin = self._told
        told = events[begin:]
        if told:
            events[begin:] = [GONE] * len(told)
            self._told = len(events)
        return told

    def part(self, wanted: Wanted) -> Part:
        """Return a part of the state."""
        return Part(*self._package.heap.heapsnapshot.part_of(self.heap.state, *wanted))

    def whole(self) -> WholeState:
        """Return what `state` does in plain tuples."""
        heap = self.heap
        counts = self._counts()
        with self._package.heap.operation.stopped_by(heap.world, 0, True):
            part, *rest = self._package.heap.heapsnapshot.whole_of(heap.state)
        return WholeState(Whole(Part(*part), *rest), self._sleep(), counts)

    def state(self) -> State:
        """Return the whole state, with the world stopped, and what was counted."""
        counts = self._counts()
        parts = state_of(self.heap.snapshot())
        return {**parts, "scavenger": self._sleep(), "counts": counts}

    def _counts(self) -> dict[str, int]:
        """Return what was counted."""
        statistics = self.heap.statistics()
        return {name: getattr(statistics, name) for name in COUNTS}

    def state_now(self) -> State:
        """Return the whole state without stopping anybody."""
        return {
            **state_of(self._package.heap.heapsnapshot.shot_of(self.heap.state)),
            "scavenger": self._sleep(),
        }

    def _sleep(self) -> tuple[object, ...]:
        """Return how the background scavenger sleeps."""
        line = self.heap.state.line
        wakes = None if line.parked else line.wake_at
        return (line.parked, wakes, line.delay, line.backs_off)


class QuietHeap(SpanallocHeap):
    """A heap as programs use it: nothing is recorded, so that it may take its fastest way.

    That is not the way of one that is recorded: `malloc` has a fast path of its own. It takes no
    lock, so the interpreter must not switch threads in it: here there is one.
    """

    def _made(self, program: HeapProgram) -> spanalloc.Heap:
        package = self._package
        made: spanalloc.Heap = package.Heap(program.procs, self._os, sweepgen=program.sweepgen)
        made.world.set(package.heap.world.INTERPRETED, False)
        return made

    def _pass_on(self, steps: bool) -> None:
        """Let the heap go on saying nothing of its steps."""

    def whole_events(self) -> None:
        """Show none; what the system was asked is forgotten."""
        self._recorder.events.clear()


class ToldMemory(Protocol):
    """Simulated memory of a program: it is told what the program says that the system answers."""

    def follow(self, answers: tuple[Answer, ...], events: list[WholeEvent]) -> None:
        """Answer the first requests so, and put each call among some events."""
        ...


def scripted_memory(
    package: SimpleNamespace, program: HeapProgram, recorder: spanalloc.Recorder
) -> spanalloc.OsMemory:
    """Return a simulated operating system of a package, with the answers of a program.

    Each call, and each range that the kernel is told about, goes among the recorder's events.
    """
    made = scripted(package.SimulatedMemory)(package.PageSizes(program.physical, 2 << 20))
    cast(ToldMemory, made).follow(program.answers, recorder.events)
    return cast(spanalloc.OsMemory, made)


# Of a package, these classes are made once: to make a class takes longer than to make a heap.
@lru_cache(maxsize=PACKAGES)
def scripted(memory: type) -> type:
    """Return the class of simulated memory that follows a program's script."""

    class Scripted(memory):  # type: ignore[misc]
        def follow(self, answers: tuple[Answer, ...], events: list[WholeEvent]) -> None:
            self.answers, self.events = list(answers), events
            self.space = AddressSpace()

        def tell(self, kind: str, **figures: object) -> None:
            self.events.append({"k": kind, **figures})

        def reserve(self, address: int, size: int) -> int:
            answer: Answer = self.answers.pop(0) if self.answers else "grant"
            found = self.space.reserve(answer, address, size)
            self.tell("os reserve", address=address, size=size, found=found)
            return found

        def commit(self, address: int, size: int) -> int:
            self.tell("os map", address=address, size=size)
            return int(super().commit(address, size))

        def release(self, address: int, size: int) -> None:
            self.space.release(address, size)
            self.tell("os release", address=address, size=size)

        def used(self, base: int, size: int) -> None:
            self.tell("os used", address=base, size=size)
            super().welcome_huge(base, size)

        def unused(self, base: int, size: int) -> None:
            self.tell("os unused", address=base, size=size)
            super().unused(base, size)

        def welcome_huge(self, base: int, size: int) -> None:
            self.tell("os huge", address=base, size=size)
            super().welcome_huge(base, size)

        def madvise(self, address: int, size: int, advice: int) -> int:
            self.tell("os madvise", address=address, size=size, advice=advice)
            return 0

    return Scripted


class Passing(Protocol):
    """Turns that a scheduler decides, while there is one."""

    scheduler: Scheduler | None


def passing(package: SimpleNamespace) -> Passing:
    """Return the turns of a package, to be decided by a scheduler."""
    return cast(Passing, passed(package.Turns)())


@lru_cache(maxsize=PACKAGES)
def passed(turns: type) -> type:
    """Return the class of turns that a scheduler decides."""

    class Passed(turns):  # type: ignore[misc]
        scheduler: Scheduler | None = None

        def step_ends(self) -> None:
            if self.scheduler is not None:
                self.scheduler.step_ends()

        def published(self, span: int) -> None:
            if self.scheduler is not None:
                self.scheduler.published(span)

        def sweeper_leaves(self, thread: int) -> None:
            if self.scheduler is not None:
                self.scheduler.sweeper_leaves()

        def cannot_go_on(self) -> None:
            if self.scheduler is not None:
                self.scheduler.cannot_go_on()

    return Passed


class heaps_of_package:  # noqa: N801 - used like the function `installed`
    """Makes heaps from any package that has the classes of spanalloc, such as a changed copy.

    They are of a `kind`: recorded, or quiet.
    """

    def __init__(self, package: SimpleNamespace, kind: type[SpanallocHeap] = SpanallocHeap) -> None:
        self._package = package
        self._kind = kind

    def __call__(self, program: HeapProgram) -> SpanallocHeap:
        """Return the heap that a program starts with."""
        return self._kind(program, self._package)


INSTALLED: Final = SimpleNamespace(**vars(spanalloc))


def installed(program: HeapProgram) -> SpanallocHeap:
    """Return a heap of the installed spanalloc."""
    return SpanallocHeap(program, INSTALLED)


def quiet(program: HeapProgram) -> SpanallocHeap:
    """Return a heap of the installed spanalloc that records nothing."""
    return QuietHeap(program, INSTALLED)
