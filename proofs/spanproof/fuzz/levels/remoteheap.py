"""A whole heap that answers messages."""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Final, Protocol, cast

from msgspec.structs import asdict

from spanproof.fuzz.heapsides import Event, NoMemory, State
from spanproof.fuzz.levels.remote import RefusedWith, ReplyT
from spanproof.fuzz.programs.heapprogram import HeapProgram
from spanproof.fuzz.scheduler import CallingThread, Scheduler
from spanproof.protocol.messages import (
    Done,
    Extra,
    Greeting,
    HeapBegin,
    HeapCall,
    HeapShown,
    HeapState,
    NewHeap,
    Request,
    Returned,
    Stopped,
    Turn,
)
from spanspec.events.heap_events import Purpose
from spanspec.span.specials import SpecialKind

UINT64: Final = (1 << 64) - 1


class AnswersMessages(Protocol):
    """What answers messages."""

    def greeted(self) -> Greeting:
        """Return what it says of itself."""
        ...

    def ask(self, request: Request, expected: type[ReplyT]) -> ReplyT:
        """Return the reply to a request.

        Raises: Refused.
        """
        ...


class RemoteHeap:
    """A heap that answers messages; of events and state it shows what its hello says.

    While it obeys a scheduler, each call is made on a thread that says when the call goes on; so
    what answers needs no thread, and only one exchange is under way at a time.
    """

    def __init__(self, answerer: AnswersMessages, program: HeapProgram) -> None:
        self._answerer = answerer
        shows = answerer.greeted().shows
        self._shows_events = "events" in shows
        self._shows_state = "state" in shows
        self._events: list[tuple[str, Event]] = []
        self._scheduler: Scheduler | None = None
        answerer.ask(
            NewHeap(program.procs, program.sweepgen, program.physical, list(program.answers)),
            Done,
        )

    def _call(self, request: HeapCall) -> int:
        try:
            if self._scheduler is not None and self._scheduler.running is not None:
                return self._in_turns(request, self._scheduler, self._scheduler.running)
            return self._result_of(self._answerer.ask(request, Returned))
        except RefusedWith as problem:
            self._events += problem.events
            raise

    def _in_turns(self, request: HeapCall, scheduler: Scheduler, worker: CallingThread) -> int:
        """Begin a call, and go on with it whenever the scheduler says so."""
        asked: Request = HeapBegin(**asdict(request))
        while True:
            returned = self._answerer.ask(asked, Stopped)
            worker.left = worker.left or returned.left
            if returned.stop == "ended":
                return self._result_of(returned)
            self._keep_events(returned)
            match returned.stop:
                case "published":
                    scheduler.published(returned.span)
                case "waits":
                    scheduler.cannot_go_on()
                case _:
                    scheduler.step_ends()
            asked = Turn(request.p)

    def _result_of(self, returned: Returned) -> int:
        """Return what a call has come to."""
        self._keep_events(returned)
        if returned.no_memory:
            raise NoMemory
        return returned.result

    def _keep_events(self, returned: Returned) -> None:
        self._events += returned.events

    def obey(self, scheduler: Scheduler | None) -> None:
        """Make calls in steps from now on, as a scheduler says; None: no more."""
        self._scheduler = scheduler

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
        return self._shown(HeapState()) if self._shows_state else None

    def state_now(self) -> State | None:
        """Return the same while calls may be under way."""
        return self._shown(HeapState(now=True)) if self._shows_state else None

    def _shown(self, asked: HeapState) -> State:
        return self._answerer.ask(asked, HeapShown).state


class FindsObjects:
    """The call by which a heap tells which object holds an address."""

    _call: Callable[[HeapCall], int]

    def find(self, address: int) -> int:
        """Return the address of the slot that holds an address."""
        return self._call(HeapCall("find", address=address))


class Paced:
    """The calls of a heap that is paced by GOGC."""

    _call: Callable[[HeapCall], int]

    def set_gc_percent(self, percent: int, p: int) -> int:
        """Set GOGC; return what it was."""
        return self._call(HeapCall("set_gc_percent", p, percent=percent))

    def trigger(self) -> int:
        """Return the heap at which a cycle is due; a number without a sign, -1 stands for none."""
        return self._call(HeapCall("trigger")) & UINT64


class Steered(Paced):
    """The calls of a heap that paces itself by how long its cycles take, too."""

    def finish_paced(self, p: int, took_ns: int, assist_ns: int) -> None:
        """End the marking of a cycle that began by itself, and took so long."""
        self._call(HeapCall("finish_paced", p, took_ns=took_ns, assist_ns=assist_ns))


@cache
def heap_with(calls: tuple[Extra, ...]) -> type[RemoteHeap]:
    """Return the class of a heap that has some calls besides: what it has not it is not asked."""
    also: list[type] = [FindsObjects] if "find" in calls else []
    if "set_gc_percent" in calls:
        also.append(Steered if "finish_paced" in calls else Paced)
    return cast("type[RemoteHeap]", type("RemoteHeap", (RemoteHeap, *also), {}))


class RemoteHeaps:
    """Makes the heap that a program starts with, of what answers messages."""

    def __init__(self, answerer: AnswersMessages) -> None:
        self._answerer = answerer

    def __call__(self, program: HeapProgram) -> RemoteHeap:
        """Return the heap that a program starts with."""
        return heap_with(tuple(self._answerer.greeted().calls))(self._answerer, program)
