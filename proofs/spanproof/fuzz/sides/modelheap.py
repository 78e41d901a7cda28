"""The model's heap, as a side of the lockstep."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Concatenate, Final, ParamSpec, TypeVar, cast

from msgspec import to_builtins

from spanproof.fuzz import reasons
from spanproof.fuzz.addressspace import AddressSpace
from spanproof.fuzz.differences.differences import Refused
from spanproof.fuzz.heapsides import (
    MADV_DONTNEED,
    MADV_HUGEPAGE,
    MADV_NOHUGEPAGE,
    Event,
    NoMemory,
    Side,
    State,
    WholeEvent,
    WholeState,
)
from spanproof.fuzz.programs.heapprogram import Answer, HeapProgram
from spanproof.fuzz.reasons import reason_in, wordings
from spanproof.fuzz.sides.earlierlooks import WithEarlierLooks
from spanproof.fuzz.sides.modelstate import counts_of, state_of
from spanproof.fuzz.sides.shape import as_compared
from spanspec.base.ids import NOBODY
from spanspec.events.heap_events import Purpose
from spanspec.heap import heap as model
from spanspec.heap import program as inputs
from spanspec.heap.lines import Lines
from spanspec.heap.machine import Steps, completed
from spanspec.heap.parts import whole_of
from spanspec.heap.program import Input
from spanspec.heap.state.addresses import pointer_is_bad, span_at
from spanspec.heap.state.pacing import Effort
from spanspec.pages.memory.arena import GrantingOs
from spanspec.pages.memory.osmemory import huge_advice, no_huge_advice
from spanspec.pages.tables.runs import Bounds, PhysicalPages
from spanspec.span.mspan import NO_OBJECT, find_object, is_allocated
from spanspec.span.specials import SpecialKind

SAYS: Final = wordings(
    {
        r"^no P ": reasons.NO_P,
        r"^T-90": reasons.NOTHING_ALIVE,
        r"cycle|marking": reasons.PHASE,
        r"^T-85": reasons.BAD_POINTER,
        r"slot is free|in a free slot": reasons.FREE,
        r"not at beginning": reasons.NOT_FIRST,
        r"already": reasons.HAS_ONE,
        r"^T-4[01]|in no object|in no span in use|not in allocated block": reasons.NO_OBJECT,
        r"is not manual": reasons.NOT_MANUAL,
        r"\d+ Ps|a size of|pages": reasons.ARGUMENT,
    }
)
"""What the model's refusals say, from the first pattern that is found on."""


class ProgramOs(GrantingOs):
    """The operating system on the model's side, with the answers of a program.

    It tells each call, and what the kernel is told of the use of memory in consequence. `told` has
    that, and the heap's own events among it.
    """

    def __init__(self, answers: tuple[Answer, ...], phys: PhysicalPages, lines: Lines) -> None:
        super().__init__()
        self._lines = lines
        self.answers = list(answers)
        self._space = AddressSpace()
        self.told: list[object] = []
        self._phys = phys

    def reserve(self, address: int, size: int) -> int:
        """Answer by the script."""
        answer = self.answers.pop(0) if self.answers else "grant"
        found = self._space.reserve(answer, address, size)
        self._tell("os reserve", address=address, size=size, found=found)
        return found

    def map(self, address: int, size: int) -> int:
        """Tell it, and grant it."""
        self._tell("os map", address=address, size=size)
        return super().map(address, size)

    def release(self, address: int, size: int) -> None:
        """Tell it."""
        self._space.release(address, size)
        self._tell("os release", address=address, size=size)

    def used(self, address: int, size: int) -> None:
        """Tell it, and which huge pages it may make whole again."""
        self._tell("os used", address=address, size=size)
        # Most ranges are too small to have any.
        if size >= self._phys.huge:
            self._advise(huge_advice(self._phys, address, size), MADV_HUGEPAGE)

    def unused(self, address: int, size: int) -> None:
        """Tell it, and which huge pages it cuts."""
        self._tell("os unused", address=address, size=size)
        for cut in no_huge_advice(self._phys, address, size):
            self._advise(cut, MADV_NOHUGEPAGE)
        self._advise(Bounds(address, address + size), MADV_DONTNEED)

    def huge(self, address: int, size: int) -> None:
        """Tell it, and which huge pages are whole in it."""
        self._tell("os huge", address=address, size=size)
        self._advise(huge_advice(self._phys, address, size), MADV_HUGEPAGE)

    def _advise(self, about: Bounds, advice: int) -> None:
        if about.end > about.start:
            size = about.end - about.start
            self._tell("os madvise", address=about.start, size=size, advice=advice)

    def _tell(self, kind: str, **figures: object) -> None:
        # A recorder counts these lines, too. What it says of lines is not compared; but events that
        # agree in it as well are seen to be alike as they are.
        self._lines.told += 1
        self._lines.bound += 1
        self.told.append({"k": kind, **figures})


