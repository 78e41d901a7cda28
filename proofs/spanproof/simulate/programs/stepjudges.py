"""The judges of a simulation, which hear each event, and are asked after each step.

What a step can have broken is looked at after it, or after a few; everything is at checkpoints.
What a judge says is one line about what is wrong, or None.
"""

import random
from collections.abc import Iterable
from typing import Final

from spanproof.replay.format.schema import Header
from spanproof.simulate.judging import ReplayJudge, growth_of
from spanproof.simulate.programs.ledger import Ledger
from spanproof.simulate.programs.programbooks import ProgramBooks
from spanspec.base.constants import PAGE_SIZE
from spanspec.events.fields import EventBase
from spanspec.events.heap_events import SpanInUse, SpanManual
from spanspec.events.span_events import Malloc, TinyHit
from spanspec.heap.changes import Changes
from spanspec.heap.heap import ZERO_BASE, Heap
from spanspec.heap.program import AddSpecial, AnyInput, FinishCycle
from spanspec.invariants import violations, violations_at
from spanspec.pages.memory.osmemory import FollowedOs
from spanspec.pages.pageheap import page_address
from spanspec.pages.tables.runs import PhysicalPages

CHECKPOINT: Final = 250
"""Steps from one look at everything to the next."""

TOGETHER: Final = 8
"""Steps whose events, and what they have changed, are judged together."""

LOOKED_AT: Final = 3
"""Objects of a program that are looked at after a step; all are, at checkpoints."""

SLOTS_ALONE: Final = frozenset({Malloc, TinyHit})
"""Events of steps that change nothing but slots, and a tiny block."""


class StepJudges:
    """The judges of one simulation. With `thorough`, everything is judged after each step.

    A heap tells events while it is set up; it is looked at from `follow` on.
    """

    def __init__(
        self, rng: random.Random, header: Header, os: FollowedOs, *, thorough: bool
    ) -> None:
        self._rng = rng
        self._os = os
        self._phys = PhysicalPages(header.phys_page_size, header.huge_page_size)
        self._thorough = thorough
        self._replay: ReplayJudge | None = ReplayJudge(header)
        self._ledger: Ledger | None = None
        self._until_checkpoint = CHECKPOINT
        self._unjudged = 0
        self._told: list[EventBase] = []
        self._before = 0
        self._heap_live = 0

    def follow(self, heap: Heap, books: ProgramBooks) -> None:
        """Watch a heap, and what its program knows of it."""
        self._heap = heap
        self._objects = books.objects
        self._ledger = Ledger(heap.state)
        self._changes = Changes(heap.state)

    @property
    def alive(self) -> bool:
        """Whether the process that is simulated goes on: it ends where memory cannot be had."""
        return self._replay is not None

    def hear(self, event: EventBase) -> None:
        """Note an event, just after what it tells of."""
        self._told.append(event)
        self._heap_live += growth_of(event)
        if self._ledger is not None:
            self._ledger.hear(event)

    def step_begins(self) -> None:
        """Note that what is told from now on is told of the next step."""
        self._before = len(self._told)

    def out_of_memory(self) -> str | None:
        """Judge what was told before a step that finds no memory.

        If the step has told anything, the runtime ends in the middle of it, and so would its trace:
        the replay judges nothing any more.
        """
        if len(self._told) == self._before:
            return None
        replay, self._replay = self._replay, None
        return None if replay is None else replay.run(self._told[: self._before])

    def step_ends(self, request: AnyInput) -> None:
        """Note an input that was taken, in so far as no event tells what it means."""
        state = self._heap.state
        if isinstance(request, FinishCycle):
            self._heap_live = state.accounts.heap_live
        elif isinstance(request, AddSpecial) and request.kind == "finalizer":
            assert self._ledger is not None
            if request.address != ZERO_BASE:  # nothing has one of no bytes: it is forgotten
                span = self._heap.span_of(request.address)
                self._ledger.finalizer_set(state.spans[span].elemsize)

    def judge(self) -> str | None:
        """Judge what a step has done; everything, if that is due."""
        self._until_checkpoint -= 1
        self._unjudged += 1
        wrong = self._judge_step()
        if wrong is None and (self._thorough or self._unjudged >= TOGETHER):
            wrong = self._judge_changes()
        if wrong is None and (self._thorough or self._until_checkpoint <= 0):
            wrong = self.judge_whole()
        return wrong

    def judge_whole(self) -> str | None:
        """Judge everything, and what was not judged before."""
        self._until_checkpoint = CHECKPOINT
        if self._unjudged:
            wrong = self._judge_changes()
            if wrong is not None:
                return wrong
        for problem in violations(self._heap.state):
            return f"{problem.invariant}: {problem.what}"
        if self._replay is not None:
            wrong = self._replay.at_rest(self._heap.state)
            if wrong is not None:
                return wrong
        return self._freed_in_use(self._objects.sizes)

    def _judge_changes(self) -> str | None:
        """Judge what the last steps have told, and what they have changed."""
        state, told = self._heap.state, self._told
        self._told, self._unjudged = [], 0
        changed = self._changes.look(not SLOTS_ALONE.issuperset(map(type, told)))
        at = state.spans if self._changes.phase_has_changed() else changed.spans
        for problem in violations_at(state, at, changed.spans):
            return f"{problem.invariant}: {problem.what}"
        if self._replay is None:
            return None
        return self._replay.run(told) or self._replay.at_rest(state, changed.spans)

    def _judge_step(self) -> str | None:
        """Judge a step by itself."""
        for address, size in self._os.outstanding.items():
            kept = f"{size} bytes at {address:#x}"
            return f"AR-4: {kept} are reserved, and neither used nor given back"
        unusable = self._usable()
        if unusable is not None:
            return unusable
        if self._ledger is not None and self._ledger.wrong is not None:
            return self._ledger.wrong
        live = self._heap.state.accounts.heap_live
        if live != self._heap_live:
            return f"CEN-10: heap_live is {live}, the observations sum up to {self._heap_live}"
        return self._freed_in_use(self._objects.some(self._rng, LOOKED_AT))

    def _usable(self) -> str | None:
        """Require that the pages of what came into use can be used (OS-1)."""
        for event in self._told[self._before :]:
            if type(event) is SpanInUse or type(event) is SpanManual:
                address, size = page_address(event.base_page), event.npages * PAGE_SIZE
                if not self._os.is_usable(self._phys, address, size):
                    return f"OS-1: {address:#x} + {size} is in use and not ready"
        return None

    def _freed_in_use(self, addresses: Iterable[int]) -> str | None:
        for address in addresses:
            if not self._heap.is_allocated(address):
                return f"I-38: the object at {address:#x} was freed while in use"
        return None
