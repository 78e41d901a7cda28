"""The model on its own, under random programs: what a step can have broken is checked after it.

All invariants are checked at checkpoints. A program that fails at one is run again, with all of
them after each step, so that the step is named which has broken something.

A program is drawn step by step from a seed, in moods that stress one part of the allocator each.
Apart from the invariants, five judges watch: objects in use never overlap and stay allocated, the
replay accepts what a recorder would have observed, which is a run of the proved protocol, no fatal
check of the runtime fails, and books kept apart agree on what was reclaimed, searched and paced.
"""

import random
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Final, Literal

from spanproof.fuzz.heapprogram import Answer
from spanproof.fuzz.modelpart import Changes
from spanproof.fuzz.places import PLACES, Books, address_at
from spanproof.simulate.judging import Failure, Judge, Objects, Simulated, growth_of, header_for
from spanproof.simulate.ledger import Ledger
from spanproof.simulate.moods import Mood
from spanproof.simulate.program import SimulatedProgram
from spanproof.simulate.scattered import Scattered
from spanspec.base.constants import PAGE_SIZE
from spanspec.events.fields import EventBase
from spanspec.events.heap_events import SpanInUse, SpanManual
from spanspec.events.span_events import Malloc, TinyHit
from spanspec.heap.decisions import Decisions
from spanspec.heap.heap import ZERO_BASE, Heap, OutOfMemory, Refused
from spanspec.heap.memstats import live_by_spans, read_memstats
from spanspec.heap.pacing import Effort
from spanspec.heap.program import (
    AddSpecial,
    Allocate,
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
from spanspec.invariants import violations, violations_at
from spanspec.pages.arena import Os, Willing
from spanspec.pages.osmemory import FollowedOs
from spanspec.pages.pagealloc import Purpose
from spanspec.pages.pageheap import page_address
from spanspec.pages.persistent import ARENA_MAP_BYTES
from spanspec.pages.runs import PhysicalPages
from spanspec.pages.scavenge import nothing_left
from spanspec.span.specials import FINALIZER, SpecialKind
from spanspec.span.sweepgen import is_legal_between_cycles
from spanspec.trace.schema import KIND_OF, Header

CHECKPOINT: Final = 250
"""Steps from one look at everything to the next."""

TOGETHER: Final = 8
"""Steps whose events, and what they have changed, are judged together."""

LOOKED_AT: Final = 3
"""Objects of a program that are looked at after a step; all are, at checkpoints."""

SLOTS_ALONE: Final = frozenset({Malloc, TinyHit})
"""Events of steps that change nothing but slots, and a tiny block."""

MOST_OBJECTS: Final = 300
"""Objects that a program keeps at most; beyond it, it drops half of them."""

MOST_BYTES: Final = 120 << 20
"""Bytes that it keeps at most; enough for several arenas."""

PHYS_PAGES: Final = (4096, 4096, 4096, 16384, 65536)
"""Physical page sizes to choose from: where they exceed 8 KiB, neighbours share one (HEAP-32)."""

PHYSICAL: Final[dict[int, Literal[4096, 16384, 65536]]] = {
    4096: 4096,
    16384: 16384,
    65536: 65536,
}

MOST_LOST: Final = 200
"""Addresses of dead objects that a program remembers."""

PERCENTAGES: Final = (-1, 0, 10, 100, 100, 100, 400, (1 << 31) - 1)
"""What GOGC is set to."""


class Simulation:
    """One random program and the heap that it runs on.

    `on_event` is told every event that a recorder would have observed: up to the first failure of
    an allocation, which ends a real process. With `saved` the program is that one instead, in which
    a refused input is left out. With `thorough`, everything is judged after each step.
    """

    def __init__(
        self,
        seed: int,
        on_event: Callable[[EventBase], None] | None = None,
        saved: SimulatedProgram | None = None,
        *,
        thorough: bool = False,
    ) -> None:
        self._thorough = thorough or saved is not None
        self._until_checkpoint = CHECKPOINT
        self.rng = random.Random(seed)
        self.seed = seed
        self.phys = PhysicalPages(self.rng.choice(PHYS_PAGES), 2 << 20)
        self.procs = self.rng.choice((1, 1, 2, 4))
        plain = seed % 2 == 0
        self._answers: list[Answer] = []
        system: Os = Willing()
        if saved is not None:
            self.phys, self.procs = PhysicalPages(saved.physical, 2 << 20), saved.procs
        script = None if saved is None else saved.answers
        if not plain if saved is None else saved.answers:
            scattered = Scattered(self.rng, self.rng.randrange(4, 16), script)
            system, self._answers = scattered, scattered.answers
        self._left = None if saved is None else list(reversed(saved.inputs))
        self._stray = False
        self._books = Books()
        self.objects = Objects()
        self.events: Counter[str] = Counter()
        self.steps: Counter[str] = Counter()
        self.program: list[AnyInput] = []
        self._on_event = on_event
        self._born: set[int] = set()
        self._marked: set[int] = set()
        self._to_mark: list[int] = []
        self._marking = False
        self._specials: set[tuple[int, SpecialKind]] = set()
        self._due = 0
        self._mood = Mood(self.rng, "small" if plain else "huge")
        self._manual: list[int] = []
        self._fresh: list[EventBase] = []
        self._before = 0
        self._unjudged = 0
        self._live_bytes = 0
        self._judge: Judge | None = Judge(header_for(self.phys, self.procs, 0, "simulation"))
        self._first_procs = self.procs
        self.os = FollowedOs(system)
        self._ledger: Ledger | None = None
        self.heap = Heap(self.procs, self.os, self.phys, self._observe)
        self._ledger = Ledger(self.heap.state)
        self._changes = Changes(self.heap.state)

    def header(self, events: int) -> Header:
        """Return the header of a recording of so many events."""
        return header_for(self.phys, self.procs, events, f"simulation {self.seed}")

    def _observe(self, event: EventBase) -> None:
        self._fresh.append(event)
        self.events[KIND_OF[type(event)]] += 1
        self._live_bytes += growth_of(event)
        if self._ledger is not None:
            self._ledger.hear(event)
        if self._on_event is not None and self._judge is not None:
            self._on_event(event)

    def run(self, steps: int, on_step: Callable[[int], None] | None = None) -> Simulated:
        """Take so many steps, up to the first failure; of a saved program, those that there are."""
        failure = None
        if self._left is not None:
            steps = min(steps, len(self._left))
        for number in range(1, steps + 1):
            what = self.step() or (self._judge_whole() if number == steps else None)
            if what is not None:
                failure = self._first_failure(number) or Failure(number, what, self.saved())
                break
            if on_step is not None:
                on_step(number)
        return Simulated(self.seed, self.steps, self.events, failure)

    def _first_failure(self, number: int) -> Failure | None:
        """Return how this program fails first, with everything judged after each step."""
        if self._thorough:
            return None
        return Simulation(self.seed, thorough=True).run(number).failure

    def saved(self) -> SimulatedProgram:
        """Return the program so far, to be run again."""
        physical, answers = PHYSICAL[self.phys.size], tuple(self._answers)
        program = tuple(self.program)
        return SimulatedProgram(self.seed, self._first_procs, physical, answers, program)

    def step(self) -> str | None:
        """Take one step; return what went wrong, if anything did."""
        self._stray = False
        self._before = len(self._fresh)
        request = self._choose() if self._left is None else self._left.pop()
        self.program.append(request)
        self.steps[str(type(request).__struct_config__.tag)] += 1
        if isinstance(request, RunFinalizers) and (wrong := self._check_finalizers()) is not None:
            return wrong
        try:
            result = self.heap.step(request).result
        except OutOfMemory:
            result = None
            self.steps["out of memory"] += 1
            if len(self._fresh) > self._before:
                # The runtime ends here, and so would its trace.
                judge, self._judge = self._judge, None
                wrong = None if judge is None else judge.run(self._fresh[: self._before])
                if wrong is not None:
                    return wrong
        except Refused as problem:
            # What a stray address leads to, or an input of a program from which others are left
            # out, may be refused.
            if self._stray or self._left is not None:
                return self._judge_all()
            return f"the model refuses what it has to do: {problem}"
        except Exception as problem:
            return f"the model raises {type(problem).__name__}: {problem}"
        try:
            return self._note(request, result) or self._judge_all()
        except Exception as problem:  # a broken state refers to what is not there
            return f"the model's state is broken, {type(problem).__name__}: {problem}"

    # --- what is done next -----------------------------------------------------------------------

    def _choose(self) -> AnyInput:
        rng, p = self.rng, self.rng.randrange(self.heap.state.procs)
        if rng.random() < 0.004:
            self._mood.change()
        if rng.random() < 0.02:
            stray = self._stray_input(p)
            if stray is not None:
                self._stray = True
                return stray
        if self._marking:
            if self._to_mark and rng.random() < 0.9:
                address = self._to_mark.pop()
                return MarkObject(p, address + rng.randrange(min(self.objects.sizes[address], 2)))
            if not self._to_mark and rng.random() < 0.2:
                return FinishCycle(p, self._effort())
            return self._mood.allocation(p)
        draw = rng.random()
        full = len(self.objects.sizes) > MOST_OBJECTS or self._bytes() > MOST_BYTES
        if draw < 0.004 or (full and draw < 0.3):
            return StartCycle(p)
        if draw < 0.03 and self.objects.sizes:
            return self._special(p) or self._mood.allocation(p)
        if draw < 0.35:
            return self._mood.allocation(p) if self.heap.state.sweepdone else SweepOne(p)
        if draw < 0.36 and self.objects.sizes:
            return EnsureSwept(p, rng.choice(list(self.objects.sizes)))
        if draw < 0.38:
            purpose: Purpose = rng.choice(("stack", "gc", "other"))
            npages = 4 if purpose == "gc" else 4 << rng.randrange(4)
            return TakeManual(p, npages, purpose)
        if draw < 0.40 and self._manual:
            return FreeManual(p, self._manual.pop(rng.randrange(len(self._manual))))
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
        return self._mood.allocation(p)

    def _effort(self) -> Effort | None:
        """Say what the cycle has taken, if it shall have begun by itself, which it seldom can."""
        found = self.heap.state.inputs
        if not (isinstance(found, Decisions) and found.marked) or self.rng.random() < 0.5:
            return None
        duration = self.rng.randrange(10**8)
        return Effort(duration, self.rng.randrange(4 * duration + 1))

    def _special(self, p: int) -> AnyInput | None:
        """Give an object a special record, or take one away."""
        rng, objects = self.rng, list(self.objects.sizes)
        # The last few are often in one tiny block.
        address = rng.choice(objects[-4:] if rng.random() < 0.5 else objects)
        if rng.random() < 0.3:
            return RemoveFinalizer(p, address)
        if rng.random() < 0.2:
            return RunFinalizers(p)
        kind: SpecialKind = rng.choice(("finalizer", "profile"))
        return None if (address, kind) in self._specials else AddSpecial(p, address, kind)

    def _stray_input(self, p: int) -> AnyInput | None:
        """Ask for something at an address of any kind: dead, free, of nothing; None if none is."""
        rng = self.rng
        self._books.living = list(self.objects.sizes)
        runs = self.heap.state.pages.runs
        self._books.manual = [runs[span].base for span in self._manual]
        place = rng.choice(tuple(PLACES))
        address = address_at(self.heap.state, self._books, place, rng.randrange(100))
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

    def _bytes(self) -> int:
        return self.objects.total

    # --- what it did -----------------------------------------------------------------------------

    def _note(self, request: AnyInput, result: int | None) -> str | None:
        """Keep the program's own books; return what is wrong by them."""
        if isinstance(request, Allocate) and result is not None and result != ZERO_BASE:
            if self._marking:
                self._born.add(result)
            return self.objects.add(result, request.size)
        if isinstance(request, TakeManual) and result is not None:
            self._manual.append(result)
        elif isinstance(request, StartCycle):
            self._marking = True
            share = self.rng.choice((0.0, 0.1, 0.5, 0.5, 0.9, 1.0))
            self._to_mark = [one for one in self.objects.sizes if self.rng.random() < share]
            self._born, self._marked = set(), set()
        elif isinstance(request, MarkObject):
            owner = self.objects.holding(request.address)
            if owner is not None:
                self._marked.add(owner)
            return self._must_hold(request.address, "was marked")
        elif isinstance(request, EnsureSwept):
            state = self.heap.state
            it = state.shared(state.pages.map.span_of(request.address))
            if it.in_use and not is_legal_between_cycles(state.sweepgen, it.sweepgen):
                return f"SWP-18: the span at {request.address:#x} is not swept"
        elif isinstance(request, ScavengeAll) and not nothing_left(self.heap.state.pages):
            return "SCAV-13: FreeOSMemory left a whole free page"
        elif isinstance(request, FinishCycle):
            self._marking = False
            self._live_bytes = self.heap.state.accounts.heap_live
            alive = self._marked | self._born
            self._books.lost += [one for one in self.objects.sizes if one not in alive]
            del self._books.lost[:-MOST_LOST]
            self.objects.keep(alive)
            self._specials = {one for one in self._specials if self._may_have(*one)}
        elif isinstance(request, AddSpecial):
            if request.address != ZERO_BASE:  # nothing has one of no bytes: it is forgotten
                self._specials.add((request.address, request.kind))
                if self._ledger is not None and request.kind == "finalizer":
                    span = self.heap.span_of(request.address)
                    self._ledger.finalizer_set(self.heap.state.spans[span].elemsize)
            return self._check_finalizers()
        elif isinstance(request, RemoveFinalizer):
            self._specials.discard((request.address, "finalizer"))
            return self._check_finalizers()
        elif isinstance(request, RunFinalizers):
            self._due = 0
        elif isinstance(request, FlushMcaches):
            return self._check_memstats()
        return None

    def _must_hold(self, address: int, what: str) -> str | None:
        """Require that what was done to an object was done to one that there is."""
        if address == ZERO_BASE or self.heap.is_allocated(address):
            return None
        return f"SWP-24: {address:#x} {what}, and no object is there"

    def _check_memstats(self) -> str | None:
        """Hold the statistics against what the spans say, as Go's own tests do (HEAP-39).

        And against what the operating system has given to the runtime itself.
        """
        stats = read_memstats(self.heap.state)
        counted, there = (stats.heap_objects, stats.alloc), live_by_spans(self.heap.state)
        if counted != there:
            return f"HEAP-39: objects and bytes counted {counted}, in spans {there}"
        # The map of the arenas is in no statistic.
        pages = self.heap.state.pages
        own = self.os.own - (ARENA_MAP_BYTES if pages.all_arenas else 0)
        said = sum(pages.metadata.counted.values())
        if said != own:
            return f"OS-8: {said} bytes are counted as the runtime's own, which has {own}"
        return None

    def _may_have(self, address: int, kind: SpecialKind) -> bool:
        """Tell whether an object that was given a record may have it still, after a cycle."""
        return kind == "finalizer" or address in self.objects.sizes

    def _check_finalizers(self) -> str | None:
        """Require that there are just the finalizers that were set, less those that are due."""
        state = self.heap.state
        for address in state.finalizers[self._due :]:
            if (address, "finalizer") not in self._specials:
                return f"SWP-24: a finalizer for {address:#x} is due, and none was set"
            self._specials.remove((address, "finalizer"))
        self._due = len(state.finalizers)
        there = {
            state.spans[span].base + special.offset
            for span, specials in state.specials.items()
            for special in specials
            if special.kind == FINALIZER
        }
        asked_for = {address for address, kind in self._specials if kind == "finalizer"}
        if there != asked_for:
            return f"SWP-24: a finalizer for {min(there ^ asked_for):#x} is lost, or too many"
        return None

    def _usable(self) -> str | None:
        """Require that the pages of what came into use can be used (OS-1)."""
        for event in self._fresh[self._before :]:
            if isinstance(event, SpanInUse | SpanManual):
                address, size = page_address(event.base_page), event.npages * PAGE_SIZE
                if not self.os.is_usable(self.phys, address, size):
                    return f"OS-1: {address:#x} + {size} is in use and not ready"
        return None

    def _judge_all(self) -> str | None:
        """Judge what a step has done; everything, if that is due."""
        self._until_checkpoint -= 1
        self._unjudged += 1
        wrong = self._judge_step()
        if wrong is None and (self._thorough or self._unjudged >= TOGETHER):
            wrong = self._judge_changes()
        if wrong is None and (self._thorough or self._until_checkpoint <= 0):
            wrong = self._judge_whole()
        return wrong

    def _judge_whole(self) -> str | None:
        self._until_checkpoint = CHECKPOINT
        if self._unjudged:
            wrong = self._judge_changes()
            if wrong is not None:
                return wrong
        for problem in violations(self.heap.state):
            return f"{problem.invariant}: {problem.what}"
        if self._judge is not None:
            wrong = self._judge.at_rest(self.heap.state)
            if wrong is not None:
                return wrong
        return self._freed_in_use(self.objects.sizes)

    def _judge_changes(self) -> str | None:
        """Judge what the last steps have told, and what they have changed."""
        state, fresh = self.heap.state, self._fresh
        self._fresh, self._unjudged = [], 0
        changed = self._changes.look(not SLOTS_ALONE.issuperset(map(type, fresh)))
        at = state.spans if self._changes.phase_has_changed() else changed.spans
        for problem in violations_at(state, at, changed.spans):
            return f"{problem.invariant}: {problem.what}"
        if self._judge is None:
            return None
        return self._judge.run(fresh) or self._judge.at_rest(state, changed.spans)

    def _judge_step(self) -> str | None:
        """Judge a step by itself."""
        for address, size in self.os.outstanding.items():
            kept = f"{size} bytes at {address:#x}"
            return f"AR-4: {kept} are reserved, and neither used nor given back"
        unusable = self._usable()
        if unusable is not None:
            return unusable
        if self._ledger is not None and self._ledger.wrong is not None:
            return self._ledger.wrong
        live = self.heap.state.accounts.heap_live
        if live != self._live_bytes:
            return f"CEN-10: heap_live is {live}, the observations sum up to {self._live_bytes}"
        return self._freed_in_use(self.objects.some(self.rng, LOOKED_AT))

    def _freed_in_use(self, addresses: Iterable[int]) -> str | None:
        for address in addresses:
            if not self.heap.is_allocated(address):
                return f"I-38: the object at {address:#x} was freed while in use"
        return None
