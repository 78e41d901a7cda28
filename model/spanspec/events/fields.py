"""The types of the values in a trace, with the ranges that format version 1 fixes.

A range is that of the runtime's own type, or of an address space of 2^47 bytes: a value within it
may be wrong, and is then a divergence; one outside is no value of that key, and is refused.
"""

from typing import Annotated, Final

import msgspec
from msgspec import Meta

from spanspec.base.words import M64

Flag = Annotated[int, Meta(ge=0, le=1)]
"""0 or 1."""

FlagBits = Annotated[int, Meta(ge=0, le=255)]
"""A few flags in one number."""

Page = Annotated[int, Meta(ge=0, le=1 << 34)]
"""A page number, also one behind the last."""

PageOrNone = Annotated[int, Meta(ge=-1, le=1 << 34)]
"""A page number; -1 where there is no span."""

Pages = Annotated[int, Meta(ge=0, le=1 << 34)]
"""A number of pages."""

Bytes = Annotated[int, Meta(ge=0, le=1 << 47)]
"""A number of bytes."""

Slots = Annotated[int, Meta(ge=0, le=65535)]
"""A slot of a span, a number of slots, or a place in one."""

Descriptor = Annotated[int, Meta(ge=-1, le=1 << 34)]
"""A span descriptor; -1 stands for nil or none."""

Proc = Annotated[int, Meta(ge=-1, le=(1 << 31) - 1)]
"""A P; -1 before there is one."""

Number = Annotated[int, Meta(ge=0, le=(1 << 31) - 1)]
"""The number of a P, a thread or an mcache, or how many there are."""

Arenas = Annotated[int, Meta(ge=0, le=1 << 22)]
"""A number of arenas."""

Place = Annotated[int, Meta(ge=-1, le=(1 << 32) - 1)]
"""A place in a sweep buffer; -1 for none."""

PlacePopped = Annotated[int, Meta(ge=-(1 << 31), le=(1 << 32) - 1)]
"""A place in a sweep buffer, or how far below the first several that find it drained have come."""

Mode = Annotated[int, Meta(ge=0, le=2)]
"""How a cycle collects: concurrently, or with the world stopped (1), for sweeping too (2)."""

Cycles = Annotated[int, Meta(ge=0, le=(1 << 32) - 1)]
"""A number of cycles."""

Sweepgen = Annotated[int, Meta(ge=0, le=(1 << 32) - 1)]
"""A sweepgen, as the raw 32-bit value."""

Line = Annotated[int, Meta(ge=0, le=(1 << 63) - 1)]
"""A line of the trace, or a number of lines."""

Integer = Annotated[int, Meta(ge=-(1 << 63), le=(1 << 63) - 1)]
"""Any integer of 64 bits."""

Word = Annotated[int, Meta(ge=0)]
"""An unsigned word of 64 bits; `check_words` holds it to its upper bound."""

SizeClasses = Annotated[int, Meta(ge=1, le=256)]
"""A number of size classes."""

SpanClass = Annotated[int, Meta(ge=0, le=133)]
"""Twice the size class, plus one for pointer-free objects."""

HexBytes = Annotated[str, Meta(pattern="^([0-9a-f][0-9a-f])*\\Z")]
"""Bytes in lower-case hexadecimal."""

WORD_TOO_LARGE: Final = f"Expected `int` <= {M64} - at `$.%s`"


def check_words(**words: int) -> None:
    """Require that words, given by their keys, have 64 bits: a bound that the decoder cannot hold.

    Raises: ValueError, in the decoder's own words, if one is larger.
    """
    for key, value in words.items():
        if value > M64:
            raise ValueError(WORD_TOO_LARGE % key)


class EventBase(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True, tag_field="k"):
    """What every event has: the P that ran it, -1 before there is one.

    Events of every kind inherit that unknown keys are refused.
    """

    p: Proc


class ThreadEvent(EventBase, frozen=True):
    """An event that also tells its thread (M)."""

    thread: Number = msgspec.field(name="t")
