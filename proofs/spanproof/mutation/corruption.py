"""Corrupted traces: whether the checker notices a single wrong event.

One event is changed in one figure, left out, repeated, swapped with the next, or exchanged with the
next whose order with it a lock or a program fixes, and the trace replayed. What goes unnoticed is
an input, an order that is really free, or a hole in the checker.
"""

import random
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Final, Literal, NamedTuple, get_args

import msgspec
from msgspec.inspect import LiteralType, StructType, type_info

from spanproof.replay.check import expect_usable
from spanproof.replay.following.kinds import UNDER_LIST_LOCK, UNDER_LOCK
from spanproof.replay.following.replay import Replay
from spanproof.replay.following.verdict import TraceDivergence
from spanproof.replay.format.reader import TraceReader
from spanproof.replay.format.schema import KIND_OF, Header
from spanproof.replay.telling.history import as_text
from spanspec.events.fields import EventBase, ThreadEvent
from spanspec.events.span_events import (
    ClassedSpanEvent,
    Malloc,
    Mark,
    McacheChanges,
    ProcGetsMcache,
    ProcResize,
    TinyHit,
)

How = Literal["change", "delete", "duplicate", "swap", "exchange"]

HOWS: Final[tuple[How, ...]] = get_args(How)


INPUTS: Final = (ProcResize, ProcGetsMcache, McacheChanges)
"""Events of a P between which and its allocations the program decides, or the scheduler, which
allocates Ps.
"""

FAR: Final = 200
"""How many events on an event is looked for to exchange one with."""


LEAST_NOTICED: Final = 0.95
"""The share of corruptions that a judge worth its name notices."""


class Trace(NamedTuple):
    """A whole trace in memory."""

    name: str
    header: Header
    events: Sequence[EventBase]


class Corruption(NamedTuple):
    """One corrupted place, and what the checker said: None if it noticed nothing.

    `what` names the changed field, or says how the order of events was changed.
    """

    trace: str
    line: int
    kind: str
    what: str
    before: str
    after: str
    divergence: TraceDivergence | None

    @property
    def noticed(self) -> bool:
        """Whether the checker found the trace at fault."""
        return self.divergence is not None


def read_trace(path: Path, most: int | None = None) -> Trace:
    """Read a trace into memory, or the first `most` events of it.

    Raises: TraceError if it cannot be read, has no events, or is of another runtime.
    """
    events: list[EventBase] = []
    with TraceReader(str(path)) as source:
        expect_usable(source)
        for event in source:
            events.append(event)
            if len(events) == most:
                break
        return Trace(path.name, source.header, events)


def first_divergence(trace: Trace) -> TraceDivergence | None:
    """Replay a trace as it is: one that the checker refuses says nothing about corrupted copies."""
    replay = Replay(trace.header)
    return replay.run(trace.events) or replay.finish()


def corruptions(
    traces: Sequence[Trace], number: int, seed: int, hows: Sequence[How] = HOWS
) -> Iterator[Corruption]:
    """Yield so many random corruptions, spread evenly over the kinds that the traces have."""
    rng = random.Random(seed)
    places: dict[str, list[tuple[Trace, int]]] = {}
    for trace in traces:
        for index, event in enumerate(trace.events):
            places.setdefault(KIND_OF[type(event)], []).append((trace, index))
    kinds = sorted(places)
    for turn in range(number):
        trace, index = rng.choice(places[kinds[turn % len(kinds)]])
        yield corrupt(trace, index, rng.choice(hows), rng)


def corrupt(trace: Trace, index: int, how: How, rng: random.Random) -> Corruption:
    """Corrupt a trace at one event, and replay it."""
    event = trace.events[index]
    following = trace.events[index + 1 : index + 2]
    end = index + 2
    later = next_in_order(trace.events, index) if how == "exchange" else None
    what, pieces = f"{how} the event", list[EventBase]()
    if how == "change":
        what = rng.choice([name for name in event.__struct_fields__ if can_change(event, name)])
        value = other_value(event, what, rng)
        pieces = [msgspec.structs.replace(event, **{what: value}), *following]
    elif how == "delete":
        pieces = [*following]
    elif how == "duplicate":
        pieces = [event, event, *following]
    elif later is not None:
        what, end = f"exchange with the next {later.order}", later.place + 1
        pieces = exchanged(trace.events[index:end], index + 1)
    else:
        what, pieces = "swap the event", [*following, event]
    return Corruption(
        trace=trace.name,
        line=index + 1,
        kind=KIND_OF[type(event)],
        what=what,
        before=as_text(event),
        after=" ".join(as_text(piece) for piece in pieces[: 2 if how != "change" else 1]),
        divergence=replay_with(trace, index, pieces, end),
    )


