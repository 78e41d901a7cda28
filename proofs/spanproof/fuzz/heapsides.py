"""The two sides of the lockstep of whole heaps: the same calls, the same events, the same state."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol, runtime_checkable

from spanproof.fuzz.differences.differences import NoMemory as NoMemory
from spanproof.fuzz.programs.heapprogram import HeapProgram
from spanproof.fuzz.scheduler import Scheduler
from spanspec.events.heap_events import Purpose
from spanspec.heap.parts import Part, Wanted, Whole
from spanspec.span.specials import SpecialKind

Event = Mapping[str, object]
WholeEvent = dict[str, object]
"""An event with all of its figures, and its kind as `k`."""

State = Mapping[str, object]
MADV_DONTNEED, MADV_HUGEPAGE, MADV_NOHUGEPAGE = 4, 14, 15
"""What Linux calls the advice that the events `os madvise` are about."""

UNTOLD = ("lo", "t")
"""Keys that are not compared, besides that of the kind, which has a place of its own: they depend
on who counts.
"""


class Side(Protocol):
    """A heap under test. A refusal is Refused, a lack of memory NoMemory; neither ends the run."""

    def malloc(self, size: int, noscan: bool, zero: bool, p: int) -> int:
        """Allocate an object; return its address."""
        ...

    def start_cycle(self, p: int) -> None:
        """Begin to mark."""
        ...

    def mark(self, address: int) -> None:
        """Mark the object that holds an address."""
        ...

    def finish_cycle(self, p: int) -> None:
        """End marking."""
        ...

    def sweep_one(self, p: int) -> int:
        """Sweep a span; return the pages freed, -1 if nothing is left."""
        ...

    def ensure_swept(self, address: int, p: int) -> None:
        """Have the span at an address swept."""
        ...

    def add_special(self, address: int, kind: SpecialKind, p: int) -> None:
        """Give the object at an address a finalizer, or a profile record."""
        ...

    def remove_finalizer(self, address: int, p: int) -> None:
        """Take the finalizer of the object at an address away, if it has one."""
        ...

    def run_finalizers(self) -> None:
        """Run the finalizers that are due."""
        ...

    def take_manual(self, npages: int, purpose: Purpose, p: int) -> int:
        """Take a manual span; return its address."""
        ...

    def free_manual(self, address: int, p: int) -> None:
        """Give a manual span back."""
        ...

    def set_procs(self, procs: int, p: int) -> None:
        """Set the number of Ps."""
        ...

    def flush_caches(self, p: int) -> None:
        """Flush the caches of all Ps."""
        ...

    def scavenge_all(self, p: int) -> None:
        """Return all free memory."""
        ...

    def free_os_memory(self, p: int) -> None:
        """Sweep all that is unswept, wait for those who sweep, and return all free memory."""
        ...

    def pass_time(self, nanoseconds: int, p: int) -> None:
        """Let the background scavenger work."""
        ...

    def events(self) -> Sequence[tuple[str, Event]] | None:
        """Return the kinds and figures of the events since the last call; None: not shown."""
        ...

    def state(self) -> State | None:
        """Return the whole state, by the names of its parts; None if it is not shown."""
        ...


@runtime_checkable
class ShowsWholeEvents(Protocol):
    """A heap that shows its events as it notes them, for less than in the shape for comparing."""

    def whole_events(self) -> list[WholeEvent] | None:
        """Return the events since the last call, with all of their figures; None: not shown."""
        ...


@runtime_checkable
class LooksUp(Protocol):
    """A heap that tells which object holds an address; one that does not is not asked."""

    def find(self, address: int) -> int:
        """Return the address of the slot that holds an address.

        Raises: Refused if there is no object, or the slot is free.
        """
        ...


@runtime_checkable
class Paces(Protocol):
    """A heap that is paced by GOGC; one that is not is not told of it."""

    def set_gc_percent(self, percent: int, p: int) -> int:
        """Set by how many percent the heap may grow, -1 for any; return what it was."""
        ...

    def trigger(self) -> int:
        """Return the bytes of live heap at which a cycle is due, 2^64 - 1 for none."""
        ...


@runtime_checkable
class Steers(Paces, Protocol):
    """A heap that paces itself by how long its cycles take, too; one that does not is not told."""

    def finish_paced(self, p: int, took_ns: int, assist_ns: int) -> None:
        """End the marking of a cycle that began by itself, and took so long."""
        ...


@runtime_checkable
class Schedulable(Side, Protocol):
    """A heap whose operations can be stopped between their steps, and gone on with.

    Then each P is used by a thread of its own.
    """

    def obey(self, scheduler: Scheduler | None) -> None:
        """Let a scheduler know, from now on, when a step ends; None: no more."""
        ...

    def state_now(self) -> State | None:
        """Return the whole state, although operations may be under way; None: not shown."""
        ...


@runtime_checkable
class ShowsParts(Protocol):
    """A heap that shows a part of its state, for less than the whole; others show the whole."""

    def part(self, wanted: Wanted) -> Part:
        """Return a part of the state, in the form of `spanspec.heap.parts`."""
        ...


@runtime_checkable
class ShowsWhole(Protocol):
    """A heap that shows all that `state` has in plain tuples, too, which are quickly compared."""

    def whole(self) -> "WholeState":
        """Return the whole state, in the form of `spanspec.heap.parts`, and what was counted."""
        ...


class WholeState(NamedTuple):
    """A whole state, the background scavenger's sleep, and what was counted, by name."""

    whole: Whole
    scavenger: tuple[object, ...]
    counts: dict[str, int]


SideFactory = Callable[[HeapProgram], Side]
"""Makes the heap that a program starts with."""
