"""What spans, cache slots, Ps and threads are to the protocol.

The fields `owner`, `popper`, `pusher`, `cacher` and `swept_at` of a span, and `filler` of a cache
slot, are ghosts. They exist for the argument only: they name the witness of each "there is a thread
that ...", and the cycle in which the span was last swept or allocated.
"""

from typing import Final

from spanspec.base.ids import ClassId, ProcId, SlotId, SpanId, ThreadId
from spanspec.base.records import Record
from spanspec.base.tables import Table
from spanspec.base.words import U8, U32
from spanspec.span.listing import NOWHERE

NO_SPAN: Final = SpanId(0)
"""The span of an empty cache slot or an idle thread; never the identity of a real span."""

IDLE: Final = 0
"""Between two operations."""
POPPED: Final = 1
"""Has popped the span from the unswept stack, and reads its state next (SWP-15)."""
SAW_UNUSED: Final = 2
"""Read that the popped span is not in use, and reads its sweepgen next (SWP-14)."""
SAW_USED: Final = 3
"""Read that the popped span is in use, and tries the compare-and-swap next (SWP-15)."""
TAKING: Final = 4
"""Has claimed a listed span, and moves it to the end of the empty list next (CEN-3, CEN-4)."""
SWEEPING: Final = 5
"""Owns the sweep of the span, and looks at its marks next (SWP-24)."""
EXAMINED: Final = 6
"""Has made the marks the new allocBits, and has not published it yet (SWP-24, CEN-14)."""
RELISTED: Final = 7
"""Has moved the swept span to the nonempty list, and publishes next (CEN-14)."""
PUSHING: Final = 8
"""Has published the sweep, and pushes the span on the swept stack next (SWP-29)."""
FREEING: Final = 9
"""Has published that nothing in the span lives, and gives it to the page heap next (SWP-26)."""
CHECKING: Final = 10
"""Has swept a span for itself, and looks for a free slot next (CEN-4)."""
GROWN: Final = 11
"""Has a fresh span from the page heap, and puts it into the empty list next (CEN-7)."""
HELD: Final = 12
"""Has a span with a free slot, and installs it in a cache slot next (MC-5)."""
UNLISTING: Final = 13
"""Has uncached a span with a free slot, and moves it to the nonempty list next (CEN-12)."""

CREATING: Final = 14
"""Holds the lock of the page heap and has a descriptor ready, which is not in use yet (HEAP-22)."""


# What the protocol leaves out, it leaves open: which slots are free, how many, where the span lies.
# `has_free` is all that the steps of different threads have to agree on.
class SharedSpan(Record, frozen=True):
    """The part of a span that sharing is about.

    `has_free`: some slot is free. `place` is a list of class `central` (see `listing`).
    `in_buffer_0` and `in_buffer_1`: an entry of the sweep buffer points to it.
    """

    in_use: bool
    large: bool
    spanclass: ClassId
    sweepgen: U32
    has_free: bool
    place: U8
    central: ClassId
    in_buffer_0: bool
    in_buffer_1: bool
    swept_at: U32
    owner: ThreadId
    popper: ThreadId
    pusher: ThreadId
    cacher: SlotId


UNUSED: Final = SharedSpan(
    in_use=False,
    large=False,
    spanclass=ClassId(0),
    sweepgen=0,
    has_free=False,
    place=NOWHERE,
    central=ClassId(0),
    in_buffer_0=False,
    in_buffer_1=False,
    swept_at=0,
    owner=ThreadId(0),
    popper=ThreadId(0),
    pusher=ThreadId(0),
    cacher=SlotId(0),
)
"""A descriptor that was never used (SPAN-3)."""


class CacheSlot(Record, frozen=True):
    """One slot of an mcache: its P, its span class, and the span that it holds.

    `refilling`: a thread of the P is in a refill for it, in which no other thread runs on the P.
    """

    proc: ProcId
    spanclass: ClassId
    span: SpanId
    refilling: bool
    filler: ThreadId


class Proc(Record, frozen=True):
    """A P: the cycle at which it last flushed its mcache (flushGen)."""

    flush_gen: U32


class Thread(Record, frozen=True):
    """A thread: what it is about to do next, and with which span.

    `proc` is the P that it runs on, `slot` the cache slot that it wants a span for. The outcome of
    a sweep: `was_empty`, no slot was free before; `freed`, some object died; `dead`, all did.
    `roomy`: the span that it sweeps for itself had a free slot before (CEN-6).
    """

    proc: ProcId
    task: U8
    span: SpanId
    slot: SlotId
    preserve: bool
    roomy: bool
    was_empty: bool
    freed: bool
    dead: bool


def new_thread(proc: ProcId) -> Thread:
    """Return a thread that has done nothing yet, and runs on a P."""
    return Thread(
        proc=proc,
        task=IDLE,
        span=NO_SPAN,
        slot=SlotId(0),
        preserve=False,
        roomy=False,
        was_empty=False,
        freed=False,
        dead=False,
    )


class Sharing(Record, frozen=True):
    """The heap's sweepgen, and all spans, cache slots, Ps and threads."""

    sweepgen: U32
    spans: Table[SpanId, SharedSpan]
    slots: Table[SlotId, CacheSlot]
    procs: Table[ProcId, Proc]
    threads: Table[ThreadId, Thread]


def swept_buffer(sg: int) -> int:
    """Return which of the two stacks is the swept one; the other holds what is still unswept.

    Rules: SWP-8.
    """
    return sg // 2 % 2


def is_in_swept(sg: U32, span: SharedSpan) -> bool:
    """Tell whether the swept stack has an entry for a span.

    Rules: SWP-8.
    """
    return span.in_buffer_1 if swept_buffer(sg) == 1 else span.in_buffer_0


def is_in_unswept(sg: U32, span: SharedSpan) -> bool:
    """Tell whether the unswept stack has an entry for a span, perhaps a stale one.

    Rules: SWP-8.
    """
    return span.in_buffer_0 if swept_buffer(sg) == 1 else span.in_buffer_1


def is_flushed(state: Sharing, slot: SlotId) -> bool:
    """Tell whether the P of a cache slot has flushed in this cycle.

    Rules: MC-7 MC-8.
    """
    return state.procs[state.slots[slot].proc].flush_gen == state.sweepgen


def new_slot(proc: ProcId, spanclass: ClassId) -> CacheSlot:
    """Return a slot that has never held a span."""
    return CacheSlot(
        proc=proc, spanclass=spanclass, span=NO_SPAN, refilling=False, filler=ThreadId(0)
    )


def is_idle(state: Sharing, thread: ThreadId) -> bool:
    """Tell whether a thread is between two operations."""
    return state.threads[thread].task == IDLE


def works_on(state: Sharing, thread: ThreadId, task: U8, span: SpanId) -> bool:
    """Tell whether a thread is at a certain task with a certain span."""
    worker = state.threads[thread]
    return worker.task == task and worker.span == span
