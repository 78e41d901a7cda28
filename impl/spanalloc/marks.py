"""What is alive, in the ways in which a caller may say it."""

from collections.abc import Callable, Iterable, Mapping

from spanalloc.cycle import span_holding
from spanalloc.errors import BadRequest
from spanalloc.layout import ADDRESS_SPACE
from spanalloc.malloc import ZERO_BASE
from spanalloc.state import HeapState

Marks = Iterable[int] | Mapping[int, int] | Callable[[], Iterable[int]]
"""What is alive: addresses; or, by the base of a span, the bits of its slots; or a function that
tells the addresses when it is called."""


def addresses_of(state: HeapState, marks: Marks) -> list[int]:
    """Return the addresses that marks stand for, those of empty objects left out.

    Raises: BadRequest if a bitmap belongs to no span, or is longer than its span.
    """
    if isinstance(marks, Mapping):
        return addresses_of_bits(state, marks)
    found = marks() if callable(marks) else marks
    return [address for address in found if address != ZERO_BASE]


def addresses_of_bits(state: HeapState, marks: Mapping[int, int]) -> list[int]:
    """Return the addresses of slots, given as bits by the base of their span."""
    addresses: list[int] = []
    for base, bits in marks.items():
        span = span_holding(state, base) if 0 <= base < ADDRESS_SPACE else None
        if span is None or span.base != base or bits < 0 or bits >> int(span.nelems) != 0:
            raise BadRequest(f"no span with these bits begins at {base:#x}")
        slot = 0
        while bits != 0:
            if bits & 1 != 0:
                addresses.append(span.base + slot * span.elemsize)
            bits >>= 1
            slot += 1
    return addresses
