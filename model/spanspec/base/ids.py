"""Identities: plain integers at run time, kinds that are told apart when types are checked."""

from typing import Final, NewType

NOBODY: Final = -1
"""The identity that stands for no span."""

SpanId = NewType("SpanId", int)
"""Identity of a span descriptor."""

SlotId = NewType("SlotId", int)
"""Identity of one slot of one mcache: a pair of a P and a span class."""

ThreadId = NewType("ThreadId", int)
"""Identity of a thread."""

ProcId = NewType("ProcId", int)
"""Identity of a P, and of its mcache."""

ClassId = NewType("ClassId", int)
"""Identity of a span class."""

PlaceId = NewType("PlaceId", int)
"""A place in a sweep buffer: its number, from 0 on."""

Address = NewType("Address", int)
"""An address in the heap, in bytes."""

PId = NewType("PId", int)
"""Identity of a P among those that have an mcache: its number plus 1; 0 stands for no P."""

SpecialId = NewType("SpecialId", int)
"""Identity of a special record within a span: of an offset and a kind."""
