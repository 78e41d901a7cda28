"""What a recorded program asked its allocator for: a trace as a plain stream of requests.

Sizes, flags and cycles stand in the trace. Deaths do not, but the mark bits of each sweep do: an
object that a sweep finds unmarked was let go of before the cycle that the sweep belongs to, and it
is dropped right before that cycle. The objects of a tiny block live as long as the block.
"""

import heapq
from array import array
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

from spanproof.replay.format.reader import TraceReader
from spanspec.events.fields import EventBase
from spanspec.events.span_events import (
    NOSCAN,
    ZEROED,
    Malloc,
    SweepPhaseStarts,
    SweepResult,
    TinyHit,
)

NEVER: Final = 1 << 62
"""The cycle of the death of an object that no sweep found dead."""


class Allocation(NamedTuple):
    """An object of `size` bytes, to be held at a place of the program's table of objects."""

    place: int
    size: int
    noscan: bool
    zero: bool


class Drop(NamedTuple):
    """The program lets go of the object at a place."""

    place: int


class Cycle(NamedTuple):
    """The garbage is collected: what the table holds is alive, and nothing else."""


Request = Allocation | Drop | Cycle


class _Allocation(NamedTuple):
    """An allocation of the trace, by its order among them; the number of cycles before it."""

    size: int
    flags: int
    cycle: int


def requests_of(path: str | Path) -> Iterator[Request]:
    """Yield the requests of a recorded program.

    Raises: TraceError if the trace cannot be read.
    """
    with TraceReader(path) as source:
        allocations, deaths, cycles = _lifetimes(source)
    yield from _ordered(allocations, deaths, cycles)


def _lifetimes(events: Iterable[EventBase]) -> tuple[list[_Allocation], list[int], int]:
    """Return all allocations, the cycle at which each is dead, and the number of cycles."""
    allocations: list[_Allocation] = []
    deaths: list[int] = []
    held: dict[int, dict[int, list[int]]] = {}
    cycles = 0
    for event in events:
        match event:
            case Malloc(base_page=base, slot=slot) | TinyHit(base_page=base, slot=slot):
                slots = held.setdefault(base, {})
                slots.setdefault(slot, []).append(len(allocations))
                allocations.append(_Allocation(event.size, event.flags, cycles))
                deaths.append(NEVER)
            case SweepResult():
                slots = held.get(event.base_page, {})
                marks = int.from_bytes(bytes.fromhex(event.alloc_bits), "little")
                for slot in [slot for slot in slots if not marks >> slot & 1]:
                    for number in slots.pop(slot):
                        deaths[number] = cycles
            case SweepPhaseStarts():
                cycles += 1
            case _:
                pass
    return allocations, deaths, cycles


def _ordered(allocations: list[_Allocation], deaths: list[int], cycles: int) -> Iterator[Request]:
    """Yield allocations in their order, and before each cycle the drops that belong to it.

    An object takes the lowest place that is free, so that the table is no longer than it must be.
    """
    dying: list[list[int]] = [[] for _ in range(cycles + 1)]
    free: list[int] = []
    places = 0
    cycle = 0

    def end_cycle() -> Iterator[Request]:
        for place in dying[cycle]:
            heapq.heappush(free, place)
            yield Drop(place)
        yield Cycle()

    for one, death in zip(allocations, deaths, strict=True):
        while cycle < one.cycle:
            cycle += 1
            yield from end_cycle()
        if free:
            place = heapq.heappop(free)
        else:
            place, places = places, places + 1
        if death != NEVER:
            dying[death].append(place)
        yield Allocation(place, one.size, bool(one.flags & NOSCAN), bool(one.flags & ZEROED))
    while cycle < cycles:
        cycle += 1
        yield from end_cycle()


DROP: Final = -1
CYCLE: Final = -2


def packed(requests: Iterable[Request]) -> bytes:
    """Return requests as 64-bit integers, a code and a place each, in the machine's byte order.

    The code is size * 4 + 2 for noscan + 1 for zero, or -1 for a drop, or -2 for a cycle.
    """
    numbers = array("q")
    for request in requests:
        match request:
            case Allocation(place, size, noscan, zero):
                numbers.extend((size * 4 + 2 * noscan + zero, place))
            case Drop(place):
                numbers.extend((DROP, place))
            case Cycle():
                numbers.extend((CYCLE, 0))
    return numbers.tobytes()
