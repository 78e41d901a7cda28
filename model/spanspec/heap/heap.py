"""A heap that runs on its own: the whole state, and one step at a time.

    >>> heap = Heap()
    >>> address = heap.malloc(24)
    >>> heap.collect(live=[address])

An input says what the program, the marker or the scheduler decides; the step gives the result and
what a recorder would have observed. The rules, the records and the courses are those that recorded
traces are held against.
"""

from collections.abc import Callable, Iterable

from spanspec.base.ids import NOBODY
from spanspec.base.records import Record
from spanspec.base.words import U32, U64
from spanspec.events.fields import EventBase
from spanspec.heap.courses.course import Course
from spanspec.heap.courses.malloc import ZERO_BASE, array_size
from spanspec.heap.courses.procs import boot, procresize
from spanspec.heap.decisions import Decisions
from spanspec.heap.machine import Machine, Steps
from spanspec.heap.memstats import MemStats, read_memstats
from spanspec.heap.operations import OPERATIONS
from spanspec.heap.operations.refusals import OutOfMemory, Refused, require
from spanspec.heap.picture import overview, picture
from spanspec.heap.program import (
    Allocate,
    FinishCycle,
    FinishSweeping,
    FlushMcaches,
    Input,
    MarkObject,
    ScavengeAll,
    SetGcPercent,
    StartCycle,
    SweepOne,
)
from spanspec.heap.snapshot import Snapshot, snapshot_of
from spanspec.heap.state.addresses import span_at
from spanspec.heap.state.allp import NO_P
from spanspec.pages.courses.bgscavenge import Scavenger
from spanspec.pages.memory.arena import Os
from spanspec.pages.memory.mallocinit import mallocinit
from spanspec.pages.pageheap import Actor
from spanspec.pages.tables.runs import AMD64, PhysicalPages
from spanspec.span.mspan import find_object, is_allocated

__all__ = ["ZERO_BASE", "Heap", "OutOfMemory", "Outcome", "Refused"]


class Outcome(Record, frozen=True):
    """What a step gives: an address, a span or a number of pages, if any; and what was observed."""

    result: int | None
    observed: tuple[EventBase, ...]


