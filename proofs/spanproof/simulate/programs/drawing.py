"""What a simulated program asks of its heap next: drawn at random, by what it knows of it."""

import random
from typing import Final

from spanproof.fuzz.programs.places import PLACES, Books, address_at
from spanproof.simulate.programs.programbooks import ProgramBooks
from spanproof.simulate.programs.workloads import Workload
from spanspec.events.heap_events import Purpose
from spanspec.heap.decisions import Decisions
from spanspec.heap.program import (
    AddSpecial,
    AnyInput,
    EnsureSwept,
    FinishCycle,
    FinishSweeping,
    FlushMcaches,
    FreeManual,
    MarkObject,
    RemoveFinalizer,
    RunFinalizers,
    ScavengeAll,
    ScavengeLater,
    SetGcPercent,
    SetProcs,
    StartCycle,
    SweepOne,
    TakeManual,
)
from spanspec.heap.state.pacing import Effort
from spanspec.heap.state.state import HeapState
from spanspec.span.specials import SpecialKind

MOST_OBJECTS: Final = 300
"""Objects that a program keeps at most; beyond it, it drops half of them."""

MOST_BYTES: Final = 120 << 20
"""Bytes that it keeps at most; enough for several arenas."""

PERCENTAGES: Final = (-1, 0, 10, 100, 100, 100, 400, (1 << 31) - 1)
"""What GOGC is set to."""


class Drawing:
    """The inputs of one program, one by one. `stray` tells whether the last one drawn asked for
    something at an address of any kind, which may be refused.
    """

    def __init__(
        self, rng: random.Random, state: HeapState, books: ProgramBooks, workload: str
    ) -> None:
        self._rng = rng
        self._state = state
        self._books = books
        self._workload = Workload(rng, workload)
        self.stray = False

    def next(self) -> AnyInput:
        """Draw the next input."""
        self.stray = False
        books = self._books
        rng, p = self._rng, self._rng.randrange(self._state.procs)
        if rng.random() < 0.004:
            self._workload.change()
        if rng.random() < 0.02:
            stray = self._stray_input(p)
            if stray is not None:
                self.stray = True
                return stray
        if books.marking:
            if books.to_mark and rng.random() < 0.9:
                address = books.to_mark.pop()
                return MarkObject(p, address + rng.randrange(min(books.objects.sizes[address], 2)))
            if not books.to_mark and rng.random() < 0.2:
                return FinishCycle(p, self._effort())
            return self._workload.allocation(p)
        draw = rng.random()
        full = len(books.objects.sizes) > MOST_OBJECTS or books.objects.total > MOST_BYTES
        if draw < 0.004 or (full and draw < 0.3):
            return StartCycle(p)
        if draw < 0.03 and books.objects.sizes:
            return self._special(p) or self._workload.allocation(p)
        if draw < 0.35:
            return self._workload.allocation(p) if self._state.sweepdone else SweepOne(p)
        if draw < 0.36 and books.objects.sizes:
            return EnsureSwept(p, rng.choice(list(books.objects.sizes)))
        if draw < 0.38:
            purpose: Purpose = rng.choice(("stack", "gc", "other"))
            npages = 4 if purpose == "gc" else 4 << rng.randrange(4)
            return TakeManual(p, npages, purpose)
        if draw < 0.40 and books.manual:
            return FreeManual(p, books.manual.pop(rng.randrange(len(books.manual))))
        if draw < 0.402:
            return SetProcs(p, rng.randrange(1, 6))
        if draw < 0.405:
            return FinishSweeping(p) if draw < 0.404 else ScavengeAll(p)
        if draw < 0.412:
            return ScavengeLater(p, rng.randrange(1, 100_000_000))
        if draw < 0.414:
            return FlushMcaches(p)
        if draw < 0.416:
            return SetGcPercent(p, rng.choice(PERCENTAGES))
        return self._workload.allocation(p)

    def _effort(self) -> Effort | None:
        """Say what the cycle has taken, if it shall have begun by itself, which it seldom can."""
        found = self._state.inputs
        if not (isinstance(found, Decisions) and found.marked) or self._rng.random() < 0.5:
            return None
        duration = self._rng.randrange(10**8)
        return Effort(duration, self._rng.randrange(4 * duration + 1))

    def _special(self, p: int) -> AnyInput | None:
        """Give an object a special record, or take one away."""
        rng, objects = self._rng, list(self._books.objects.sizes)
        # The last few are often in one tiny block.
        address = rng.choice(objects[-4:] if rng.random() < 0.5 else objects)
        if rng.random() < 0.3:
            return RemoveFinalizer(p, address)
        if rng.random() < 0.2:
            return RunFinalizers(p)
        kind: SpecialKind = rng.choice(("finalizer", "profile"))
        return None if (address, kind) in self._books.specials else AddSpecial(p, address, kind)

    def _stray_input(self, p: int) -> AnyInput | None:
        """Ask for something at an address of any kind: dead, free, of nothing; None if none is."""
        rng = self._rng
        known, runs = Books(), self._state.pages.runs
        known.living = list(self._books.objects.sizes)
        known.lost = self._books.lost
        known.manual = [runs[span].base for span in self._books.manual]
        place = rng.choice(tuple(PLACES))
        address = address_at(self._state, known, place, rng.randrange(100))
        if address is None:
            return None
        kind: SpecialKind = rng.choice(("finalizer", "profile"))
        asked: tuple[AnyInput, ...] = (
            AddSpecial(p, address, kind),
            RemoveFinalizer(p, address),
            EnsureSwept(p, address),
            MarkObject(p, address),
        )
        return rng.choice(asked)
