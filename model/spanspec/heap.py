"""A heap that runs on its own: the whole state, and one step at a time.

    >>> heap = Heap()
    >>> address = heap.malloc(24)
    >>> heap.collect(live=[address])

An input says what the program, the marker or the scheduler decides; the step gives the result and
what a recorder would have observed. The rules, the records and the courses are those that recorded
traces are held against.
"""

from collections.abc import Callable, Generator, Iterable
from typing import Final, TypeVar

from spanspec import cycle
from spanspec.arena import Os
from spanspec.constants import MAX_SMALL_SIZE, TINY_SPAN_CLASS
from spanspec.decisions import Decisions
from spanspec.heapstate import MARK, OFF, Course, HeapState, NeedPages
from spanspec.malloc import (
    flags_of,
    hit_tiny_block,
    is_tiny,
    pages_for_large,
    span_class_for,
    take_large_object,
    take_slot,
    take_tiny_block,
)
from spanspec.mcache import install, prepare_for_sweep, refill
from spanspec.mspan import find_object, is_allocated, set_marked, slot_address
from spanspec.newspan import take_large
from spanspec.pagealloc import NO_MEMORY, allocate, free_manual, make_manual
from spanspec.pageheap import AMD64, Actor, PageHeap, page_number
from spanspec.pagemap import NOBODY
from spanspec.pages import PhysicalPages
from spanspec.picture import overview, picture
from spanspec.procs import NO_P, boot, mcache_of, procresize
from spanspec.program import (
    Allocate,
    EnsureSwept,
    FinishCycle,
    FreeManual,
    Input,
    MarkObject,
    ScavengeAll,
    ScavengeLater,
    SetProcs,
    StartCycle,
    SweepOne,
    TakeManual,
)
from spanspec.records import Record
from spanspec.scavenge import background_work, scavenge_all, scavenge_in_background
from spanspec.snapshot import Snapshot, snapshot_of
from spanspec.statistics import retained
from spanspec.sweeping import NOTHING_LEFT, ensure_swept, sweepone
from spanspec.trace import events as ev
from spanspec.trace.fields import EventBase
from spanspec.words import M64, U64

ZERO_BASE: Final = 0x1000
"""The address of every object of 0 bytes: a static variable, outside all arenas (MAL-3)."""

Result = TypeVar("Result")


class Refused(ValueError):
    """An input that does not fit the state, such as a mark outside of a cycle; nothing changed."""


class OutOfMemory(MemoryError):
    """The operating system has no more address space (T-21); the heap stays consistent."""


class Outcome(Record, frozen=True):
    """What a step gives: an address, a span or a number of pages, if any; and what was observed."""

    result: int | None
    observed: tuple[EventBase, ...]


