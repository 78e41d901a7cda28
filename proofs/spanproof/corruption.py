"""Corrupted traces: whether the checker notices a single wrong figure.

One field of one event is changed to another legal value, and the trace replayed. A change that
goes unnoticed is a hole in the checker.
"""

import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from spanspec.trace.fields import EventBase
from spanspec.trace.reader import TraceReader
from spanspec.trace.replay import Replay, as_text
from spanspec.trace.schema import KIND_OF
from spanspec.trace.verdict import Divergence

FIELDS = {
    "m": ("slot",),
    "t": ("slot",),
    "cr": ("slot",),
    "ro": ("freeindex", "alloc_count", "sweepgen"),
    "rn": ("freeindex", "alloc_count", "sweepgen"),
    "un": ("freeindex", "alloc_count", "sweepgen_before", "heap_sweepgen"),
    "sc": ("sweepgen",),
    "se": ("alloc_bits", "alloc_count", "sweepgen"),
    "fs": ("sweepgen",),
    "ib": ("nelems",),
}
"""The figures of a span's own state, by kind of event."""


class Corruption(NamedTuple):
    """One changed figure, and what the checker said: None if it noticed nothing."""

    trace: str
    line: int
    kind: str
    field: str
    before: str
    after: str
    divergence: Divergence | None

    @property
    def noticed(self) -> bool:
        """Whether the checker named this very event."""
        return self.divergence is not None and self.divergence.line == self.line


def read_events(path: Path) -> list[EventBase]:
    """Read a whole trace into memory.

    Raises: TraceError if it cannot be read.
    """
    with TraceReader(str(path)) as source:
        return list(source)


def corruptions(paths: Sequence[Path], number: int, seed: int) -> Iterator[Corruption]:
    """Yield so many random corruptions, spread evenly over the kinds that the traces have."""
    rng = random.Random(seed)
    traces = {path: read_events(path) for path in paths}
    places: dict[tuple[str, str], list[tuple[Path, int]]] = {}
    for path, events in traces.items():
        for index, event in enumerate(events):
            kind = KIND_OF[type(event)]
            for field in FIELDS.get(kind, ()):
                places.setdefault((kind, field), []).append((path, index))
    targets = sorted(places)
    for turn in range(number):
        kind, field = targets[turn % len(targets)]
        path, index = rng.choice(places[kind, field])
        original = traces[path][index]
        changed = msgspec.structs.replace(
            original, **{field: other_value(getattr(original, field), rng)}
        )
        yield Corruption(
            trace=path.name,
            line=index + 1,
            kind=kind,
            field=field,
            before=as_text(original),
            after=as_text(changed),
            divergence=replay_with(traces[path], index, changed),
        )


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


def replay_with(events: Sequence[EventBase], index: int, changed: EventBase) -> Divergence | None:
    """Replay events with one of them changed, up to the first divergence."""
    replay = Replay()
    for line, event in enumerate(events, start=1):
        divergence = replay.step(line, changed if line == index + 1 else event)
        if divergence is not None:
            return divergence
    return None