Result = TypeVar("Result")
Given = ParamSpec("Given")

STEPWISE: Final[dict[str, Callable[..., object]]] = {}
"""The calls of a `ModelHeap`, by name, that take their steps one by one."""


def at_once(
    call: Callable[Concatenate["ModelHeap", Given], Steps[Result]],
) -> Callable[Concatenate["ModelHeap", Given], Result]:
    """Make a call that takes all its steps of one that takes them one by one."""

    def whole(model: "ModelHeap", /, *args: Given.args, **kwargs: Given.kwargs) -> Result:
        model.alone = True
        try:
            return completed(call(model, *args, **kwargs))
        finally:
            model.alone = False

    whole.__name__, whole.__doc__ = call.__name__, call.__doc__
    STEPWISE[call.__name__] = call
    return whole


def stepwise(
    call: Callable[Concatenate["ModelHeap", Given], Steps[Result]],
) -> Callable[Concatenate["ModelHeap", Given], Steps[Result]]:
    """Enter a call `NAME_by_steps`, which takes its steps one by one, as NAME."""
    STEPWISE[call.__name__.removesuffix("_by_steps")] = call
    return call


class Stepwise:
    """The calls of the model, each of which takes its steps one by one."""

    def __init__(self, model: "ModelHeap") -> None:
        self._model = model

    def __getattr__(self, name: str) -> Callable[..., object]:
        return partial(STEPWISE[name], self._model)


def refused(problem: model.Refused) -> Refused:
    """Return a refusal of the model as one of a side."""
    text = str(problem)
    return Refused(text, reason_in(text, SAYS))