class Heap:
    """The model of the allocator, driven by inputs; one operation ends before the next begins.

    `procs` is the number of Ps to begin with, `os` answers for the operating system (by default it
    grants all), `phys` has the sizes of physical and huge pages in bytes. `on_event` is told every
    observation, in order. `sweepgen` is the heap's first, an even number. `decisions` decide
    instead of its own.
    """

    def __init__(
        self,
        procs: int = 1,
        os: Os | None = None,
        phys: PhysicalPages = AMD64,
        on_event: Callable[[EventBase], None] | None = None,
        sweepgen: U32 = 0,
        decisions: Decisions | None = None,
    ) -> None:
        require(procs >= 1, f"{procs} Ps; a heap has at least 1")
        mallocinit(phys)
        self._machine = Machine(os, phys, on_event, decisions, sweepgen)
        self.state = self._machine.state
        # The first thread has no P until the Ps are set; its mcache becomes that of P 0.
        nobody = Actor(NO_P, 0)
        self._machine.drive(nobody, boot(self.state, nobody))
        self._machine.drive(nobody, procresize(self.state, nobody, procs))

    # --- steps -----------------------------------------------------------------------------------

    def step(self, request: Input) -> Outcome:
        """Take one step.

        Raises: Refused if the input does not fit the state; OutOfMemory; AssertionError, with the
            rule's id, if the model violates a fatal check of the runtime.
        """
        result = self.run(request)
        return Outcome(result, tuple(self._machine.observed))

    def run(self, request: Input) -> int | None:
        """Take one step and return its result alone; its observations are heard as they are made.

        Raises: what `step` raises.
        """
        self._machine.observed = []
        return self._machine.drive(*self._operation(request))

    def begin(self, request: Input, whole_sections: bool = False) -> Steps[int | None]:
        """Return an operation that takes a step whenever it is asked for the next.

        Several may be under way at once, each on a P of its own; one that stops the world, when no
        other is. It gives each observation; or, while it cannot go on before another has done
        something, what it waits for. In the end it returns its result. With `whole_sections`, what
        is done under the lock of the page heap is one step, where pages are asked for.

        Raises: Refused for a P that does not exist; at its first step what `step` raises.
        """
        return self._machine.steps(*self._operation(request), whole_sections)

    def _operation(self, request: Input) -> tuple[Actor, Course[int | None]]:
        if request.p not in self.state.mcache_of or request.p == NO_P:
            raise Refused(f"no P {request.p}; there are {self.state.procs}")
        actor = Actor(request.p, request.p)
        return actor, OPERATIONS[type(request)](self.state, actor, request)

    def malloc(self, size: U64, noscan: bool = False, p: int = 0, zero: bool = True) -> U64:
        """Allocate an object; return its address.

        Raises: Refused for a size below 0 or a P that does not exist; OutOfMemory.
        """
        address = self.step(Allocate(p, size, noscan, zero)).result
        assert address is not None, "MAL-1: an allocation gives an address"
        return address

    def newarray(self, elemsize: U64, count: int, noscan: bool = False, p: int = 0) -> U64:
        """Allocate an array of so many elements; return its address.

        Raises: Refused where the runtime panics: the count is negative, or the array too large;
            OutOfMemory, also for a single element that is too large.

        Rules: MAL-20.
        """
        size = array_size(elemsize, count)
        if size is None:
            raise Refused(f"an array of {count} elements of {elemsize} bytes")
        return self.malloc(size, noscan, p)

    @property
    def cycle_is_due(self) -> bool:
        """Whether the heap has grown to its trigger: the next slow allocation starts a cycle.

        The model leaves that to its driver (MAL-18).
        """
        return self._machine.decisions.cycle_is_due()

    @property
    def trigger(self) -> U64:
        """The bytes of live heap at which the next cycle is due; 2^64 - 1 if none ever is.

        Rules: SWP-20.
        """
        return self.state.trigger.heap

    def collect(self, live: Iterable[U64] = (), p: int = 0) -> None:
        """Run a cycle in which the objects at some addresses are found alive, and no others.

        The dead are swept later, little by little; `sweep` does all of it.
        """
        self.step(StartCycle(p))
        for address in live:
            self.step(MarkObject(p, address))
        self.step(FinishCycle(p))

    def sweep(self, p: int = 0) -> U64:
        """Sweep all that is unswept; return the pages that went back to the page heap.

        This is the work of the background sweeper; `gc` does it as runtime.GC does.
        """
        freed = 0
        while (pages := self.step(SweepOne(p)).result) is not None:
            freed += pages
        return freed

    def gc(self, live: Iterable[U64] = (), p: int = 0) -> U64:
        """Run a whole cycle, as runtime.GC does: all is swept at the end; return the pages freed.

        Rules: SWP-38.
        """
        self.collect(live, p)
        return self.step(FinishSweeping(p)).result or 0

    def free_os_memory(self, live: Iterable[U64] = (), p: int = 0) -> None:
        """Run a whole cycle, and give all free memory back to the operating system.

        Rules: SWP-38 SCAV-13.
        """
        self.gc(live, p)
        self.step(ScavengeAll(p))

    def set_gc_percent(self, percent: int, p: int = 0) -> int:
        """Set GOGC: by how many percent the heap may grow before it is collected; return the old.

        Below 0 it is never collected by itself.

        Raises: Refused for more than an int32 holds, and for off while a cycle is marking.

        Rules: SCAV-5.
        """
        before = self.step(SetGcPercent(p, percent)).result
        assert before is not None, "SCAV-5: GOGC had a value before"
        return before

    def read_memstats(self, p: int = 0) -> MemStats:
        """Flush all mcaches, and return the statistics.

        Raises: Refused during a cycle.
        """
        self.step(FlushMcaches(p))
        return read_memstats(self.state)

    @property
    def scavenger(self) -> Scavenger:
        """Where the background scavenger stands."""
        return self._machine.decisions.scavenger

    # --- looking ---------------------------------------------------------------------------------

    def span_of(self, address: U64) -> int:
        """Return the in-use span that holds an address.

        Raises: Refused if there is none.
        """
        span = span_at(self.state, address)
        require(span != NOBODY, f"{address:#x} lies in no span in use")
        return span

    def is_allocated(self, address: U64) -> bool:
        """Tell whether an address lies in an object that is allocated, or not yet found dead."""
        span = span_at(self.state, address)
        if span == NOBODY:
            return False
        found = find_object(self.state.spans[span], address)
        return found.base != 0 and is_allocated(self.state.spans[span], found.slot)

    def picture(self, span: int) -> str:
        """Return a span as a picture of its slots.

        Raises: Refused if it is not in use.
        """
        require(span in self.state.spans, f"span {span} is not in use")
        return picture(self.state, span)

    def snapshot(self) -> Snapshot:
        """Return the whole state as a record that can be compared, kept, and saved as JSON."""
        return snapshot_of(self.state)

    def __str__(self) -> str:
        return overview(self.state)