class Heap:
    """The model of the allocator, driven by inputs; one operation ends before the next begins.

    `procs` is the number of Ps to begin with, `os` answers for the operating system (by default it
    grants all), `phys` has the sizes of physical and huge pages in bytes. `on_event` is told every
    observation, in order.
    """

    def __init__(
        self,
        procs: int = 1,
        os: Os | None = None,
        phys: PhysicalPages = AMD64,
        on_event: Callable[[EventBase], None] | None = None,
    ) -> None:
        self._decisions = Decisions()
        pages = PageHeap(self._decisions, os, phys)
        self.state = HeapState(self._decisions, pages)
        self._decisions.state = self.state
        self._on_event = on_event
        self._observed: list[EventBase] = []
        self._steps: dict[type[Input], Callable[[Input], int | None]] = {
            Allocate: self._allocate,
            StartCycle: self._start_cycle,
            MarkObject: self._mark,
            FinishCycle: self._finish_cycle,
            SweepOne: self._sweep_one,
            EnsureSwept: self._ensure_swept,
            TakeManual: self._take_manual,
            FreeManual: self._free_manual,
            SetProcs: self._set_procs,
            ScavengeAll: self._scavenge_all,
            ScavengeLater: self._scavenge_later,
        }
        _require(procs >= 1, f"{procs} Ps; a heap has at least 1")
        nobody = Actor(NO_P, 0)
        self._drive(nobody, boot(self.state, nobody))
        self._drive(nobody, procresize(self.state, nobody, procs))

    # --- steps -----------------------------------------------------------------------------------

    def step(self, request: Input) -> Outcome:
        """Take one step.

        Raises: Refused if the input does not fit the state; OutOfMemory; AssertionError, with the
            rule's id, if the model violates a fatal check of the runtime.
        """
        if request.p not in self.state.mcache_of or request.p == NO_P:
            raise Refused(f"no P {request.p}; there are {self.state.procs}")
        self._observed = []
        result = self._steps[type(request)](request)
        return Outcome(result, tuple(self._observed))

    def malloc(self, size: U64, noscan: bool = False, p: int = 0, zero: bool = True) -> U64:
        """Allocate an object; return its address.

        Raises: Refused for a size below 0 or a P that does not exist; OutOfMemory.
        """
        address = self.step(Allocate(p, size, noscan, zero)).result
        assert address is not None, "MAL-1: an allocation gives an address"
        return address

    def collect(self, live: Iterable[U64] = (), p: int = 0) -> None:
        """Run a cycle in which the objects at some addresses are found alive, and no others.

        The dead are swept later, little by little; `sweep` does all of it.
        """
        self.step(StartCycle(p))
        for address in live:
            self.step(MarkObject(p, address))
        self.step(FinishCycle(p))

    def sweep(self, p: int = 0) -> U64:
        """Sweep all that is unswept; return the pages that went back to the page heap."""
        freed = 0
        while (pages := self.step(SweepOne(p)).result) is not None:
            freed += pages
        return freed

    # --- looking ---------------------------------------------------------------------------------

    def span_of(self, address: U64) -> int:
        """Return the in-use span that holds an address.

        Raises: Refused if there is none.
        """
        span = cycle.span_at(self.state, address)
        _require(span != NOBODY, f"{address:#x} lies in no span in use")
        return span

    def is_allocated(self, address: U64) -> bool:
        """Tell whether an address lies in an object that is allocated, or not yet found dead."""
        span = cycle.span_at(self.state, address)
        if span == NOBODY:
            return False
        found = find_object(self.state.spans[span], address)
        return found.base != 0 and is_allocated(self.state.spans[span], found.slot)

    def picture(self, span: int) -> str:
        """Return a span as a picture of its slots.

        Raises: Refused if it is not in use.
        """
        _require(span in self.state.spans, f"span {span} is not in use")
        return picture(self.state, span)

    def snapshot(self) -> Snapshot:
        """Return the whole state as a record that can be compared, kept, and saved as JSON."""
        return snapshot_of(self.state)

    def __str__(self) -> str:
        return overview(self.state)

    # --- allocation ------------------------------------------------------------------------------

    def _allocate(self, request: Input) -> int:
        """Allocate an object by the runtime's decision tree.

        Rules: MAL-1 MAL-3 MAL-4 MAL-10 MAL-11 MAL-14 T-21.
        """
        assert isinstance(request, Allocate)
        _require(0 <= request.size <= M64, f"a size of {request.size} bytes")
        if request.size == 0:
            return ZERO_BASE
        if request.size > MAX_SMALL_SIZE:
            return self._allocate_large(request)
        mcache = mcache_of(self.state, request.p)
        actor, spanclass = _actor(request), span_class_for(request.size, request.noscan)
        if is_tiny(request.size, request.noscan):
            block = mcache.tiny.address
            offset = hit_tiny_block(mcache, request.size)
            if offset is not None:
                self._tell(self._tiny_hit(request, block, offset))
                return block + offset
        taken = take_slot(self.state, mcache, spanclass)
        if taken is None:
            cached = spanclass in mcache.alloc
            course = refill if cached else install
            if not self._drive(actor, course(self.state, actor, mcache, spanclass)):
                raise OutOfMemory(f"no memory for {request.size} bytes")
            taken = take_slot(self.state, mcache, spanclass)
            assert taken is not None, "MAL-19: a refilled span has a free slot"
        tiny_block = is_tiny(request.size, request.noscan)
        current = tiny_block and take_tiny_block(mcache, taken, request.size)
        record = taken.record
        self._tell(
            ev.Malloc(
                p=request.p,
                size=request.size,
                path=taken.path,
                spanclass=spanclass,
                base_page=page_number(record.base),
                slot=taken.slot,
                flags=flags_of(
                    request.noscan, request.zero, record.needzero != 0, tiny_block, current
                ),
            )
        )
        return slot_address(record, taken.slot)

    def _tiny_hit(self, request: Allocate, block: U64, offset: int) -> ev.TinyHit:
        record = self.state.spans[self.state.pages.map.span_of(block)]
        assert record.spanclass == TINY_SPAN_CLASS, "MAL-6: the tiny block is of another class"
        return ev.TinyHit(
            p=request.p,
            size=request.size,
            base_page=page_number(record.base),
            slot=(block - record.base) // record.elemsize,
            offset=offset,
            flags=flags_of(request.noscan, request.zero, needzero=False),
        )

    def _allocate_large(self, request: Allocate) -> int:
        """Allocate an object of more than 32768 bytes.

        Rules: MAL-11 MAL-12 HEAP-23.
        """
        try:
            npages = pages_for_large(request.size)
        except AssertionError as problem:
            raise OutOfMemory(str(problem)) from None
        actor = _actor(request)
        span = self._drive(actor, take_large(self.state, actor, npages, request.noscan))
        if span == NOBODY:
            raise OutOfMemory(f"no memory for {request.size} bytes")
        record = take_large_object(self.state, span, request.size)
        self._tell(
            ev.Malloc(
                p=request.p,
                size=request.size,
                path=ev.LARGE,
                spanclass=record.spanclass,
                base_page=page_number(record.base),
                slot=0,
                flags=flags_of(request.noscan, request.zero, needzero=False),
            )
        )
        return record.base

    # --- the cycle -------------------------------------------------------------------------------

    def _start_cycle(self, request: Input) -> None:
        """Sweep what is left, stop the world, and begin to mark.

        Rules: SWP-32 SWP-33 MC-12 MAL-24.
        """
        _require(self.state.phase == OFF, "a cycle is under way")
        state, actor = self.state, _actor(request)
        while self._drive(actor, sweepone(state, actor, "gcstart")) != NOTHING_LEFT:
            pass
        self._tell(cycle.cycle_starts(state, actor, "cycle", 0, state.heap_live))
        self._tell(cycle.phase_changes(state, actor))
        self._decisions.marking_starts()
        self._drive(actor, procresize(state, actor, state.procs))

    def _mark(self, request: Input) -> None:
        """Mark an object, and its span's first page.

        Rules: SPAN-18 SPAN-19 SPAN-21 MAL-15.
        """
        assert isinstance(request, MarkObject)
        _require(self.state.phase == MARK, "no cycle is marking")
        _require(
            self.is_allocated(request.address), f"{request.address:#x} is in no allocated object"
        )
        span = self.span_of(request.address)
        record = self.state.spans[span]
        found = find_object(record, request.address)
        self.state.spans[span] = set_marked(record, found.slot)
        self._decisions.page_marks.add(span)

    def _finish_cycle(self, request: Input) -> None:
        """Stop the world, raise the sweepgen, and flush the mcache of every P.

        Rules: SWP-34 SWP-35 SWP-37 SWP-20 MC-7.
        """
        _require(self.state.phase == MARK, "no cycle is marking")
        state, actor = self.state, _actor(request)
        self._tell(cycle.phase_changes(state, actor))
        self._decisions.marking_ends()
        self._tell(cycle.phase_changes(state, actor))
        self._tell(cycle.sweep_phase_starts(state, actor, 0))
        self._decisions.sweeping_starts()
        self._drive(actor, procresize(state, actor, state.procs))
        for number in range(state.procs):
            owner = Actor(number, number)
            self._drive(owner, prepare_for_sweep(state, owner, state.mcache_of[number]))

    def _sweep_one(self, request: Input) -> int | None:
        actor = _actor(request)
        pages = self._drive(actor, sweepone(self.state, actor, "bg"))
        return None if pages == NOTHING_LEFT else pages

    def _ensure_swept(self, request: Input) -> None:
        assert isinstance(request, EnsureSwept)
        span, actor = self.span_of(request.address), _actor(request)
        self._drive(actor, ensure_swept(self.state, actor, span))

    # --- pages -----------------------------------------------------------------------------------

    def _take_manual(self, request: Input) -> int:
        assert isinstance(request, TakeManual)
        n = request.npages
        _require(n >= 1, f"a manual span of {n} pages")
        if request.purpose == "gc":
            _require(n == 4, "work buffers come in spans of 4 pages")
        if request.purpose == "stack":
            _require(n >= 4 and n & (n - 1) == 0, f"stacks have 4, 8, 16... pages, not {n}")
        actor, heap = _actor(request), self.state.pages
        span = self._follow(allocate(heap, actor, n))
        if span == NO_MEMORY:
            raise OutOfMemory(f"no memory for {n} pages")
        self._tell(make_manual(heap, actor, span, request.purpose))
        return span

    def _free_manual(self, request: Input) -> None:
        assert isinstance(request, FreeManual)
        heap = self.state.pages
        _require(request.span in heap.purposes, f"span {request.span} is not manual")
        _require(cycle.may_free(self.state), "manual spans are not freed while marking")
        self._follow(free_manual(heap, _actor(request), request.span))

    def _set_procs(self, request: Input) -> None:
        assert isinstance(request, SetProcs)
        _require(request.procs >= 1, f"{request.procs} Ps; a heap has at least 1")
        _require(self.state.phase == OFF, "the number of Ps is not changed during a cycle")
        actor = _actor(request)
        self._drive(actor, procresize(self.state, actor, request.procs))

    def _scavenge_all(self, request: Input) -> None:
        self._follow(scavenge_all(self.state.pages, _actor(request)))

    def _scavenge_later(self, request: Input) -> None:
        """Let the background scavenger wake up after some time.

        Rules: SCAV-17 SCAV-18.
        """
        assert isinstance(request, ScavengeLater)
        self._decisions.time_ns += request.nanoseconds
        heap = self.state.pages
        now = retained(heap.stats)
        work = background_work(self._decisions.line, now, self._decisions.time_ns)
        if work:
            self._follow(scavenge_in_background(heap, _actor(request), work))

    # --- driving ---------------------------------------------------------------------------------

    def _tell(self, event: EventBase) -> None:
        self._observed.append(event)
        self._decisions.steps_told += 1
        if self._on_event is not None:
            self._on_event(event)

    def _drive(self, actor: Actor, course: Course[Result]) -> Result:
        """Run an operation to its end, with pages from the page heap as it asks for them."""
        answer: int | None = None
        try:
            while True:
                step = course.send(answer)
                answer = None
                if isinstance(step, NeedPages):
                    answer = self._follow(allocate(self.state.pages, actor, step.npages))
                else:
                    self._tell(step)
        except StopIteration as end:
            result: Result = end.value
            return result

    def _follow(self, section: Generator[EventBase, None, Result]) -> Result:
        """Run a section under the lock of the page heap to its end."""
        try:
            while True:
                self._tell(next(section))
        except StopIteration as end:
            result: Result = end.value
            return result


def _actor(request: Input) -> Actor:
    return Actor(request.p, request.p)


def _require(condition: bool, otherwise: str) -> None:
    if not condition:
        raise Refused(otherwise)
