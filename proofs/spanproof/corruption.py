"""Corrupted traces: whether the checker notices a single wrong event.

One event is changed in one figure, left out, repeated, or swapped with the next, and the trace
replayed. What goes unnoticed is an input, an order that is really free, or a hole in the checker.
"""

import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, Literal, NamedTuple, get_args

import msgspec

from spanspec.trace.check import expect_events, expect_own_runtime
from spanspec.trace.fields import EventBase
from spanspec.trace.history import as_text
from spanspec.trace.reader import TraceReader
from spanspec.trace.replay import Replay
from spanspec.trace.schema import KIND_OF, Header
from spanspec.trace.verdict import Divergence

How = Literal["change", "delete", "duplicate", "swap"]

HOWS: Final[tuple[How, ...]] = get_args(How)


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
    divergence: Divergence | None

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
        expect_own_runtime(source)
        expect_events(source.path, source.header)
        for event in source:
            events.append(event)
            if len(events) == most:
                break
        return Trace(path.name, source.header, events)


def first_divergence(trace: Trace) -> Divergence | None:
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
    what, pieces = f"{how} the event", list[EventBase]()
    if how == "change":
        what = rng.choice([name for name in event.__struct_fields__ if can_change(event, name)])
        value = other_value(getattr(event, what), rng)
        pieces = [msgspec.structs.replace(event, **{what: value}), *following]
    elif how == "delete":
        pieces = [*following]
    elif how == "duplicate":
        pieces = [event, event, *following]
    elif how == "swap":
        pieces = [*following, event]
    return Corruption(
        trace=trace.name,
        line=index + 1,
        kind=KIND_OF[type(event)],
        what=what,
        before=as_text(event),
        after=" ".join(as_text(piece) for piece in pieces[: 2 if how != "change" else 1]),
        divergence=replay_with(trace, index, pieces),
    )


def can_change(event: EventBase, name: str) -> bool:
    """Tell whether a field holds a number, or bytes that are not empty."""
    value = getattr(event, name)
    return isinstance(value, int) or (name == "alloc_bits" and value != "")


def other_value(value: int | str, rng: random.Random) -> int | str:
    """Return a different value of the same type: a neighbour, a flipped bit, or anything."""
    if isinstance(value, str):
        bits = bytearray.fromhex(value)
        bits[rng.randrange(len(bits))] ^= 1 << rng.randrange(8)
        return bits.hex()
    candidates = [value + 1, value ^ (1 << rng.randrange(10)), rng.randrange(1 << 16)]
    if value > 0:
        candidates.append(value - 1)
    return rng.choice([candidate for candidate in candidates if candidate != value])


def replay_with(trace: Trace, index: int, pieces: Sequence[EventBase]) -> Divergence | None:
    """Replay a trace whose event at `index`, and the next, gave way to others.

    A value that the format does not allow is refused when a trace is read; that counts too.
    """
    for piece in pieces:
        try:
            msgspec.convert(msgspec.to_builtins(piece), type(piece))
        except msgspec.ValidationError as problem:
            kind = KIND_OF[type(piece)]
            return Divergence(index + 1, kind, as_text(piece), "", "value", "one", str(problem))
    replay = Replay(trace.header)
    for part in (trace.events[:index], pieces, trace.events[index + 2 :]):
        divergence = replay.run(part)
        if divergence is not None:
            return divergence
    return replay.finish()
