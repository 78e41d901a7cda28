"""Addresses of every kind, by which a program may ask for something it should not.

An operation that takes an address gets one in an object, and now and then one of another kind:
dead, free, behind the last slot, in no span, in no arena. Which address that is follows from the
state of the model's heap, on both sides alike.
"""

from collections.abc import Container, Iterator, Sequence
from typing import Final, Literal

from spanspec.base.constants import PAGE_SIZE
from spanspec.base.ids import NOBODY
from spanspec.base.words import M64
from spanspec.heap.heap import ZERO_BASE
from spanspec.heap.state.state import HeapState
from spanspec.span.mspan import find_object, is_allocated, slot_address
from spanspec.span.sweepgen import is_legal_between_cycles

Place = Literal[
    "object",
    "inside",
    "behind",
    "tail",
    "free slot",
    "dead",
    "swept",
    "free page",
    "new page",
    "manual",
    "inside manual",
    "outside",
]

PLACES: Final[dict[Place, str]] = {
    "object": "living object number {k}",
    "inside": "an address inside living object number {k}",
    "behind": "the address behind living object number {k}",
    "tail": "an address behind the last slot of span number {k}",
    "free slot": "a free slot of span number {k}",
    "dead": "dead object number {k} that is not swept yet",
    "swept": "the address of lost object number {k}",
    "free page": "an address in free run number {k}",
    "new page": "an address that was never in a span, number {k}",
    "manual": "manual span number {k}",
    "inside manual": "an address inside manual span number {k}",
    "outside": "an address outside all arenas, number {k}",
}
"""Each kind of address, and how it reads."""


class Books:
    """What a program knows of its addresses: of living objects, of lost ones, of manual spans.

    A lost object was found dead by a cycle; its slot may be unswept, free, or another object's.
    """

    def __init__(self) -> None:
        self.living: list[int] = []
        self.lost: list[int] = []
        self.manual: list[int] = []

    def end_cycle(self, marked: Container[int]) -> None:
        """Count as lost what the cycle has not found alive."""
        self.lost += [one for one in self.living if one not in marked]
        self.living = [one for one in self.living if one in marked]


def address_at(state: HeapState, books: Books, place: Place, k: int) -> int | None:
    """Return the k-th address of a kind, counted round; None if there is none now."""
    match place:
        case "object":
            return pick(books.living, k)
        case "inside" | "behind":
            address = pick(books.living, k)
            return None if address is None else beside(state, address, place, k)
        case "tail" | "free slot" | "dead":
            return of_spans(state, place, k)
        case "swept":
            return pick(books.lost, k)
        case "free page":
            runs = [state.pages.runs[one.span] for one in state.pages.free.in_order()]
            if not runs:
                return None
            run = runs[k % len(runs)]
            return run.base + k % run.npages * PAGE_SIZE + k % 3
        case "new page":
            current = state.pages.current
            return current.base + k if current.base + k < current.end else None
        case "manual" | "inside manual":
            address = pick(books.manual, k)
            return address if address is None or place == "manual" else address + 1 + k
        case "outside":
            return pick(outside(state), k)


def pick(addresses: Sequence[int], k: int) -> int | None:
    """Return the k-th address, counted round; None of none."""
    return addresses[k % len(addresses)] if addresses else None


def beside(state: HeapState, address: int, place: Place, k: int) -> int | None:
    """Return an address inside the slot of an object, or the first one behind it."""
    record = state.spans.get(state.pages.map.span_of(address))
    found = None if record is None else find_object(record, address)
    if record is None or found is None or found.base == 0:
        return None
    if place == "behind":
        return found.base + record.elemsize
    return min(found.base + (1, 8, 16, record.elemsize - 1)[k % 4], record.limit - 1)


def of_spans(state: HeapState, place: Place, k: int) -> int | None:
    """Return an address of a kind in the k-th span in use, or in the next that has one."""
    spans = sorted(state.spans)
    first = k % max(1, len(spans))
    for span in spans[first:] + spans[:first]:
        for address in within(state, span, place):
            return address
    return None


def within(state: HeapState, span: int, place: Place) -> Iterator[int]:
    """Yield the addresses of a kind in a span in use."""
    record = state.spans[span]
    if place == "tail":
        if record.limit < record.base + record.npages * PAGE_SIZE:
            yield record.limit
        return
    if place == "dead" and is_legal_between_cycles(state.sweepgen, state.generation(span)):
        return
    for slot in range(record.nelems):
        taken = is_allocated(record, slot)
        if taken != (place == "dead") or (taken and record.gcmark_bits.bit(slot)):
            continue
        yield slot_address(record, slot)


def outside(state: HeapState) -> list[int]:
    """Return addresses that no arena has, and the one that all objects of no bytes share."""
    ends = [state.pages.current.end, *(run.base - 1 for run in state.pages.runs.records.values())]
    inside = [end for end in ends if state.pages.map.span_of(end) == NOBODY]
    return [0, 1, ZERO_BASE, *inside[:2], (1 << 47) - 1, 1 << 47, 1 << 48, 1 << 63, M64]
