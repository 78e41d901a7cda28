"""The allocator: objects are allocated, cycles are driven, memory comes and goes."""

import time
from types import TracebackType
from typing import Final, SupportsIndex, final

from mypy_extensions import i64

from spanalloc.base.arguments import described, proc_count, whole
from spanalloc.base.errors import BadRequest, BadType, HeapBroken, OsFailed, OutOfMemory, PhaseError
from spanalloc.base.mutex import Interrupts
from spanalloc.base.pagesizes import ARENA_BYTES, PAGE_SHIFT
from spanalloc.base.recorder import Recorder
from spanalloc.base.sizeclass import MAX_SMALL_SIZE
from spanalloc.base.turns import Turns
from spanalloc.central.procs import boot, release_all, resize
from spanalloc.central.state import PHASE_MARK, PHASE_OFF, HeapState
from spanalloc.central.sweep import ensure_swept, sweep_one, wait_for_sweepers
from spanalloc.heap.background import Background
from spanalloc.heap.cycle import (
    begin_cycle,
    end_cycle,
    in_address_space,
    mark_object,
    pace_anew,
    span_around,
)
from spanalloc.heap.heapsnapshot import HeapShot, shot_of
from spanalloc.heap.malloc import MAX_ALLOC, ZERO_BASE, allocate, place_tiny
from spanalloc.heap.marks import Marks, addresses_of
from spanalloc.heap.objects import add_special, object_at, remove_special
from spanalloc.heap.operation import on, stopped_by
from spanalloc.heap.resources import HeapResources
from spanalloc.heap.scavengeturn import scavenge_turn
from spanalloc.heap.statistics import HeapStatistics, statistics_of
from spanalloc.heap.world import CLOSED, INTERPRETED, MARKING, OPEN, RECORDING, World
from spanalloc.pages.osmem import OsMemory, RealMemory
from spanalloc.pages.scavenge import EVERYTHING, scavenge
from spanalloc.pages.system import System
from spanalloc.span.kernels import size_class
from spanalloc.span.span import IN_USE, MANUAL, Span
from spanalloc.span.specials import FINALIZER, PROFILE, Finalizer
from spanalloc.span.tiny import TINY_SIZE

PURPOSES: Final = ("stack", "gc", "other")


