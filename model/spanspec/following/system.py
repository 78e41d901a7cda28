"""The protocol's system for a run as long as a real one: identities, and tables that grow."""

from collections.abc import Callable, Iterator
from typing import Final, Generic, Self, TypeVar

from spanspec.base.constants import NUM_SPAN_CLASSES
from spanspec.base.ids import ClassId, ProcId, SlotId, SpanId, ThreadId
from spanspec.sharing.records import (
    NO_SPAN,
    UNUSED,
    CacheSlot,
    Proc,
    SharedSpan,
    Sharing,
    Thread,
    new_thread,
)

KeyT = TypeVar("KeyT", bound=int)
RecordT = TypeVar("RecordT")

WIDTH: Final = 1 << 20
"""More than there can be mcaches."""


class Growing(Generic[KeyT, RecordT]):
    """A table that makes the record of an identity when it is first asked for.

    `set` changes the table itself, so it serves a run that never goes back to a system it left.
    """

    __slots__ = ("_first", "_records")

    def __init__(self, first: Callable[[KeyT], RecordT]) -> None:
        self._first = first
        self._records: dict[KeyT, RecordT] = {}

    def __getitem__(self, key: KeyT) -> RecordT:
        """Return the record of an identity."""
        record = self._records.get(key)
        if record is None:
            record = self._records[key] = self._first(key)
        return record

    def __iter__(self) -> Iterator[KeyT]:
        """Iterate over the identities that were named so far."""
        return iter(tuple(self._records))

    def set(self, key: KeyT, value: RecordT) -> Self:
        """Give an identity another record; return this table."""
        self._records[key] = value
        return self


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
    return ThreadId(number * WIDTH + mcache)


def empty_system() -> Sharing:
    """Return the protocol's first system, at sweepgen 0, with tables that grow.

    Rules: SWP-2 SPAN-3 MC-2.
    """
    return Sharing(0, Growing(_unused), Growing(_empty), Growing(_fresh), Growing(_idle))


def _unused(_: SpanId) -> SharedSpan:
    return UNUSED


def _empty(slot: SlotId) -> CacheSlot:
    mcache, spanclass = divmod(slot, NUM_SPAN_CLASSES)
    return CacheSlot(ProcId(mcache), ClassId(spanclass), NO_SPAN)


def _fresh(_: ProcId) -> Proc:
    return Proc(0)


def _idle(thread: ThreadId) -> Thread:
    return new_thread(ProcId(thread % WIDTH))
