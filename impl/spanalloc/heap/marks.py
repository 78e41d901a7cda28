"""What is alive, in the ways in which a caller may say it."""

from collections.abc import Callable, Iterable, Mapping
from operator import and_
from typing import Final

from librt.vecs import append, vec
from mypy_extensions import i64

from spanalloc.base.arguments import described, whole
from spanalloc.base.errors import BadRequest, BadType
from spanalloc.central.state import HeapState
from spanalloc.heap.cycle import in_address_space, span_holding
from spanalloc.heap.malloc import ZERO_BASE
from spanalloc.span.layout import ADDRESS_SPACE

WORD_BITS: Final = 62
LOW_BITS: Final = (1 << WORD_BITS) - 1
"""How many bits of a bitmap are looked at together: such a number is no object in compiled code."""

Marks = Iterable[int] | Mapping[int, int] | Callable[[], Iterable[int]]
"""What is alive: addresses; or, by the base of a span, the bits of its slots; or a function that
tells the addresses when it is called."""


def addresses_of(state: HeapState, marks: Marks) -> vec[i64]:
    """Return the addresses that marks stand for, those of empty objects left out.

    Raises: BadRequest if one can be in no heap, or if a bitmap belongs to no span, or is longer
        than its span; BadType if they are nothing of the kind; whatever a function or an iterator
        of the caller raises.
    """
    if isinstance(marks, Mapping):
        return addresses_of_bits(state, marks)
    found: object = marks() if callable(marks) else marks
    if not isinstance(found, Iterable):
        raise BadType(f"marks are addresses, not {described(found)}")
    addresses = vec[i64]()
    for one in found:
        address = whole(one, "an address")
        if address != ZERO_BASE:
            addresses = append(addresses, in_address_space(address))
    return addresses


def addresses_of_bits(state: HeapState, marks: Mapping[int, int]) -> vec[i64]:
    """Return the addresses of slots, given as bits by the base of their span."""
    addresses = vec[i64]()
    # What a caller passes may be anything.
    pairs: Iterable[tuple[object, object]] = marks.items()
    for key, value in pairs:
        base, bits = whole(key, "the base of a span"), whole(value, "a bitmap")
        span = span_holding(state, base) if 0 <= base < ADDRESS_SPACE else None
        if span is None or span.base != base or bits < 0 or bits >> int(span.nelems) != 0:
            raise BadRequest(f"no span with these bits begins at {base:#x}")
        first: i64 = 0
        while bits != 0:
            word: i64 = and_(bits, LOW_BITS)
            slot = first
            while word != 0:
                if word & 1 != 0:
                    addresses = append(addresses, span.base + slot * span.elemsize)
                word >>= 1
                slot += 1
            bits >>= WORD_BITS
            first += WORD_BITS
    return addresses
