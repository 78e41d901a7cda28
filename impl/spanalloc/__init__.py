"""An optimized implementation of the Go 1.13 allocator, on real memory.

`Heap` is the whole of it: spans, caches of any number of Ps, the page heap, sweeping and the
scavenger. It is written apart from the specification, so that agreement between the two is
evidence for both.

Its modules are compiled to native code where that is possible; `COMPILED` tells whether this
copy is, and `RUNNING` why it is not.
"""

from typing import Final

# First of all: one refuses a subinterpreter, the other lets the sources run if compiled modules are
# not of them.
from spanalloc import maininterpreter as maininterpreter
from spanalloc.compiled import RUNNING

# isort: split

from spanalloc import kernels
from spanalloc.audit import audit
from spanalloc.errors import (
    BadRequest,
    BadType,
    HeapBroken,
    HeapClosed,
    HeapError,
    LockNotHeld,
    MadviseFailed,
    MmapFailed,
    OsFailed,
    OutOfMemory,
    PhaseError,
    ProcBusy,
    SpanError,
    ThreadFailed,
)
from spanalloc.handles import Arena, Handle
from spanalloc.heap import Heap
from spanalloc.malloc import ZERO_BASE
from spanalloc.osmem import OsMemory, RealMemory, SimulatedMemory
from spanalloc.pagesizes import PageSizes
from spanalloc.recorder import Recorder
from spanalloc.snapshot import SpanSnapshot
from spanalloc.span import Span
from spanalloc.statistics import HeapStatistics
from spanalloc.stream import Stream, replay_stream
from spanalloc.turns import Turns

COMPILED: Final[bool] = RUNNING.compiled
"""Whether this package runs as native extension modules."""

__all__ = [
    "COMPILED",
    "RUNNING",
    "ZERO_BASE",
    "Arena",
    "BadRequest",
    "BadType",
    "Handle",
    "Heap",
    "HeapBroken",
    "HeapClosed",
    "HeapError",
    "HeapStatistics",
    "LockNotHeld",
    "MadviseFailed",
    "MmapFailed",
    "OsFailed",
    "OsMemory",
    "OutOfMemory",
    "PageSizes",
    "PhaseError",
    "ProcBusy",
    "RealMemory",
    "Recorder",
    "SimulatedMemory",
    "Span",
    "SpanError",
    "SpanSnapshot",
    "Stream",
    "ThreadFailed",
    "Turns",
    "audit",
    "kernels",
    "replay_stream",
]
