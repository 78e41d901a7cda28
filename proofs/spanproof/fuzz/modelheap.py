"""The model's heap, as a side of the lockstep."""

from collections.abc import Sequence
from typing import Final

import msgspec

from spanproof.fuzz import reasons
from spanproof.fuzz.differences import Refused
from spanproof.fuzz.heapprogram import Answer, HeapProgram
from spanproof.fuzz.heapsides import (
    MADV_DONTNEED,
    MADV_HUGEPAGE,
    MADV_NOHUGEPAGE,
    UNTOLD,
    Event,
    NoMemory,
    State,
    place_for,
)
from spanproof.fuzz.modelstate import counts_of, state_of
from spanproof.fuzz.reasons import reason_in, wordings
from spanproof.fuzz.scheduler import Scheduler
from spanspec.base.ids import NOBODY
from spanspec.events.fields import EventBase
from spanspec.heap import heap as model
from spanspec.heap import program as inputs
from spanspec.heap.cycle import pointer_is_bad, span_at
from spanspec.heap.program import Input
from spanspec.pages.arena import Willing
from spanspec.pages.osmemory import huge_advice, no_huge_advice
from spanspec.pages.pagealloc import Purpose
from spanspec.pages.runs import Bounds, PhysicalPages
from spanspec.span.mspan import NO_OBJECT, find_object, is_allocated
from spanspec.span.specials import SpecialKind
from spanspec.trace.schema import KIND_OF

SAYS: Final = wordings(
    {
        r"^no P ": reasons.NO_P,
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


class ScriptedOs(Willing):
    """The operating system on the model's side, with the answers of a program.

    It tells each call, and what the kernel is told of the use of memory in consequence.
    """

    def __init__(self, answers: tuple[Answer, ...], phys: PhysicalPages) -> None:
        super().__init__()
        self.answers = list(answers)
        self.asked = 0
        self.told: list[tuple[str, Event]] = []
        self._phys = phys

    def reserve(self, address: int, size: int) -> int:
        """Answer by the script."""
        self.asked += 1
        answer = self.answers.pop(0) if self.answers else "grant"
        found = place_for(answer, address, size, self.asked)
        self._tell("os reserve", address=address, size=size, found=found)
        return found

    def map(self, address: int, size: int) -> int:
        """Tell it, and grant it."""
        self._tell("os map", address=address, size=size)
        return super().map(address, size)

    def release(self, address: int, size: int) -> None:
        """Tell it."""
        self._tell("os release", address=address, size=size)

    def used(self, address: int, size: int) -> None:
        """Tell it, and which huge pages it may make whole again."""
        self._tell("os used", address=address, size=size)
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
        self.told.append((kind, figures))


class ModelHeap:
    """The model, behind the interface of a side."""

    def __init__(self, program: HeapProgram) -> None:
        sizes = PhysicalPages(program.physical, 2 << 20)
        self._os = ScriptedOs(program.answers, sizes)
        self._scheduler: Scheduler | None = None
        self.heap = model.Heap(
            program.procs, self._os, sizes, self._tell, sweepgen=program.sweepgen
        )

    def _tell(self, event: EventBase) -> None:
        figures: dict[str, object] = msgspec.to_builtins(event)
        for untold in UNTOLD:
            figures.pop(untold, None)
        self._os.told.append((KIND_OF[type(event)], figures))
        if self._scheduler is not None:
            self._scheduler.step_ends()

    def obey(self, scheduler: Scheduler | None) -> None:
        """Let a scheduler know of each step, which ends with its event, and of each wait."""
        self._scheduler = scheduler
        self.heap.on_wait = None if scheduler is None else scheduler.cannot_go_on

    def _step(self, request: Input) -> int | None:
        try:
            return self.heap.step(request).result
        except model.Refused as problem:
            raise Refused(str(problem), reason_in(str(problem), SAYS)) from None
        except model.OutOfMemory as problem:
            raise NoMemory(str(problem)) from None

    def malloc(self, size: int, noscan: bool, zero: bool, p: int) -> int:
        """Allocate an object."""
        address = self._step(inputs.Allocate(p, size, noscan, zero))
        assert address is not None
        return address

    def start_cycle(self, p: int) -> None:
        """Begin to mark."""
        self._step(inputs.StartCycle(p))

    def mark(self, address: int) -> None:
        """Mark an object."""
        self._step(inputs.MarkObject(0, address))

    def finish_cycle(self, p: int) -> None:
        """End marking."""
        self._step(inputs.FinishCycle(p))

    def sweep_one(self, p: int) -> int:
        """Sweep a span."""
        pages = self._step(inputs.SweepOne(p))
        return -1 if pages is None else pages

    def ensure_swept(self, address: int, p: int) -> None:
        """Have a span swept."""
        self._step(inputs.EnsureSwept(p, address))

    def add_special(self, address: int, kind: SpecialKind, p: int) -> None:
        """Give an object a special record."""
        self._step(inputs.AddSpecial(p, address, kind))

    def remove_finalizer(self, address: int, p: int) -> None:
        """Take a finalizer away."""
        self._step(inputs.RemoveFinalizer(p, address))

    def run_finalizers(self) -> None:
        """Run the finalizers that are due."""
        self._step(inputs.RunFinalizers())

    def take_manual(self, npages: int, purpose: Purpose, p: int) -> int:
        """Take a manual span."""
        span = self._step(inputs.TakeManual(p, npages, purpose))
        assert span is not None
        return self.heap.state.pages.runs[span].base

    def free_manual(self, address: int, p: int) -> None:
        """Give a manual span back."""
        span = self.heap.state.pages.map.span_of(address)
        run = self.heap.state.pages.runs.get(span)
        # The input names a span; which one begins at an address is nobody's rule.
        begins = run is not None and run.base == address
        self._step(inputs.FreeManual(p, span if begins else NOBODY))

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

    def set_procs(self, procs: int, p: int) -> None:
        """Set the number of Ps."""
        self._step(inputs.SetProcs(p, procs))

    def flush_caches(self, p: int) -> None:
        """Flush the caches."""
        self._step(inputs.FlushMcaches(p))

    def scavenge_all(self, p: int) -> None:
        """Return all free memory."""
        self._step(inputs.ScavengeAll(p))

    def free_os_memory(self, p: int) -> None:
        """Sweep all that is unswept, and return all free memory, as FreeOSMemory ends."""
        self._step(inputs.FinishSweeping(p))
        self._step(inputs.ScavengeAll(p))

    def pass_time(self, nanoseconds: int, p: int) -> None:
        """Let time pass."""
        self._step(inputs.ScavengeLater(p, nanoseconds))

    def set_gc_percent(self, percent: int, p: int) -> int:
        """Set GOGC."""
        return self._step(inputs.SetGcPercent(p, percent)) or 0

    def trigger(self) -> int:
        """Return the heap at which a cycle is due."""
        return self.heap.trigger

    def events(self) -> Sequence[tuple[str, Event]]:
        """Return the new events."""
        told, self._os.told = self._os.told, []
        return told

    def state(self) -> State:
        """Return the whole state, and what was counted."""
        return {**self.state_now(), "counts": counts_of(self.heap.state)}

    def state_now(self) -> State:
        """Return the whole state, between any two steps."""
        scavenger = self.heap.scavenger
        # Parked, it has no time at which it wakes.
        wakes = None if scavenger.parked else scavenger.wake_at
        sleep = (scavenger.parked, wakes, scavenger.retry_delay, scavenger.backs_off)
        return {**state_of(self.heap.state), "scavenger": sleep}
