"""Calls of several Ps at once on a heap, and whether what they come to is one of what they may."""

import random
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import cycle, permutations
from typing import Final, NamedTuple, cast

import msgspec

from spanproof.fuzz.differences.differences import Difference, NoMemory, Refused, compare_states
from spanproof.fuzz.heapsides import Schedulable, Side, State
from spanproof.fuzz.levels.answeringheap import call_of
from spanproof.fuzz.scheduler import CallingThread, Scheduler, StopReason
from spanproof.protocol.messages import HeapCall

Said = int | str
"""What a call comes to: its result, or in words that it is refused, or has no memory."""

Calls = tuple[HeapCall, ...]
"""The calls of one thread, one after the other."""

ORDERS: Final = 24
"""Orders that are tried of each race, where steps can be taken in turns."""

TURNS: Final = 16
"""Choices of an order, which is gone through again and again."""


SaidByAll = tuple[tuple[Said, ...], ...]
"""What the calls of each thread come to."""


class JointOutcome(NamedTuple):
    """What calls come to, in the order of the threads, and the state that they leave, as JSON."""

    said: SaidByAll
    state: bytes


def said_of(side: Side, call: HeapCall) -> Said:
    """Make a call, and return what it comes to."""
    try:
        return call_of(call)(side) or 0
    except Refused:
        return "refused"
    except NoMemory:
        return "no_memory"


def all_said(side: Side, calls: Calls) -> tuple[Said, ...]:
    """Make calls one after the other, and return what they come to."""
    return tuple([said_of(side, call) for call in calls])


def orders(number: int = ORDERS) -> Iterator[tuple[int, ...]]:
    """Yield orders in which threads take turns: one after the other at first, then by lot."""
    yield (0,)
    for seed in range(1, number):
        draw = random.Random(seed)
        switches = draw.choice((1, 2, 4))
        yield tuple(
            [draw.randrange(4) if draw.randrange(4) < switches else 0 for _ in range(TURNS)]
        )


def in_turns(side: Schedulable, calls: Sequence[Calls], order: Sequence[int]) -> SaidByAll:
    """Make calls at once, each on its P, in an order; return what they come to.

    Raises: RuntimeError if each waits for another.
    """
    scheduler = Scheduler()
    side.obey(scheduler)
    workers = [CallingThread(scheduler, f"of call {number}") for number in range(len(calls))]
    try:
        for worker, of_thread in zip(workers, calls, strict=True):
            worker.begin(partial(all_said, side, of_thread))
        choices, able, waits = cycle(order), list(range(len(calls))), set[int]()
        at = 0
        while able:
            ready = [one for one in able if one not in waits]
            if not ready:
                raise RuntimeError("each call waits for another")
            ready = [one for one in ready if one >= at] + [one for one in ready if one < at]
            at = ready[next(choices) % len(ready)]
            stop = workers[at].go_on()
            if stop is StopReason.WAITS:
                waits.add(at)
                continue
            waits.clear()
            if stop is StopReason.ENDED:
                able.remove(at)
        return tuple([cast("tuple[Said, ...]", worker.result) for worker in workers])
    finally:
        for worker in workers:
            worker.close()
        side.obey(None)


def ways(calls: Sequence[Calls], in_steps: bool) -> list[tuple[int, ...]]:
    """Return the ways in which calls are made at once: orders of their steps, or of the threads."""
    return list(orders()) if in_steps else list(permutations(range(len(calls))))


def made(side: Side, calls: Sequence[Calls], way: tuple[int, ...], in_steps: bool) -> SaidByAll:
    """Make calls at once in one of the ways; return what they come to.

    Raises: RuntimeError if each waits for another.
    """
    if in_steps:
        assert isinstance(side, Schedulable)
        return in_turns(side, calls, way)
    said = {number: all_said(side, calls[number]) for number in way}
    return tuple([said[number] for number in range(len(calls))])


def why_none(outcomes: Iterable[JointOutcome], said: SaidByAll, state: State | None) -> str:
    """Return why what calls came to is none of what they may, "" if it is."""
    why = f"the calls come to {said}, which no order of them allows"
    for one in outcomes:
        if one.said != said:
            continue
        if state is None:
            return ""
        try:
            compare_states(msgspec.json.decode(one.state), state)
        except Difference as problem:
            why = f"{problem.what}: {problem.seen} after results that allow {problem.expected}"
            continue
        return ""
    return why