@final
class Heap:
    """A heap with `procs` Ps, on memory of the operating system.

    `os` answers for the operating system: RealMemory by default, or SimulatedMemory. `recorder`
    is told every event. `sweepgen` is the generation to begin with: even, below 2^32. `turns` can
    decide which thread goes on after each step.

    Each P belongs to the thread that uses it first, until that thread releases it, or ends. An
    operation on one P never waits for another, but for a stopped world, and for the short sections
    under the locks of the shared lists. A thread is in one operation at a time.

    An operation takes effect, or raises an error that says what is left as it was. If anything else
    ends it half way, such as a MemoryError of Python's own, the heap is broken: it can be closed
    and looked at, and all else is refused.

    Raises: BadRequest for a number of Ps outside 1..4096, or another sweepgen; BadType.
    """

    def __init__(
        self,
        procs: SupportsIndex = 1,
        os: OsMemory | None = None,
        recorder: Recorder | None = None,
        sweepgen: SupportsIndex = 0,
        turns: Turns | None = None,
    ) -> None:
        number = proc_count(procs)
        generation = whole(sweepgen, "a sweepgen")
        if not 0 <= generation < 1 << 32 or generation & 1 != 0:
            raise BadRequest(f"sweepgen {generation} is not an even number below 2^32")
        memory = os if os is not None else RealMemory()
        if recorder is not None:
            recorder.sizes = memory.sizes
            recorder.procs = number
        interrupts = Interrupts()
        self.state = HeapState(System(memory, interrupts), interrupts, recorder, generation, turns)
        self.world = World(self.state, interrupts)
        self.world.set(RECORDING, recorder is not None)
        self.world.set(INTERPRETED, self.state.interpreted)
        self.manual: dict[int, str] = {}
        self.clock: int = 0
        self.background = Background(self.state, self.world)
        boot(self.state, number)
        self.first = self.state.mcaches[0]
        self.resources = HeapResources(self.world, self.state.os, self.background)

    # --- objects ---------------------------------------------------------------------------------

    def malloc(self, size: int, noscan: bool = False, zero: bool = True, p: int = 0) -> int:
        """Allocate an object of `size` bytes on a P and return its address (MAL-1 to MAL-14).

        `noscan`: it will hold no pointers. `zero`: it must read as zero; without it the contents
        are anything. An object of no bytes has the address ZERO_BASE.

        Raises: BadRequest for a negative size, or a P that there is not; TypeError (compiled code)
            or BadType for what is no integer; OutOfMemory, MmapFailed, MadviseFailed, OsFailed if
            the operating system refuses; HeapClosed; HeapBroken; ProcBusy.
        """
        # What the cache has at hand takes no lock, no event and no mark: nobody else is concerned.
        if self.world.gate == OPEN and 0 < size <= MAX_SMALL_SIZE:
            who = self.first if p == 0 else self.world.check(p)
            if not who.busy:
                small: i64 = size
                if noscan and small < TINY_SIZE:
                    address = place_tiny(who, small)
                    if address != 0:
                        return address
                else:
                    spanclass = size_class(small) * 2
                    if noscan:
                        spanclass += 1
                    span = who.alloc[spanclass]
                    slot = span.malloc()
                    if slot >= 0:
                        return span.base + slot * span.elemsize
        return self.malloc_slowly(size, noscan, zero, p)

    def malloc_slowly(self, size: int, noscan: bool, zero: bool, p: int) -> int:
        """Do what `malloc` does, whatever it takes."""
        size = whole(size, "a size")
        if size < 0:
            raise BadRequest(f"a size of {size} bytes")
        with on(self.world, p) as who:
            if size == 0:
                return ZERO_BASE
            if size > MAX_ALLOC:
                raise OutOfMemory(f"{size} bytes are more than there are addresses")
            return allocate(self.state, who, size, noscan, zero)

    def memory(self, address: SupportsIndex, size: SupportsIndex) -> memoryview:
        """Return `size` bytes of an object from an address on, to be read and written.

        Raises: BadRequest if they are not all in one object of this heap, or if the operating
            system is a simulated one, which has no memory; BadType; OsFailed; HeapClosed.
        """
        length, place = whole(size, "a size"), whole(address, "an address")
        base, extent = self.extent(place)
        if length < 0 or place + length > base + extent:
            raise BadRequest(f"{length} bytes at {place:#x} are not all in the object there")
        arena = self.state.pages.free.pages.arena_at(place)
        whole_arena = arena.view
        if whole_arena is None:
            raise BadRequest("a simulated operating system has no memory to look at")
        offset = place - arena.base
        if offset + length <= ARENA_BYTES:
            return whole_arena[offset : offset + length]
        view = self.state.os.view(place, length)
        if view is None:
            raise OsFailed("view: there is no memory where there was some")
        return view

    def extent(self, address: SupportsIndex) -> tuple[int, int]:
        """Return the address and the bytes of the slot of the object that holds an address.

        Raises: BadRequest if there is no such object, or if it is free; HeapClosed.
        """
        self.world.check_usable()
        span, slot = object_at(self.state, whole(address, "an address"))
        return span.base + slot * span.elemsize, span.elemsize

    def set_finalizer(
        self, address: SupportsIndex, call: Finalizer | None = None, p: SupportsIndex = 0
    ) -> None:
        """Let an object outlive the sweep that finds it dead; its finalizer is due then (SWP-24).

        `run_finalizers` calls `call` with the object's address. An object has one finalizer; of
        small objects without pointers, which may share a slot, each has one of its own. One for
        an object of no bytes, which never dies, is forgotten.

        Raises: BadRequest if no object begins there, or it has one; HeapClosed; ProcBusy.
        """
        if call is not None and not callable(call):
            raise BadType(f"a finalizer is called, which {described(call)} cannot be")
        self.add_special(address, FINALIZER, call, p)

    def remove_finalizer(self, address: SupportsIndex, p: SupportsIndex = 0) -> bool:
        """Take the finalizer of an object away; return whether it had one.

        Raises: BadRequest if there is no such object; HeapClosed; ProcBusy.
        """
        place = whole(address, "an address")
        with on(self.world, p) as who:
            return remove_special(self.state, who, place, FINALIZER)

    def set_profile(self, address: SupportsIndex, p: SupportsIndex = 0) -> None:
        """Give an object a profile record, which goes with it.

        Raises: BadRequest if there is no such object, or it has one; HeapClosed; ProcBusy.
        """
        self.add_special(address, PROFILE, None, p)

    def add_special(
        self, address: SupportsIndex, kind: int, call: Finalizer | None, p: SupportsIndex
    ) -> None:
        """Give an object a special record of a kind."""
        place = whole(address, "an address")
        with on(self.world, p) as who:
            add_special(self.state, who, place, kind, call)

    @property
    def finalizers_due(self) -> list[int]:
        """The addresses of the objects whose finalizers are due, in order."""
        return [address for address, _ in self.state.specials.due]

    def run_finalizers(self) -> int:
        """Call the finalizers that are due, in order; return how many there were.

        Each object outlives all cycles until its finalizer has returned; the next one decides on
        it anew. A finalizer may use the heap. What one of them raises does not stop the others:
        it is raised once all have run, several exceptions as an ExceptionGroup. An interrupt does
        stop them, and the rest stays due.

        Raises: HeapClosed, also if a finalizer closes the heap while others are due.
        """
        self.world.check_usable()
        specials = self.state.specials
        count = 0
        problems: list[Exception] = []
        while (first := specials.begin()) is not None:
            address, call = first
            count += 1
            try:
                if call is not None:
                    call(address)
            except Exception as problem:
                problems.append(problem)
            finally:
                specials.end(address)
            if specials.due:
                self.world.check_usable()
        if len(problems) == 1:
            raise problems[0]
        if problems:
            raise ExceptionGroup(f"{len(problems)} of {count} finalizers failed", problems)
        return count

    # --- the cycle -------------------------------------------------------------------------------

    def start_cycle(self, p: SupportsIndex = 0) -> None:
        """Begin to mark: what is unswept is swept, and all Ps are stopped for that (SWP-32).

        Objects allocated from now on, until `finish`, are born marked.

        Raises: PhaseError if a cycle is under way; HeapClosed; ProcBusy; BadRequest.
        """
        with stopped_by(self.world, p) as who:
            if self.state.phase != PHASE_OFF:
                raise PhaseError("a cycle is under way")
            begin_cycle(self.state, who)
            self.world.set(MARKING, True)

    def mark(self, address: SupportsIndex) -> None:
        """Mark the object that holds an address, which need not be its first (SPAN-19, SPAN-21).

        Raises: PhaseError outside of a cycle; BadRequest if the address is in no object;
            SpanError, which names the slot, if it is in a free one; HeapClosed.
        """
        self.check_marking()
        place = in_address_space(whole(address, "an address"))
        if place != ZERO_BASE:
            mark_object(self.state, place)

    def mark_all(self, marks: Marks) -> None:
        """Mark what is alive.

        Raises: as `mark`; nothing is marked then.
        """
        self.check_marking()
        addresses = addresses_of(self.state, marks)
        # The caller's function, or iterator, may have ended the cycle.
        self.check_marking()
        for address in addresses:
            object_at(self.state, address)
        for address in addresses:
            mark_object(self.state, address)

    def finish(
        self,
        marks: Marks = (),
        p: SupportsIndex = 0,
        took_ns: SupportsIndex = -1,
        assist_ns: SupportsIndex = 0,
    ) -> None:
        """Mark what is alive, and end marking: all else is dead (SWP-34 to SWP-37).

        Spans are swept from now on: those in caches at once, the others when somebody needs them,
        or by `sweep_one`.

        `took_ns` is for a cycle that began because the heap wanted it (`wants_cycle`): how many
        nanoseconds it took to mark, and `assist_ns` how many of all Ps' went into helping. The next
        trigger follows from that; after a cycle that was asked for it stays where it was, in
        proportion.

        Raises: PhaseError outside of a cycle; BadRequest if a mark is in no object, if a time is
            2^50 ns or more, or if there is one and nothing was alive before the cycle; HeapClosed;
            ProcBusy. Nothing is marked, and marking goes on, then.
        """
        self.world.check(whole(p, "the number of a P"))
        took, assisting = whole(took_ns, "a time"), whole(assist_ns, "a time")
        if not (-1 <= took < 1 << 50 and 0 <= assisting < 1 << 50):
            raise BadRequest(f"no cycle takes {took} ns, and {assisting} ns of assists")
        if took >= 0:
            self.check_marking()
            if self.state.pacing.alive == 0:
                raise BadRequest(
                    "T-90: nothing was alive before, so no trigger follows from a time"
                )
        self.mark_all(marks)
        with stopped_by(self.world, p) as who:
            if self.state.phase != PHASE_MARK:
                raise PhaseError("no cycle is marking")
            if self.background.threads:
                self.clock = max(self.clock, time.monotonic_ns())
            end_cycle(self.state, who, self.clock, took, assisting)
            self.world.set(MARKING, False)
        self.background.wake()

    def collect(self, live: Marks = (), p: SupportsIndex = 0) -> None:
        """Run a whole cycle in which these objects are alive, and those allocated meanwhile.

        Raises: as `start_cycle` and `finish`; after a bad mark, marking goes on.
        """
        self.start_cycle(p)
        self.finish(live, p)

    def sweep_one(self, p: SupportsIndex = 0) -> int:
        """Sweep an unswept span; return the pages that it gave back, -1 if all are swept.

        Raises: HeapClosed; ProcBusy; BadRequest.
        """
        with on(self.world, p) as who:
            return sweep_one(self.state, who, "bg")

    def sweep_all(self, p: SupportsIndex = 0) -> int:
        """Sweep all that is unswept; return the pages that this thread gave back to the page heap.

        What other threads are sweeping is waited for, unless another cycle begins (SWP-38).

        Raises: HeapClosed; ProcBusy; BadRequest.
        """
        cycle, freed = self.state.cycles, 0
        while self.state.cycles == cycle:
            with on(self.world, p) as who:
                pages = sweep_one(self.state, who, "GC")
            if pages < 0:
                break
            freed += pages
        self.world.check_outside()
        wait_for_sweepers(self.state, cycle)
        return freed

    @property
    def wants_cycle(self) -> bool:
        """Whether the heap has grown so much that it is time for a cycle (MAL-18)."""
        pacing = self.state.pacing
        live: int = pacing.heap_live
        return self.state.phase == PHASE_OFF and live >= pacing.trigger

    def set_gc_percent(self, percent: SupportsIndex, p: SupportsIndex = 0) -> int:
        """Set by how many percent the heap may grow before a cycle is due; return the old number.

        At first it is 100, as GOGC. A negative one is off, and counts as -1: no cycle is ever due.
        Sweeping and the background scavenger go at a new pace at once.

        Raises: BadRequest for what is no int32; PhaseError for off during a cycle; HeapClosed;
            ProcBusy; BadType.
        """
        wanted = whole(percent, "a percentage")
        if not -(1 << 31) <= wanted < 1 << 31:
            raise BadRequest(f"{wanted} percent are no int32")
        with stopped_by(self.world, p):
            if wanted < 0 and self.state.phase != PHASE_OFF:
                raise PhaseError("off waits for the end of the cycle, which is the caller's to end")
            pacing = self.state.pacing
            before: int = pacing.percent
            pacing.percent = max(wanted, -1)
            if self.background.threads:
                self.clock = max(self.clock, time.monotonic_ns())
            pace_anew(self.state, self.clock)
        self.background.wake()
        return before

    # --- the operating system --------------------------------------------------------------------

    def scavenge_all(self, p: SupportsIndex = 0) -> int:
        """Return all free memory to the operating system; return how many bytes (SCAV-13).

        Raises: MadviseFailed; HeapClosed; ProcBusy; BadRequest.
        """
        with on(self.world, p) as who, self.state.pages.lock:
            return scavenge(self.state.pages.free, who, EVERYTHING, "FreeOSMemory")

    def free_os_memory(self, p: SupportsIndex = 0) -> int:
        """Sweep what is unswept, then return all free memory; return how many bytes.

        Spans that other threads are sweeping are waited for: their memory is returned, too.

        The runtime's FreeOSMemory runs a cycle first; here that is the caller's to do, who alone
        knows what is alive.

        Raises: MadviseFailed; HeapClosed; ProcBusy; BadRequest.
        """
        self.sweep_all(p)
        return self.scavenge_all(p)

    def scavenge_by(self, now: SupportsIndex, p: SupportsIndex = 0) -> int:
        """Let the background scavenger take its turns up to `now`; return the bytes returned.

        `now` is in nanoseconds, below 2^63; an earlier time than the last one changes nothing
        (SCAV-17).

        Raises: MadviseFailed, OsFailed; HeapClosed; ProcBusy; BadRequest; BadType.
        """
        time_now = whole(now, "a time")
        if not -1 <= time_now >> 63 <= 0:
            raise BadRequest(f"a time of {time_now} nanoseconds")
        with on(self.world, p) as who:
            returned = 0
            line = self.state.line
            while not line.parked and line.wake_at <= time_now:
                self.clock = max(self.clock, line.wake_at)
                returned += scavenge_turn(self.state, who, self.clock)
            self.clock = max(self.clock, time_now)
            return returned

    def ensure_swept(self, address: SupportsIndex, p: SupportsIndex = 0) -> None:
        """Have the span that holds an address swept, unless it is (SWP-18).

        Raises: BadRequest if no span in use holds it; HeapClosed; ProcBusy.
        """
        place = whole(address, "an address")
        with on(self.world, p) as who:
            ensure_swept(self.state, who, span_around(self.state, in_address_space(place)))

    def flush_caches(self, p: SupportsIndex = 0) -> None:
        """Flush the caches of all Ps, with the world stopped, as ReadMemStats does (MC-9).

        Raises: PhaseError during a cycle; HeapClosed; ProcBusy; BadRequest.
        """
        with stopped_by(self.world, p) as who:
            if self.state.phase != PHASE_OFF:
                raise PhaseError("caches are not flushed while a cycle marks")
            for cache in self.state.mcaches:
                release_all(self.state, who, cache)
            resize(self.state, who, len(self.state.mcaches))

    def snapshot(self) -> HeapShot:
        """Return the whole state as records, with the world stopped.

        Of a broken heap, too, as far as that goes.

        Raises: HeapClosed; ProcBusy; HeapBroken if a broken heap is no state any more.
        """
        with stopped_by(self.world, 0, True):
            try:
                return shot_of(self.state)
            except MemoryError as problem:
                raise OutOfMemory("no memory for a snapshot") from problem
            except (AssertionError, LookupError, AttributeError, TypeError) as problem:
                if self.state.broken:
                    raise HeapBroken(f"the heap is broken, by {self.state.broken}") from problem
                raise

    def take_manual(
        self, npages: SupportsIndex, purpose: str = "stack", p: SupportsIndex = 0
    ) -> int:
        """Take a run of pages to be managed by hand; return its address (HEAP-24).

        `purpose` is "stack", "gc" (work buffers) or "other". The memory is not cleared.

        Raises: BadRequest; OutOfMemory, MmapFailed, MadviseFailed; HeapClosed; ProcBusy.
        """
        pages = whole(npages, "a number of pages")
        if pages < 1:
            raise BadRequest(f"a manual span of {pages} pages")
        if purpose not in PURPOSES:
            raise BadRequest(f"a purpose {purpose!r}; there are {', '.join(PURPOSES)}")
        if pages > MAX_ALLOC >> PAGE_SHIFT:
            raise OutOfMemory(f"{pages} pages are more than there are addresses")
        with on(self.world, p) as who:
            span = self.state.pages.take_manual(who, pages, purpose)
            if span is None:
                raise OutOfMemory(f"no memory for {pages} pages")
            self.manual[span.base] = purpose
            return span.base

    def free_manual(self, address: SupportsIndex, p: SupportsIndex = 0) -> None:
        """Give back a run of pages by its address (HEAP-27).

        Raises: BadRequest if no manual span begins there; PhaseError for stacks while marking
            (I-25); HeapClosed; ProcBusy.
        """
        place = whole(address, "an address")
        with on(self.world, p) as who:
            purpose = self.manual.get(place)
            if purpose is None:
                raise BadRequest(f"no manual span begins at {place:#x}")
            if purpose == "stack" and self.state.phase != PHASE_OFF:
                raise PhaseError("stacks are not freed while a cycle marks")
            del self.manual[place]
            span = self.state.pages.free.pages.span_at(place)
            assert span is not None
            assert span.state == MANUAL
            self.state.pages.free_manual(who, span, purpose)

    def start_background(self, sweeper: bool = True, scavenger: bool = True) -> None:
        """Start threads that sweep and that return memory at the runtime's pace (SWP-17, SCAV-17).

        With them, the heap's clock is that of the machine. They end with `stop_background`, or
        with the heap. `background.problem` tells what went wrong in them.

        Raises: PhaseError if they run already; ThreadFailed if one cannot be started, then none
            runs; HeapClosed; ProcBusy.
        """
        self.world.check_usable()
        self.world.check_outside()
        if self.background.threads:
            raise PhaseError("the background threads run already")
        self.background.start(sweeper, scavenger)

    def stop_background(self) -> None:
        """End the background threads, if there are any, and wait for that.

        Raises: ProcBusy if this thread is in an operation, for which they may wait.
        """
        self.world.check_outside()
        self.background.stop()

    # --- Ps, figures, the end --------------------------------------------------------------------

    def set_procs(self, procs: SupportsIndex, p: SupportsIndex = 0) -> None:
        """Set the number of Ps, with the world stopped (MC-14).

        Raises: BadRequest for a number outside 1..4096; PhaseError during a cycle; HeapClosed;
            ProcBusy; BadType.
        """
        number = proc_count(procs)
        with stopped_by(self.world, p) as who:
            if self.state.phase != PHASE_OFF:
                raise PhaseError("the number of Ps is not changed during a cycle")
            resize(self.state, who, number)

    def release(self, p: SupportsIndex) -> None:
        """Let go of a P that this thread has used: it belongs to the next thread that uses it.

        Raises: ProcBusy if it belongs to another thread; BadRequest; HeapClosed.
        """
        self.world.release(whole(p, "the number of a P"))

    @property
    def procs(self) -> int:
        """The number of Ps."""
        return len(self.state.mcaches)

    def statistics(self) -> HeapStatistics:
        """Return the figures of this moment, which balance while nobody is in an operation.

        Raises: HeapClosed.
        """
        self.world.check_usable()
        return statistics_of(self.state, self.world.everybody())

    def spans(self) -> list[Span]:
        """Return the spans in use for objects, in no particular order; not to be changed."""
        return [span for span in self.state.pages.free.allspans if span.state == IN_USE]

    @property
    def closed(self) -> bool:
        """Whether the heap is closed."""
        return self.world.closed

    @property
    def broken(self) -> str:
        """What has ended an operation half way, and so broken the heap; "" if nothing has."""
        return self.state.broken

    def close(self) -> None:
        """Give all memory back to the operating system.

        Memory that a view shows stays until the last view of it is gone. Addresses point nowhere.

        Raises: HeapClosed if that was done already; ProcBusy if this thread is in an operation;
            MmapFailed, OsFailed if the system does not take it all back: the heap is closed then.
        """
        self.world.check_usable(True)
        self.world.check_outside()
        self.background.stop()
        with stopped_by(self.world, 0, True):
            self.world.set(CLOSED, True)
            for arena in self.state.pages.free.pages.all:
                arena.view = None
            self.state.os.release_all()

    def __enter__(self) -> "Heap":
        """Return the heap, which is closed at the end of the block."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the heap, unless that was done already."""
        if not self.closed:
            self.close()

    # --- checks ----------------------------------------------------------------------------------

    def check_marking(self) -> None:
        """Raise HeapClosed, HeapBroken, or PhaseError unless a cycle is marking."""
        self.world.check_usable()
        if self.state.phase != PHASE_MARK:
            raise PhaseError("no cycle is marking")