class ModelHeap:
    """The model, behind the interface of a side.

    With `whole_sections`, pages are taken in one step. While it is `alone`, a call takes its steps
    with nobody in between.
    """

    def __init__(self, program: HeapProgram) -> None:
        self.whole_sections = self.alone = False
        sizes = PhysicalPages(program.physical, 2 << 20)
        self.looks = WithEarlierLooks()
        self._os = ProgramOs(program.answers, sizes, self.looks.telling)
        self.heap = model.Heap(
            program.procs, self._os, sizes, self._os.told.append, program.sweepgen, self.looks
        )

    def _run(self, request: Input) -> int | None:
        """Return the result of a call of one operation that is taken at once."""
        try:
            return self.heap.run(request)
        except model.Refused as problem:
            raise refused(problem) from None
        except model.OutOfMemory as problem:
            raise NoMemory(str(problem)) from None

    def end(self) -> None:
        """Let the state go: nothing is asked of this heap any more.

        Its decisions know of it, and it of them. Without that it is freed as soon as it is dropped;
        else Python's collector goes through all that was made meanwhile to find it.
        """
        del self.looks.state

    def begin(self, call: Callable[[Side], int | None]) -> Steps[int | None]:
        """Return a call that takes its steps one by one; those of other calls may come between."""
        return cast(Steps[int | None], call(cast(Side, Stepwise(self))))

    def _do(self, request: Input) -> Steps[int | None]:
        if self.alone:
            return self._run(request)
        try:
            return (yield from self.heap.begin(request, self.whole_sections))
        except model.Refused as problem:
            raise refused(problem) from None
        except model.OutOfMemory as problem:
            raise NoMemory(str(problem)) from None

    # The busiest calls run at once without a generator around them, which takes as long as they do.
    def malloc(self, size: int, noscan: bool, zero: bool, p: int) -> int:
        """Allocate an object."""
        address = self._run(inputs.Allocate(p, size, noscan, zero))
        assert address is not None
        return address

    @stepwise
    def malloc_by_steps(self, size: int, noscan: bool, zero: bool, p: int) -> Steps[int]:
        """Allocate an object, step by step."""
        address = yield from self._do(inputs.Allocate(p, size, noscan, zero))
        assert address is not None
        return address

    @at_once
    def start_cycle(self, p: int) -> Steps[None]:
        """Begin to mark."""
        yield from self._do(inputs.StartCycle(p))

    def mark(self, address: int) -> None:
        """Mark an object."""
        self._run(inputs.MarkObject(0, address))

    @stepwise
    def mark_by_steps(self, address: int) -> Steps[None]:
        """Mark an object, step by step."""
        yield from self._do(inputs.MarkObject(0, address))

    @at_once
    def finish_cycle(self, p: int) -> Steps[None]:
        """End marking."""
        yield from self._do(inputs.FinishCycle(p))

    @at_once
    def finish_paced(self, p: int, took_ns: int, assist_ns: int) -> Steps[None]:
        """End the marking of a cycle that began by itself."""
        yield from self._do(inputs.FinishCycle(p, Effort(took_ns, assist_ns)))

    @at_once
    def sweep_one(self, p: int) -> Steps[int]:
        """Sweep a span."""
        pages = yield from self._do(inputs.SweepOne(p))
        return -1 if pages is None else pages

    @at_once
    def ensure_swept(self, address: int, p: int) -> Steps[None]:
        """Have a span swept."""
        yield from self._do(inputs.EnsureSwept(p, address))

    @at_once
    def add_special(self, address: int, kind: SpecialKind, p: int) -> Steps[None]:
        """Give an object a special record."""
        yield from self._do(inputs.AddSpecial(p, address, kind))

    @at_once
    def remove_finalizer(self, address: int, p: int) -> Steps[None]:
        """Take a finalizer away."""
        yield from self._do(inputs.RemoveFinalizer(p, address))

    @at_once
    def run_finalizers(self) -> Steps[None]:
        """Run the finalizers that are due."""
        yield from self._do(inputs.RunFinalizers())

    @at_once
    def take_manual(self, npages: int, purpose: Purpose, p: int) -> Steps[int]:
        """Take a manual span."""
        span = yield from self._do(inputs.TakeManual(p, npages, purpose))
        assert span is not None
        return self.heap.state.pages.runs[span].base

    @at_once
    def free_manual(self, address: int, p: int) -> Steps[None]:
        """Give a manual span back."""
        span = self.heap.state.pages.map.span_of(address)
        run = self.heap.state.pages.runs.records.get(span)
        # The input names a span; which one begins at an address is nobody's rule.
        begins = run is not None and run.base == address
        yield from self._do(inputs.FreeManual(p, span if begins else NOBODY))

    def find(self, address: int) -> int:
        """Return the slot that holds an address."""
        state = self.heap.state
        span = span_at(state, address)
        found = NO_OBJECT if span == NOBODY else find_object(state.spans[span], address)
        if found.base == 0:
            bad = pointer_is_bad(state, address)
            reason = reasons.BAD_POINTER if bad else reasons.NO_OBJECT
            raise Refused(f"no object at {address:#x}", reason)
        if not is_allocated(state.spans[span], found.slot):
            free = reasons.free_slot(found.slot, state.spans[span].base)
            raise Refused(f"no object at {address:#x}", free)
        return found.base

    def beside(self, address: int, living: Sequence[int]) -> list[int]:
        """Return the living objects in the slot that holds an address."""
        try:
            base = self.find(address)
        except Refused:
            return []
        record = self.heap.state.spans[span_at(self.heap.state, address)]
        return [one for one in living if base <= one < base + record.elemsize]

    @at_once
    def set_procs(self, procs: int, p: int) -> Steps[None]:
        """Set the number of Ps."""
        yield from self._do(inputs.SetProcs(p, procs))

    @at_once
    def flush_caches(self, p: int) -> Steps[None]:
        """Flush the caches."""
        yield from self._do(inputs.FlushMcaches(p))

    @at_once
    def scavenge_all(self, p: int) -> Steps[None]:
        """Return all free memory."""
        yield from self._do(inputs.ScavengeAll(p))

    @at_once
    def free_os_memory(self, p: int) -> Steps[None]:
        """Sweep all that is unswept, and return all free memory, as FreeOSMemory ends."""
        yield from self._do(inputs.FinishSweeping(p))
        yield from self._do(inputs.ScavengeAll(p))

    @at_once
    def pass_time(self, nanoseconds: int, p: int) -> Steps[None]:
        """Let time pass."""
        yield from self._do(inputs.ScavengeLater(p, nanoseconds))

    @at_once
    def set_gc_percent(self, percent: int, p: int) -> Steps[int]:
        """Set GOGC."""
        return (yield from self._do(inputs.SetGcPercent(p, percent))) or 0

    def trigger(self) -> int:
        """Return the heap at which a cycle is due."""
        return self.heap.trigger

    def events(self) -> Sequence[tuple[str, Event]]:
        """Return the new events."""
        return [as_compared(event) for event in self.whole_events()]

    def whole_events(self) -> list[WholeEvent]:
        """Return the new events as a trace has them."""
        told = self._os.told
        made: list[WholeEvent] = to_builtins(told)
        told.clear()
        return made

    def state(self) -> State:
        """Return the whole state, and what was counted."""
        return {**self.state_now(), "counts": counts_of(self.heap.state)}

    def state_now(self) -> State:
        """Return the whole state, between any two steps."""
        return {**state_of(self.heap.state), "scavenger": self._sleep()}

    def whole(self) -> WholeState:
        """Return what `state` does in plain tuples."""
        state = self.heap.state
        return WholeState(whole_of(state), self._sleep(), counts_of(state))

    def _sleep(self) -> tuple[object, ...]:
        """Return how the background scavenger sleeps."""
        scavenger = self.heap.scavenger
        # Parked, it has no time at which it wakes.
        wakes = None if scavenger.parked else scavenger.wake_at
        return (scavenger.parked, wakes, scavenger.retry_delay, scavenger.backs_off)
