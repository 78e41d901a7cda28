"""A whole heap that answers messages."""

from collections.abc import Sequence
from typing import Final, cast

import msgspec

from spanproof.fuzz.heapprogram import HeapProgram
from spanproof.fuzz.heapsides import Event, NoMemory, State
from spanproof.fuzz.levels.remote import Answerer
from spanproof.protocol.messages import Came, Done, HeapCall, HeapShown, HeapState, NewHeap
from spanspec.pages.pagealloc import Purpose
from spanspec.span.specials import SpecialKind

FIGURES: Final = msgspec.json.Decoder(dict[str, object])


class RemoteHeap:
    """A heap that answers messages; of events and state it shows what its hello says."""

    def __init__(self, answerer: Answerer, program: HeapProgram) -> None:
        self._answerer = answerer
        shows = answerer.greeted().shows
        self._shows_events = "events" in shows
        self._shows_state = "state" in shows
        self._events: list[tuple[str, Event]] = []
        answerer.ask(
            NewHeap(program.procs, program.sweepgen, program.physical, list(program.answers)),
            Done,
        )

    def _call(self, request: HeapCall) -> int:
        came = self._answerer.ask(request, Came)
        self._events += [(kind, FIGURES.decode(figures)) for kind, figures in came.events]
        if came.no_memory:
            raise NoMemory
        return came.result

    def malloc(self, size: int, noscan: bool, zero: bool, p: int) -> int:
        """Allocate an object; return its address."""
        return self._call(HeapCall("malloc", p, bytes=size, noscan=noscan, zero=zero))

    def start_cycle(self, p: int) -> None:
        """Begin to mark."""
        self._call(HeapCall("start_cycle", p))

    def mark(self, address: int) -> None:
        """Mark the object that holds an address."""
        self._call(HeapCall("mark", address=address))

    def finish_cycle(self, p: int) -> None:
        """End marking."""
        self._call(HeapCall("finish_cycle", p))

    def sweep_one(self, p: int) -> int:
        """Sweep a span; return the pages freed, -1 if nothing is left."""
        return self._call(HeapCall("sweep_one", p))

    def ensure_swept(self, address: int, p: int) -> None:
        """Have the span at an address swept."""
        self._call(HeapCall("ensure_swept", p, address))

    def add_special(self, address: int, kind: SpecialKind, p: int) -> None:
        """Give the object at an address a finalizer, or a profile record."""
        self._call(HeapCall("add_special", p, address, kind=kind))

    def remove_finalizer(self, address: int, p: int) -> None:
        """Take the finalizer of the object at an address away, if it has one."""
        self._call(HeapCall("remove_finalizer", p, address))

    def run_finalizers(self) -> None:
        """Run the finalizers that are due."""
        self._call(HeapCall("run_finalizers"))

    def take_manual(self, npages: int, purpose: Purpose, p: int) -> int:
        """Take a manual span; return its address."""
        return self._call(HeapCall("take_manual", p, npages=npages, purpose=purpose))

    def free_manual(self, address: int, p: int) -> None:
        """Give a manual span back."""
        self._call(HeapCall("free_manual", p, address))

    def set_procs(self, procs: int, p: int) -> None:
        """Set the number of Ps."""
        self._call(HeapCall("set_procs", p, procs=procs))

    def flush_caches(self, p: int) -> None:
        """Flush the caches of all Ps."""
        self._call(HeapCall("flush_caches", p))

    def scavenge_all(self, p: int) -> None:
        """Return all free memory."""
        self._call(HeapCall("scavenge_all", p))

    def free_os_memory(self, p: int) -> None:
        """Sweep all that is unswept, wait for those who sweep, and return all free memory."""
        self._call(HeapCall("free_os_memory", p))

    def pass_time(self, nanoseconds: int, p: int) -> None:
        """Let the background scavenger work."""
        self._call(HeapCall("pass_time", p, nanoseconds=nanoseconds))

    def events(self) -> Sequence[tuple[str, Event]] | None:
        """Return the kinds and figures of the events since the last call, if they are shown."""
        told, self._events = self._events, []
        return told if self._shows_events else None

    def state(self) -> State | None:
        """Return the whole state as it was sent, if it is shown."""
        if not self._shows_state:
            return None
        shown = self._answerer.ask(HeapState(), HeapShown).state
        return cast("State", msgspec.json.decode(shown))


class RemoteHeaps:
    """Makes the heap that a program starts with, of what answers messages."""

    def __init__(self, answerer: Answerer) -> None:
        self._answerer = answerer

    def __call__(self, program: HeapProgram) -> RemoteHeap:
        """Return the heap that a program starts with."""
        return RemoteHeap(self._answerer, program)
