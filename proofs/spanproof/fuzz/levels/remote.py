"""What answers messages, as what a program runs on: started anew after it has failed."""

import os
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from types import FrameType
from typing import NamedTuple, TypeVar

from spanproof.fuzz.differences.differences import Refused
from spanproof.fuzz.levels.sizes import Sized
from spanproof.fuzz.program import Program
from spanproof.fuzz.programs.sizesprogram import SizesProgram
from spanproof.fuzz.sides.factories import WrongFactory
from spanproof.fuzz.subjects import Path, State, SweepOutcome
from spanproof.protocol import messages
from spanproof.protocol.faults import Broken, CannotStart, Declined
from spanproof.protocol.messages import REPLIES, Done, Greeting, Reply, Request
from spanproof.protocol.process import Process, Record, Replies
from spanspec.base.constants import make_span_class
from spanspec.span.mspan import elemsize_of

ReplyT = TypeVar("ReplyT", bound=Reply)


class ProcessCommand(NamedTuple):
    """How a process is started: its command, the folder, what its environment has besides."""

    command: tuple[str, ...]
    folder: str = ""
    extra: Mapping[str, str] = {}


class RefusedWith(Refused, Declined):
    """A refusal in a message, and the events of what was done before it could be told."""

    def __init__(
        self, text: str, reason: str, events: Sequence[tuple[str, dict[str, object]]]
    ) -> None:
        super().__init__(text, reason)
        self.events = events


def refusal_of(problem: Refused) -> messages.Refused:
    """Return the reply that a refusal is."""
    events = list(problem.events) if isinstance(problem, RefusedWith) else []
    return messages.Refused(str(problem), problem.reason, events, n=0)


class Answerer:
    """A process that answers, for one program after another.

    `patience` is the time in seconds that it has to say who it is, `limit` what it has for all
    else, unless somebody else watches it. A `record` hears of every line of it.
    """

    def __init__(self, called: ProcessCommand, level: str, patience: float) -> None:
        self._called = called
        self._level = level
        self._patience = patience
        self._process: Process | None = None
        self.greeting: Greeting | None = None
        self.record: Record | None = None
        self.limit: float | None = None
        self.threads = 1
        """How many are asked to act at once."""

    def prepare(self, begins: Callable[..., None]) -> None:
        """Start it, and hear who it is; once in a worker, of which there is nothing else to tell.

        Raises: WrongFactory if it cannot be used.
        """
        signal.signal(signal.SIGABRT, self._tell_what_it_waits_for)
        try:
            greeting = self.greeted()
        except (CannotStart, Broken) as problem:
            raise WrongFactory(str(problem)) from None
        if self._level not in greeting.levels:
            levels = ", ".join(greeting.levels)
            raise WrongFactory(
                f"{greeting.name} does not have the level {self._level}; it has: {levels}"
            )
        if self.threads > (greeting.threads if greeting.programs else 1):
            raise WrongFactory(
                f"{greeting.name} does not let {self.threads} threads act at once: its `hello` "
                "does not say so"
            )
        if self._level == "schedule" and "events" not in greeting.shows:
            raise WrongFactory(
                f"{greeting.name} shows no events, which the level schedule needs: steps are told "
                "apart by them"
            )

    def _tell_what_it_waits_for(self, number: int, frame: FrameType | None) -> None:
        """Print what was asked last, as the time of this worker is over; and end it."""
        lines = [] if self._process is None else self._process.waiting()
        with suppress(OSError):
            os.write(2, "".join(f"{line}\n" for line in lines).encode(errors="backslashreplace"))
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)

    def greeted(self) -> Greeting:
        """Return what it says of itself; start it unless it is running.

        Raises: CannotStart; Broken.
        """
        if self._process is None or self.greeting is None:
            process = Process(self._called.command, self._called.folder, self._called.extra)
            process.record = self.record
            process.until = time.monotonic() + self._patience
            try:
                self.greeting = process.hello()
            except Broken:
                process.close()
                raise
            process.until = None if self.limit is None else time.monotonic() + self.limit
            self._process = process
        return self.greeting

    def ask(self, request: Request, expected: type[ReplyT]) -> ReplyT:
        """Return the reply to a request.

        Raises: Refused; Broken, after which it is started anew.
        """
        self.greeted()
        assert self._process is not None
        try:
            return self._process.ask(request, expected)
        except Declined as problem:
            raise RefusedWith(str(problem), problem.reason, problem.events) from None
        except Broken:
            self.close()
            raise

    def ask_all(self, requests: Sequence[Request], threads: int = 1) -> Replies | list[Reply]:
        """Return the replies to requests that are sent as one program, if it takes programs.

        Raises: Broken, after which it is started anew.
        """
        greeting = self.greeted()
        assert self._process is not None
        if threads > greeting.threads or (threads > 1 and not greeting.programs):
            raise Broken(f"does not let {threads} threads act at once: its `hello` does not say so")
        try:
            if not greeting.programs or (self.record is not None and threads == 1):
                return [self._process.ask(one, REPLIES[type(one)]) for one in requests]
            return self._process.ask_all(requests, threads)
        except Broken:
            self.close()
            raise

    def is_running(self) -> bool:
        """Tell whether it was started, and has not failed since."""
        return self._process is not None

    def close(self) -> None:
        """End it."""
        process, self._process = self._process, None
        if process is not None:
            process.close()


