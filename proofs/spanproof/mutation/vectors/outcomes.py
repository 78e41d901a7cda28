"""All that a race may come to: the outcomes of calls of several Ps at once, from the model.

Each order in which the model can take the steps of the calls is gone through; a state that was seen
before, with the same calls at the same places, is not gone through again.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import msgspec

from spanproof.fuzz.differences.differences import NoMemory, Refused
from spanproof.fuzz.levels.answeringheap import ENCODER, AnsweringHeap, call_of, program_of
from spanproof.fuzz.levels.atonce import Calls, JointOutcome, Said
from spanproof.fuzz.levels.recorded import Exchange
from spanproof.fuzz.levels.remote import ReplyT
from spanproof.fuzz.levels.remoteheap import RemoteHeap, RemoteHeaps
from spanproof.fuzz.lockstep.heaplockstep import HeapLockstep
from spanproof.fuzz.programs.heapprogram import HeapProgram, Malloc, Sweep, Together
from spanproof.fuzz.sides.modelheap import ModelHeap
from spanproof.protocol.messages import Greeting, HeapCall, NewHeap, Request
from spanproof.simulate.schedules.threads import walks
from spanspec.base.constants import MAX_SMALL_SIZE
from spanspec.events.fields import EventBase
from spanspec.events.span_events import SweepResult, Uncache
from spanspec.heap.courses.course import Waits
from spanspec.heap.courses.malloc import span_class_for
from spanspec.heap.courses.publishing import is_publishing, see_published
from spanspec.heap.machine import Steps
from spanspec.heap.snapshot import snapshot_of

MOST_STATES: Final = 20_000
"""States after which an exploration gives up."""

Move = int
"""The number of a thread that takes a step; of a span, below 0, of which others see the sweep."""


class TooMany(Exception):
    """There are more states than are gone through."""


class Race(NamedTuple):
    """What was done before, the calls of each thread at once, and all that they may come to."""

    before: Exchange
    calls: tuple[Calls, ...]
    outcomes: tuple[JointOutcome, ...]
    states: int


class Noting:
    """Takes down what a heap would be asked."""

    def __init__(self) -> None:
        self.asked: list[Request] = []

    def greeted(self) -> Greeting:
        """Return what nobody says."""
        return AnsweringHeap(ModelHeap).greeted()

    def ask(self, request: Request, expected: type[ReplyT]) -> ReplyT:
        """Note a request."""
        self.asked.append(request)
        return expected(n=0)


def race_of(program: HeapProgram) -> Race:
    """Return what the calls may come to that the last step of a program makes at once.

    Of a task it is the call that is made first, as often as the task says. Raises: ValueError for a
    program that does not end like that; TooMany.
    """
    *before, last = program.steps
    if not isinstance(last, Together):
        raise ValueError("the last step of a race is one of several tasks at once")
    answering = AnsweringHeap(ModelHeap)
    lockstep = HeapLockstep(program, RemoteHeaps(answering))
    lockstep.compare()
    for step in before:
        lockstep.take(step)
    noting = Noting()
    start = msgspec.structs.replace(program, steps=())
    asking = RemoteHeap(noting, start)
    noting.asked.clear()
    calls: list[Calls] = []
    for task in last.tasks:
        next(lockstep.holdings.calls(task))(asking)
        times = task.count if isinstance(task, Malloc | Sweep) else 1
        calls.append(tuple([one for one in noting.asked if isinstance(one, HeapCall)]) * times)
        noting.asked.clear()
    return explored(answering.exchange, tuple(calls))


ALONE: Final = ("take_manual", "free_manual", "scavenge_all", "set_procs", "flush_caches")
"""Calls that are one section under the lock of the page heap, or for which the world stops."""


class ThreadCaller:
    """The calls of a thread, and where it is.

    `refills` is the span class of which it wants a span, `sweeps` that of a span that it gives back
    to its lists, -1 for none: it has to wait for who walks along these lists.
    """

    def __init__(self, model: ModelHeap, calls: Calls) -> None:
        self._model = model
        self._left = list(reversed(calls))
        self._alone = False
        self.steps: Steps[int | None] | None = None
        self.refills = self.sweeps = -1
        self.last: EventBase | None = None
        self.place = 0
        self.waits = False
        self.said: tuple[Said, ...] = ()
        self._begin()

    def _begin(self) -> None:
        """Begin the next call, if there is one."""
        self.steps, self.last, self.place = None, None, 0
        self.refills = self.sweeps = -1
        if not self._left:
            return
        call = self._left.pop()
        self.steps = self._model.begin(call_of(call))
        self._alone = call.call in ALONE
        if call.call == "malloc" and call.bytes <= MAX_SMALL_SIZE:
            self.refills = span_class_for(call.bytes, call.noscan)

    def go_on(self) -> None:
        """Take a step."""
        steps = self.steps
        assert steps is not None
        try:
            event = next(steps)
            while self._alone:
                event = next(steps)
        except StopIteration as end:
            result: int | None = end.value
            self._ends(result or 0)
        except Refused:
            self._ends("refused")
        except NoMemory:
            self._ends("no_memory")
        else:
            self.waits = isinstance(event, Waits)
            if not isinstance(event, Waits):
                self.last, self.place = event, self.place + 1
                if isinstance(event, SweepResult):
                    self.sweeps = event.spanclass if event.to_central else -1
                elif isinstance(event, Uncache):
                    self.sweeps = event.spanclass

    def _ends(self, said: Said) -> None:
        self.said = (*self.said, said)
        self._begin()


class ModelRace:
    """The model with what was done before, and calls under way."""

    def __init__(self, before: Exchange, calls: Sequence[Calls]) -> None:
        asked = [ask for ask, _ in before]
        assert isinstance(asked[0], NewHeap)
        self.model = ModelHeap(program_of(asked[0]))
        for ask in asked:
            if isinstance(ask, HeapCall):
                try:
                    call_of(ask)(self.model)
                except (Refused, NoMemory):
                    continue
        self.model.events()
        self.model.whole_sections = True
        self._callers = [ThreadCaller(self.model, of_thread) for of_thread in calls]

    def moves(self) -> list[Move]:
        """Return what can happen next."""
        able = [thread for thread, caller in enumerate(self._callers) if self._can_go_on(caller)]
        state = self.model.heap.state
        return [*able, *(-1 - span for span in state.spans if is_publishing(state, span))]

    def _can_go_on(self, caller: ThreadCaller) -> bool:
        if caller.steps is None or caller.waits:
            return False
        walked = [walks(other.last) for other in self._callers if other is not caller]
        return not {caller.refills, caller.sweeps}.intersection(walked) - {-1}

    def move(self, move: Move) -> None:
        """Let it happen."""
        if move < 0:
            see_published(self.model.heap.state, -1 - move)
            return
        caller = self._callers[move]
        caller.go_on()
        if not caller.waits:
            for one in self._callers:
                one.waits = False

    def key(self) -> tuple[object, ...]:
        """Return what the coming moves hang on."""
        state = self.model.heap.state
        threads = tuple(sorted(state.tables.threads.records.items()))
        spans = tuple(sorted(state.tables.spans.records.items()))
        callers = tuple(
            [(one.steps is None, one.place, one.waits, one.said) for one in self._callers]
        )
        return snapshot_of(state), threads, spans, callers

    def outcome(self) -> JointOutcome:
        """Return what all came to.

        Raises: RuntimeError if not all have ended, and none can go on.
        """
        if any(one.steps is not None for one in self._callers):
            raise RuntimeError("each thread waits for another")
        said = tuple([one.said for one in self._callers])
        return JointOutcome(said, ENCODER.encode(self.model.state()))


def explored(before: Exchange, calls: tuple[Calls, ...]) -> Race:
    """Return all that calls may come to which are made at once.

    Raises: TooMany.
    """
    seen: set[tuple[object, ...]] = set()
    outcomes: dict[JointOutcome, None] = {}
    waiting: list[tuple[Move, ...]] = [()]
    while waiting:
        moves = list(waiting.pop())
        racing = ModelRace(before, calls)
        for move in moves:
            racing.move(move)
        while (key := racing.key()) not in seen:
            seen.add(key)
            if len(seen) > MOST_STATES:
                raise TooMany(f"more than {MOST_STATES} states")
            able = racing.moves()
            if not able:
                outcomes[racing.outcome()] = None
                break
            waiting.extend((*moves, other) for other in able[1:])
            moves.append(able[0])
            racing.move(able[0])
    return Race(before, calls, tuple(sorted(outcomes, key=repr)), len(seen))
