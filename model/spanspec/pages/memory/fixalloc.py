"""Allocators of descriptors: the identity freed last is handed out first (HEAP-3, HEAP-4).

An identity is a small number, in order of first use. Descriptors are recycled without being
cleared: a stale pointer to one may still be around (SWP-7).
"""

from collections.abc import Callable

from spanspec.base.records import Record
from spanspec.base.words import U64
from spanspec.pages.memory.persistent import FIXALLOC_CHUNK, Metadata, Statistic


def nothing() -> None:
    """Do nothing with a new descriptor."""


class Records(Record, frozen=True):
    """How far an allocator has come: identities made, those free again, bytes left of its chunk."""

    made: int
    free: "tuple[int, ...]"
    room: U64


class FixAlloc:
    """The identities that were ever handed out, and those that are free again.

    `size` is that of a descriptor in bytes; chunks of them are taken from `metadata`, counted as
    `statistic`. `first_use` is called for each descriptor that is new.
    """

    def __init__(
        self,
        metadata: Metadata,
        size: U64,
        statistic: Statistic,
        first_use: Callable[[], None] = nothing,
    ) -> None:
        self._metadata = metadata
        self._size = size
        self._statistic = statistic
        self._first_use = first_use
        self._room = 0
        self.made = 0
        self.free: list[int] = []

    def take(self, p: int) -> int:
        """Hand out the identity freed last, or a new one; a new chunk is the P's.

        What is left of a chunk and too small is lost.

        Rules: HEAP-3 HEAP-4 OS-9.
        """
        if self.free:
            return self.free.pop()
        if self._room < self._size:
            self._metadata.persistent(FIXALLOC_CHUNK, 0, self._statistic, p)
            self._room = FIXALLOC_CHUNK
        self._room -= self._size
        self.made += 1
        self._first_use()
        return self.made - 1

    def give_back(self, identity: int) -> None:
        """Take back an identity.

        Rules: HEAP-4.
        """
        self.free.append(identity)

    @property
    def in_use(self) -> U64:
        """How many bytes are handed out.

        Rules: HEAP-4 I-33.
        """
        return self._size * (self.made - len(self.free))

    def records(self) -> Records:
        """Return how far it has come, as one record."""
        return Records(self.made, tuple(self.free), self._room)


class Nameless:
    """Records of the runtime that nobody tells apart: only how many there are, and were, counts."""

    def __init__(self, records: FixAlloc) -> None:
        self._records = records
        self._held: list[int] = []

    def hold(self, p: int) -> None:
        """Take a record, on a P.

        Rules: HEAP-4.
        """
        self._held.append(self._records.take(p))

    def let_go(self) -> None:
        """Give a record back.

        Rules: HEAP-4.
        """
        self._records.give_back(self._held.pop())

    def __len__(self) -> int:
        return len(self._held)

    def records(self) -> Records:
        """Return how many there are, and how far their allocator has come, as one record."""
        found = self._records.records()
        # Which of them are free is nobody's business, so one number for all that are.
        return Records(found.made, (len(found.free),), found.room)
