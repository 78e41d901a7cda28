"""The system of a heap that runs: identities, and tables that grow and are updated in place.

A step never reads a table that it has replaced, so the table itself may change: what the step
leaves is the same.
"""

from collections.abc import Callable, Iterator
from typing import Final, Generic, TypeVar

from spanspec.base.constants import NUM_SPAN_CLASSES
from spanspec.base.ids import ClassId, ProcId, SlotId, SpanId, ThreadId
from spanspec.base.words import U32
from spanspec.sharing.tables.records import (
    UNUSED,
    CacheSlot,
    Proc,
    SharedSpan,
    Sharing,
    Thread,
    new_slot,
    new_thread,
)

# Not bound to `int`, which they all are: compiled, a key that was read from a record is then looked
# up as it is, and not taken out of its object and put into another one.
KeyT = TypeVar("KeyT")
RecordT = TypeVar("RecordT")

WIDTH: Final = (1 << 20) + 5
"""More than there can be mcaches.

A table looks for an integer by its lowest bits first. By those of this number, a few threads on a
few Ps are told apart.
"""


class Growing(Generic[KeyT, RecordT]):
    """A table that makes the record of an identity when it is first asked for.

    `set` changes the table itself, so it serves a run that never goes back to a system it left.
    `records` has those that were named so far.
    """

    __slots__ = ("_first", "records")

    def __init__(self, first: Callable[[KeyT], RecordT]) -> None:
        self._first = first
        self.records: dict[KeyT, RecordT] = {}

    def __getitem__(self, key: KeyT) -> RecordT:
        """Return the record of an identity."""
        record = self.records.get(key)
        if record is None:
            record = self.records[key] = self._first(key)
        return record

    def __iter__(self) -> Iterator[KeyT]:
        """Iterate over the identities that were named so far."""
        return iter(tuple(self.records))

    def set(self, key: KeyT, value: RecordT) -> "Growing[KeyT, RecordT]":
        """Give an identity another record; return this table."""
        self.records[key] = value
        return self


class Spans(Growing[SpanId, SharedSpan]):
    """The table of spans, which remembers what a step has replaced.

    `replaced` is the identity that `set` last gave another record, and `before` the one that it
    had. Lists and buffers follow from the records before and after a step (`taking.take`), which
    replaces at most one span.
    """

    __slots__ = ("before", "replaced")

    def __init__(self) -> None:
        super().__init__(_unused)
        self.replaced: SpanId | None = None
        self.before: SharedSpan | None = None

    def forget(self) -> None:
        """Forget what was replaced."""
        self.replaced = self.before = None

    def set(self, key: SpanId, value: SharedSpan) -> "Spans":
        """Give an identity another record; return this table."""
        self.replaced, self.before = key, self.records.get(key)
        self.records[key] = value
        return self


class Tables:
    """The tables of a heap that runs, each with the records that were named so far."""

    def __init__(self) -> None:
        self.spans = Spans()
        self.slots: Growing[SlotId, CacheSlot] = Growing(_empty)
        self.procs: Growing[ProcId, Proc] = Growing(_fresh)
        self.threads: Growing[ThreadId, Thread] = Growing(_idle)

    def system(self, sg: U32) -> Sharing:
        """Return the first system, in which nothing has happened, at a sweepgen."""
        return Sharing(sg, self.spans, self.slots, self.procs, self.threads)


def span_id(descriptor: int) -> SpanId:
    """Return the identity of a descriptor; 0 is that of no span."""
    return SpanId(descriptor + 1)


def slot_id(mcache: int, spanclass: int) -> SlotId:
    """Return the identity of the slot that an mcache has for a class."""
    return SlotId(mcache * NUM_SPAN_CLASSES + spanclass)


def thread_id(number: int, mcache: int) -> ThreadId:
    """Return the identity of an M that works for an mcache.

    Whoever stops the world works for several, one after the other.
    """
    # An M is a thread of the protocol once for each mcache that it works for, as a step is about
    # the slots of one P only.
    return ThreadId(number * WIDTH + mcache)


def _unused(_: SpanId) -> SharedSpan:
    return UNUSED


def _empty(slot: SlotId) -> CacheSlot:
    mcache, spanclass = divmod(slot, NUM_SPAN_CLASSES)
    return new_slot(ProcId(mcache), ClassId(spanclass))


def _fresh(_: ProcId) -> Proc:
    return Proc(0)


def _idle(thread: ThreadId) -> Thread:
    return new_thread(ProcId(thread % WIDTH))