class RemoteSizes:
    """Size classes that answer messages."""

    def __init__(self, answerer: Answerer) -> None:
        self._answerer = answerer

    def __call__(self, program: SizesProgram) -> "RemoteSizes":
        """Return what a program asks."""
        return self

    def size(self, request: int) -> Sized:
        """Return what serves a request of so many bytes."""
        reply = self._answerer.ask(messages.Size(request), messages.Sized)
        return Sized(reply.size_class, reply.bytes, reply.pages)


class RemoteSpan:
    """A span that answers messages."""

    def __init__(self, answerer: Answerer, program: Program) -> None:
        self._answerer = answerer
        greeting = answerer.greeted()
        self._ahead: list[Reply] = []
        self._shows_state = "state" in greeting.shows
        spanclass = make_span_class(program.size_class, program.noscan)
        elemsize = elemsize_of(spanclass, program.pages)
        answerer.ask(
            messages.NewSpan(
                program.size_class, program.pages, elemsize, program.noscan, program.sweepgen
            ),
            Done,
        )

    def allocate(self) -> tuple[int, Path | None]:
        """Hand out a slot."""
        if self._ahead:
            reply = self._ahead.pop()
            assert isinstance(reply, messages.Slotted)
        else:
            reply = self._answerer.ask(messages.Allocate(), messages.Slotted)
        return reply.slot, reply.path

    def will_allocate(self, count: int) -> None:
        """Know that so many slots are asked for next: they may be in one message."""
        if count > 1:
            replies = self._answerer.ask_all([messages.Allocate()] * count)
            self._ahead = [replies[place] for place in reversed(range(count))]

    def mark(self, slot: int) -> None:
        """Mark a slot."""
        self._answerer.ask(messages.Mark(slot), Done)

    def claim_and_sweep(self, sg: int) -> SweepOutcome:
        """Win the span and sweep it."""
        reply = self._answerer.ask(messages.Sweep(sg), messages.Swept)
        return SweepOutcome(reply.nfreed, reply.was_empty)

    def flush(self, sg: int) -> SweepOutcome | None:
        """Leave the cache; if stale, be swept at once and report it."""
        reply = self._answerer.ask(messages.Flush(sg), messages.Flushed)
        return SweepOutcome(reply.nfreed, reply.was_empty) if reply.swept else None

    def retire(self, sg: int) -> None:
        """Leave the cache as a full span."""
        self._answerer.ask(messages.Retire(sg), Done)

    def refill(self, sg: int) -> None:
        """Enter a cache."""
        self._answerer.ask(messages.Refill(sg), Done)

    def state(self) -> State | None:
        """Return the whole state, if it is shown."""
        if not self._shows_state:
            return None
        seen = self._answerer.ask(messages.SpanState(), messages.SpanShown)
        return State(
            seen.nelems,
            seen.freeindex,
            seen.alloc_count,
            bits_of(seen.alloc_bits),
            bits_of(seen.mark_bits),
            seen.alloc_cache if seen.freeindex < seen.nelems else None,
            seen.sweepgen,
            seen.needzero,
        )


def bits_of(slots: Sequence[int]) -> int:
    """Return a bitmap as one number."""
    bits = 0
    for slot in slots:
        bits |= 1 << slot
    return bits


class RemoteSpans:
    """Makes the span that a program starts with, of what answers messages."""

    def __init__(self, answerer: Answerer) -> None:
        self._answerer = answerer

    def __call__(self, program: Program) -> RemoteSpan:
        """Return the span that a program starts with."""
        return RemoteSpan(self._answerer, program)
