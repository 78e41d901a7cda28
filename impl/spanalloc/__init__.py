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
from spanalloc.base import maininterpreter as maininterpreter
from spanalloc.compiled import RUNNING

# isort: split

from spanalloc.base.errors import (
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
from spanalloc.base.pagesizes import PageSizes
from spanalloc.base.recorder import Recorder
from spanalloc.base.turns import Turns
from spanalloc.heap.heap import Heap
from spanalloc.heap.malloc import ZERO_BASE
from spanalloc.heap.statistics import HeapStatistics
from spanalloc.pages.osmem import OsMemory, RealMemory, SimulatedMemory
from spanalloc.programs.audit import audit
from spanalloc.programs.handles import Arena, Handle
from spanalloc.programs.stream import Stream, replay_stream
from spanalloc.span import kernels
from spanalloc.span.snapshot import SpanSnapshot
from spanalloc.span.span import Span

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
