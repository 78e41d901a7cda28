"""The lists of an mcentral: the spans of one class that have a free slot, and those that do not."""

from typing import final

from mypy_extensions import i64

from spanalloc.base.errors import HeapError
from spanalloc.base.mutex import Mutex
from spanalloc.span.span import IN_EMPTY, IN_NO_LIST, IN_NONEMPTY, Span


@final
class SpanList:
    """A doubly linked list of spans; a span is in at most one (SPAN-28).

    Whoever calls a method holds the lock of its mcentral; but for `in_order`, which nobody calls
    unless the world is stopped.
    """

    def __init__(self, name: i64, lock: Mutex) -> None:
        self.name: i64 = name
        self.lock = lock
        self.first: Span | None = None
        self.last: Span | None = None

    def front(self) -> Span | None:
        """Return the first span."""
        self.lock.expect()
        return self.first

    def insert(self, span: Span) -> None:
        """Insert a span at the front.

        Raises: HeapError if it is in a list (T-38).
        """
        self.check_free(span)
        first = self.first
        span.next = first
        if first is not None:
            first.prev = span
        else:
            self.last = span
        self.first = span
        span.listed = self.name

    def insert_back(self, span: Span) -> None:
        """Insert a span at the end.

        Raises: HeapError if it is in a list (T-39).
        """
        self.check_free(span)
        last = self.last
        span.prev = last
        if last is not None:
            last.next = span
        else:
            self.first = span
        self.last = span
        span.listed = self.name

    def remove(self, span: Span) -> None:
        """Remove a span.

        Raises: HeapError if it is not in this list (T-37).
        """
        self.lock.expect()
        if span.listed != self.name:
            raise HeapError(f"T-37: span {int(span.base):#x} is not in the list it is removed from")
        before, after = span.prev, span.next
        if before is not None:
            before.next = after
        else:
            self.first = after
        if after is not None:
            after.prev = before
        else:
            self.last = before
        span.next = None
        span.prev = None
        span.listed = IN_NO_LIST

    def check_free(self, span: Span) -> None:
        """Raise HeapError if a span is in a list."""
        self.lock.expect()
        if span.listed != IN_NO_LIST:
            raise HeapError(f"T-38: span {int(span.base):#x} is in a list already")

    def in_order(self) -> list[Span]:
        """Return the spans from the front."""
        found: list[Span] = []
        span = self.first
        while span is not None:
            found.append(span)
            span = span.next
        return found


@final
class Central:
    """The uncached and the full spans of one span class, and a lock for both lists (CEN-1).

    `nonempty` has spans with a free slot; `empty` full ones, and all that are cached. `nmalloc`
    counts the slots handed out, those of cached spans in advance (CEN-17).
    """

    def __init__(self, spanclass: i64, lock: Mutex) -> None:
        self.spanclass: i64 = spanclass
        self.lock = lock
        self.nonempty = SpanList(IN_NONEMPTY, lock)
        self.empty = SpanList(IN_EMPTY, lock)
        self.nmalloc: i64 = 0

    def count(self, slots: i64) -> None:
        """Count so many slots more as handed out; the lists are locked."""
        self.lock.expect()
        self.nmalloc += slots