class LaterEvent(NamedTuple):
    """A later event whose order with one is fixed, and by what."""

    place: int
    order: str


def next_in_order(events: Sequence[EventBase], index: int) -> LaterEvent | None:
    """Return the next event, not far away, that must not come before the one at an index."""
    for other in range(index + 1, min(index + FAR, len(events))):
        order = fixed_order(events[index], events[other])
        if order:
            return LaterEvent(other, order)
    return None


def fixed_order(one: EventBase, other: EventBase) -> str:
    """Say by what the order of two events is fixed; "" if it is not, or if it is an input.

    What a program allocates one after the other is an input, and so are its notes.
    """
    if isinstance(one, Mark) or isinstance(other, Mark):
        return ""
    if isinstance(one, ThreadEvent) and isinstance(other, ThreadEvent):
        if one.thread == other.thread:
            return "of its thread"
        if type(one) in UNDER_LOCK and type(other) in UNDER_LOCK:
            return "under the page heap's lock"
        if type(one) in UNDER_LIST_LOCK and type(other) in UNDER_LIST_LOCK:
            assert isinstance(one, ClassedSpanEvent)
            assert isinstance(other, ClassedSpanEvent)
            return "under the lists' lock" if one.spanclass == other.spanclass else ""
    elif isinstance(one, Malloc | TinyHit) and isinstance(other, Malloc | TinyHit):
        return ""
    if isinstance(one, INPUTS) or isinstance(other, INPUTS):
        return ""
    return "of its P" if one.p == other.p >= 0 else ""


def exchanged(events: Sequence[EventBase], line: int) -> list[EventBase]:
    """Return events, of which the first stood at a line, with the first and the last exchanged.

    A lower bound that was the event's own line is the new one: it would give the exchange away.
    """
    first, *between, last = events
    end = line + len(between) + 1
    return [moved(last, end, line), *between, moved(first, line, end)]


def moved(event: EventBase, old: int, new: int) -> EventBase:
    """Return an event as it would be at another line."""
    told = getattr(event, "not_before", None)
    if told is None or told < min(old, new):
        return event
    return msgspec.structs.replace(event, not_before=new if told == old else min(told, new))


def can_change(event: EventBase, name: str) -> bool:
    """Tell whether a field holds a number, a word of several, or bytes that are not empty."""
    value = getattr(event, name)
    words = words_of(type(event))
    return isinstance(value, int) or name in words or (name == "alloc_bits" and value != "")


@cache
def words_of(kind: type[EventBase]) -> dict[str, tuple[str, ...]]:
    """Return the words that may stand in each field of a kind of events that holds one."""
    described = type_info(kind)
    assert isinstance(described, StructType)
    choices = {
        field.name: field.type.values
        for field in described.fields
        if isinstance(field.type, LiteralType)
    }
    return {
        name: tuple(map(str, values))
        for name, values in choices.items()
        if isinstance(values[0], str)
    }


def other_value(event: EventBase, name: str, rng: random.Random) -> int | str:
    """Return another value for a field: a neighbour, no P, another word, a flipped bit, or any."""
    value: int | str = getattr(event, name)
    candidates: list[int | str] = [*words_of(type(event)).get(name, ())]
    if isinstance(value, int):
        candidates = [value + 1, value ^ (1 << rng.randrange(10)), rng.randrange(1 << 16)]
        if value > 0 or name == "p":
            candidates.append(value - 1)
    elif not candidates:
        bits = bytearray.fromhex(value)
        bits[rng.randrange(len(bits))] ^= 1 << rng.randrange(8)
        return bits.hex()
    return rng.choice([candidate for candidate in candidates if candidate != value])


def replay_with(
    trace: Trace, index: int, pieces: Sequence[EventBase], end: int
) -> TraceDivergence | None:
    """Replay a trace whose events from `index` on, up to `end`, gave way to others.

    A value that the format does not allow is refused when a trace is read; that counts too.
    """
    for piece in pieces:
        try:
            msgspec.convert(msgspec.to_builtins(piece), type(piece))
        except msgspec.ValidationError as problem:
            kind = KIND_OF[type(piece)]
            return TraceDivergence(
                index + 1, kind, as_text(piece), "", "value", "one", str(problem)
            )
    replay = Replay(trace.header)
    for part in (trace.events[:index], pieces, trace.events[end:]):
        divergence = replay.run(part)
        if divergence is not None:
            return divergence
    return replay.finish()
