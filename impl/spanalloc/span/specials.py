"""Special records of objects: finalizers, and profile records (SWP-24 step 2).

An address has at most one of each kind; a slot may have several, as objects in one tiny block share
it. A slot with a finalizer outlives the sweep that finds it dead: all its finalizers are due then,
and gone; the next cycle decides anew.
"""

from collections.abc import Callable
from typing import Final, final

from mypy_extensions import i64

from spanalloc.base.mutex import Mutex
from spanalloc.span.span import Span

FINALIZER: Final = 1
PROFILE: Final = 2
"""Kinds of special records, as the runtime numbers them."""

Finalizer = Callable[[int], object]
"""Called with the address of the object."""


@final
class Special:
    """A special record for the address `offset` bytes above its span's base.

    `call` is what a finalizer does, if anything.
    """

    def __init__(self, offset: i64, kind: i64, call: Finalizer | None) -> None:
        self.offset: i64 = offset
        self.kind: i64 = kind
        self.call = call

    def place(self) -> i64:
        """Return a number by which the records of a span are in order (address, then kind)."""
        return self.offset * 4 + self.kind

    def slot(self, span: Span) -> i64:
        """Return the slot of its span that it is in."""
        return self.offset // span.elemsize


@final
class Specials:
    """The special records of a heap by the number of the span, and the finalizers that are due.

    The records of a span that is unswept belong to its sweeper; `lock` keeps the tables whole.
    """

    def __init__(self, lock: Mutex) -> None:
        self.lock = lock
        self.of_span: dict[int, list[Special]] = {}
        self.due: list[tuple[int, Finalizer | None]] = []
        self.running: list[int] = []

    def add(self, span: Span, special: Special) -> bool:
        """Add a record to a swept span, in order; return False if there is one at its place."""
        with self.lock:
            self.lock.expect()
            records = self.of_span.setdefault(span.ident, [])
            at: i64 = len(records)
            while at > 0 and records[at - 1].place() >= special.place():
                at -= 1
            if at < len(records) and records[at].place() == special.place():
                return False
            records.insert(at, special)
            return True

    def remove(self, span: Span, offset: i64, kind: i64) -> bool:
        """Remove the record of a kind at an address; return whether there was one."""
        with self.lock:
            records = self.of_span.get(span.ident, [])
            left = [one for one in records if one.offset != offset or one.kind != kind]
            self.keep(span, left)
            return len(left) < len(records)

    def keep(self, span: Span, records: list[Special]) -> None:
        """Let a span have these records from now on; the tables are locked."""
        self.lock.expect()
        if records:
            self.of_span[span.ident] = records
        else:
            self.of_span.pop(span.ident, None)

    def sweep(self, span: Span) -> None:
        """Decide on the records of a span that is being swept, before its marks are counted.

        A dead slot with a finalizer, wherever in it, is marked: all its finalizers are due, each
        with its own address, and its other records stay. Records of all other dead slots go.
        """
        records = self.of_span.get(span.ident)
        if records is None:
            return
        kept: list[Special] = []
        with self.lock:
            at = 0
            while at < len(records):
                slot = records[at].slot(span)
                last = at
                finalized = False
                while last < len(records) and records[last].slot(span) == slot:
                    finalized = finalized or records[last].kind == FINALIZER
                    last += 1
                of_slot = records[at:last]
                at = last
                if span.is_marked(slot):
                    kept.extend(of_slot)
                elif finalized:
                    span.mark(slot)
                    for one in of_slot:
                        if one.kind == FINALIZER:
                            self.due.append((span.base + one.offset, one.call))
                        else:
                            kept.append(one)
            self.keep(span, kept)

    def begin(self) -> tuple[int, Finalizer | None] | None:
        """Take the first finalizer that is due; None if there is none.

        Its object is a root until `end`, so that it outlives a cycle that runs meanwhile.
        """
        with self.lock:
            self.lock.expect()
            if not self.due:
                return None
            first = self.due[0]
            self.running.append(first[0])
            del self.due[0]
            return first

    def end(self, address: int) -> None:
        """Let go of an object whose finalizer has run."""
        with self.lock:
            self.lock.expect()
            self.running.remove(address)

    def roots(self) -> list[int]:
        """Return the objects whose finalizers are due, or run: the next cycle keeps them."""
        with self.lock:
            self.lock.expect()
            return [address for address, _ in self.due] + self.running
