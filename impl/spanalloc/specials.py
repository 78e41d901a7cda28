"""Special records of objects: finalizers, and profile records (SWP-24 step 2).

An object has at most one of each kind. One with a finalizer outlives the sweep that finds it dead:
its finalizer is due then, and gone; the next cycle decides anew.
"""

from collections.abc import Callable
from typing import Final, final

from librt.threading import Lock
from mypy_extensions import i64

from spanalloc.span import Span

FINALIZER: Final = 1
PROFILE: Final = 2
"""Kinds of special records, as the runtime numbers them."""

Finalizer = Callable[[int], object]
"""Called with the address of the object."""


@final
class Special:
    """A special record of the object in a slot; `call` is what a finalizer does, if anything."""

    def __init__(self, slot: i64, kind: i64, call: Finalizer | None) -> None:
        self.slot: i64 = slot
        self.kind: i64 = kind
        self.call = call

    def place(self) -> i64:
        """Return a number by which the records of a span are in order (slot, then kind)."""
        return self.slot * 4 + self.kind


@final
class Specials:
    """The special records of a heap by the number of the span, and the finalizers that are due.

    The records of a span that is unswept belong to its sweeper; `lock` keeps the tables whole.
    """

    def __init__(self) -> None:
        self.lock = Lock()
        self.of_span: dict[int, list[Special]] = {}
        self.due: list[tuple[int, Finalizer | None]] = []
        self.running: list[int] = []

    def add(self, span: Span, special: Special) -> bool:
        """Add a record to a swept span, in order; return False if the object has one such."""
        with self.lock:
            records = self.of_span.setdefault(span.ident, [])
            at: i64 = len(records)
            while at > 0 and records[at - 1].place() >= special.place():
                at -= 1
            if at < len(records) and records[at].place() == special.place():
                return False
            records.insert(at, special)
            return True

    def remove(self, span: Span, slot: i64, kind: i64) -> bool:
        """Remove a record; return whether the object had one."""
        with self.lock:
            records = self.of_span.get(span.ident, [])
            left = [one for one in records if one.slot != slot or one.kind != kind]
            self.keep(span, left)
            return len(left) < len(records)

    def keep(self, span: Span, records: list[Special]) -> None:
        """Let a span have these records from now on."""
        if records:
            self.of_span[span.ident] = records
        else:
            self.of_span.pop(span.ident, None)

    def sweep(self, span: Span) -> None:
        """Decide on the records of a span that is being swept, before its marks are counted.

        A dead object that has a finalizer is marked, and the finalizer is due. Records of all
        other dead objects go.
        """
        records = self.of_span.get(span.ident)
        if records is None:
            return
        dead = {one.slot for one in records if not span.is_marked(one.slot)}
        saved = {one.slot for one in records if one.kind == FINALIZER and one.slot in dead}
        kept: list[Special] = []
        with self.lock:
            for one in records:
                if one.slot in saved:
                    span.mark(one.slot)
                    if one.kind == FINALIZER:
                        self.due.append((span.base + one.slot * span.elemsize, one.call))
                        continue
                elif one.slot in dead:
                    continue
                kept.append(one)
            self.keep(span, kept)

    def begin(self) -> tuple[int, Finalizer | None] | None:
        """Take the first finalizer that is due; None if there is none.

        Its object is a root until `end`, so that it outlives a cycle that runs meanwhile.
        """
        with self.lock:
            if not self.due:
                return None
            first = self.due[0]
            self.running.append(first[0])
            del self.due[0]
            return first

    def end(self, address: int) -> None:
        """Let go of an object whose finalizer has run."""
        with self.lock:
            self.running.remove(address)

    def roots(self) -> list[int]:
        """Return the objects whose finalizers are due, or run: the next cycle keeps them."""
        with self.lock:
            return [address for address, _ in self.due] + self.running
