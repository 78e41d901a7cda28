"""Any heap of this process as what answers messages: what is asked is done to it, and noted."""

from collections.abc import Callable
from typing import Final, cast

import msgspec
from msgspec.structs import replace

from spanproof.fuzz.differences.differences import Refused
from spanproof.fuzz.heapsides import LooksUp, NoMemory, Paces, Side, SideFactory, Steers
from spanproof.fuzz.levels.recorded import Exchange
from spanproof.fuzz.levels.remote import RefusedWith, ReplyT
from spanproof.fuzz.lockstep.heapcalls import Call
from spanproof.fuzz.programs.heapprogram import HeapProgram
from spanproof.protocol.messages import (
    VERSION,
    Ask,
    Done,
    Extra,
    Greeting,
    HeapCall,
    HeapShown,
    HeapState,
    NewHeap,
    Reply,
    Request,
    Returned,
)
from spanproof.protocol.messages import Refused as Declines
from spanspec.events.heap_events import Purpose
from spanspec.span.specials import SpecialKind

ENCODER: Final = msgspec.json.Encoder()
ALL_CALLS: Final[list[Extra]] = ["find", "set_gc_percent", "finish_paced"]


def call_of(asked: HeapCall) -> Call:
    """Return the call of a side that a request asks for."""
    p, address = asked.p, asked.address
    kind, purpose = cast("SpecialKind", asked.kind), cast("Purpose", asked.purpose)
    calls: dict[str, Callable[[Side], int | None]] = {
        "malloc": lambda side: side.malloc(asked.bytes, asked.noscan, asked.zero, p),
        "start_cycle": lambda side: side.start_cycle(p),
        "mark": lambda side: side.mark(address),
        "finish_cycle": lambda side: side.finish_cycle(p),
        "sweep_one": lambda side: side.sweep_one(p),
        "ensure_swept": lambda side: side.ensure_swept(address, p),
        "add_special": lambda side: side.add_special(address, kind, p),
        "remove_finalizer": lambda side: side.remove_finalizer(address, p),
        "run_finalizers": lambda side: side.run_finalizers(),
        "take_manual": lambda side: side.take_manual(asked.npages, purpose, p),
        "free_manual": lambda side: side.free_manual(address, p),
        "set_procs": lambda side: side.set_procs(asked.procs, p),
        "flush_caches": lambda side: side.flush_caches(p),
        "scavenge_all": lambda side: side.scavenge_all(p),
        "free_os_memory": lambda side: side.free_os_memory(p),
        "pass_time": lambda side: side.pass_time(asked.nanoseconds, p),
        "find": lambda side: cast("LooksUp", side).find(address),
        "set_gc_percent": lambda side: cast("Paces", side).set_gc_percent(asked.percent, p),
        "trigger": lambda side: cast("Paces", side).trigger(),
        "finish_paced": lambda side: cast("Steers", side).finish_paced(
            p, asked.took_ns, asked.assist_ns
        ),
    }
    return calls[asked.call]


def program_of(asked: NewHeap) -> HeapProgram:
    """Return the program without steps that begins as a request says."""
    start = {
        "kind": "heap",
        "steps": (),
        "procs": asked.procs,
        "sweepgen": asked.sweepgen,
        "physical": asked.physical,
        "answers": asked.answers,
    }
    return msgspec.convert(start, HeapProgram)


class AnsweringHeap:
    """A heap that is asked by messages; `exchange` has them, with what was replied."""

    def __init__(self, make: SideFactory) -> None:
        self._make: SideFactory = make
        self._side: Side | None = None
        self.exchange: Exchange = []

    def greeted(self) -> Greeting:
        """Return what it shows: all."""
        return Greeting(
            n=0,
            protocol=VERSION,
            name="here",
            levels=["heap"],
            shows=["results", "events", "state"],
            calls=ALL_CALLS,
        )

    def ask(self, request: Request, expected: type[ReplyT]) -> ReplyT:
        """Return the reply to a request.

        Raises: Refused; whatever the heap raises.
        """
        try:
            reply = self._reply(request)
        except Refused as problem:
            told = self._told()
            declines = Declines(n=0, refused=str(problem), reason=problem.reason, events=told)
            self.exchange.append((request, declines))
            raise RefusedWith(str(problem), problem.reason, told) from None
        self.exchange.append((request, reply))
        assert isinstance(reply, expected)
        return reply

    def _reply(self, request: Ask) -> Reply:
        if isinstance(request, NewHeap):
            self._side = self._make(program_of(request))
            self._side.events()
            return Done(n=0)
        side = self._side
        assert side is not None, "a program begins with a heap"
        if isinstance(request, HeapState):
            return HeapShown(n=0, state=dict(side.state() or {}))
        assert isinstance(request, HeapCall)
        returned = Returned(n=0)
        try:
            returned = replace(returned, result=call_of(request)(side) or 0)
        except NoMemory:
            returned = replace(returned, no_memory=True)
        return replace(returned, events=self._told())

    def _told(self) -> list[tuple[str, dict[str, object]]]:
        """Return the events since the last call."""
        told = self._side.events() if self._side is not None else None
        return [(kind, dict(figures)) for kind, figures in told or ()]
