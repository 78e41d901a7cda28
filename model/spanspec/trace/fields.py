"""The types of the values in a trace, with the ranges that format version 1 fixes."""

from typing import Annotated

import msgspec
from msgspec import Meta

Flag = Annotated[int, Meta(ge=0, le=1)]
"""0 or 1."""

Count = Annotated[int, Meta(ge=0)]
"""A number of pages, slots or bytes; also a page number or a place in a buffer."""

Id = Annotated[int, Meta(ge=-1)]
"""An identity; -1 stands for nil or none."""

Figure = int
"""A figure of a span's own state: any integer is read, so that a wrong one is a divergence."""

Generation = int
"""A sweepgen, as the raw 32-bit value; read like a `Figure`."""

SpanClass = Annotated[int, Meta(ge=0, le=133)]
"""Twice the size class, plus one for pointer-free objects."""

HexBytes = Annotated[str, Meta(pattern="^([0-9a-f][0-9a-f])*\\Z")]
"""Bytes in lower-case hexadecimal."""


class EventBase(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True, tag_field="k"):
    """What every event has: the P that ran it, -1 before there is one.

    Events of every kind inherit that unknown keys are refused.
    """

    p: Id


class ThreadEvent(EventBase, frozen=True):
    """An event that also tells its thread (M)."""

    thread: Count = msgspec.field(name="t")
