"""Systems of finitely many identities, to be run and searched."""

from collections.abc import Iterator
from typing import Generic, NamedTuple, TypeVar

from spanspec.base.ids import ClassId, ProcId, SlotId, SpanId, ThreadId
from spanspec.base.words import U32
from spanspec.sharing.tables.records import UNUSED, Proc, Sharing, new_slot, new_thread

KeyT = TypeVar("KeyT", bound=int)
RecordT = TypeVar("RecordT")


class Finite(Generic[KeyT, RecordT]):
    """A table of the identities 0..n-1; it can be compared and hashed."""

    __slots__ = ("_keys", "records")

    def __init__(self, keys: tuple[KeyT, ...], records: tuple[RecordT, ...]) -> None:
        self._keys = keys
        self.records = records

    def __getitem__(self, key: KeyT) -> RecordT:
        """Return the record of an identity."""
        return self.records[key]

    def __iter__(self) -> Iterator[KeyT]:
        """Iterate over the identities."""
        return iter(self._keys)

    def set(self, key: KeyT, value: RecordT) -> "Finite[KeyT, RecordT]":
        """Return the table with another record for one identity."""
        records = self.records
        return Finite(self._keys, (*records[:key], value, *records[key + 1 :]))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Finite) and self.records == other.records

    def __hash__(self) -> int:
        return hash(self.records)


class Size(NamedTuple):
    """How many identities of each kind a system has; each P has one slot for each class."""

    spans: int = 1
    procs: int = 1
    threads: int = 2
    classes: int = 1


def initial(sg: U32, size: Size) -> Sharing:
    """Return a system before its first step; the threads run on the Ps in turn.

    Span 0 is the identity of no span.
    """
    threads = tuple(new_thread(ProcId(number % size.procs)) for number in range(size.threads))
    slots = tuple(
        new_slot(ProcId(proc), ClassId(spanclass))
        for proc in range(size.procs)
        for spanclass in range(size.classes)
    )
    return Sharing(
        sg,
        Finite(tuple(map(SpanId, range(size.spans + 1))), (UNUSED,) * (size.spans + 1)),
        Finite(tuple(map(SlotId, range(len(slots)))), slots),
        Finite(tuple(map(ProcId, range(size.procs))), (Proc(sg),) * size.procs),
        Finite(tuple(map(ThreadId, range(size.threads))), threads),
    )
