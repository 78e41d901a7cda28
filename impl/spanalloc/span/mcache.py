"""The cache of a P: a span of each class to allocate from, and the current tiny block."""

from typing import Final, final

from librt.threading import Lock
from librt.vecs import vec
from mypy_extensions import i64

from spanalloc.base.sizeclass import NUM_SIZE_CLASSES, NUM_SPAN_CLASSES
from spanalloc.span.span import Span

NO_P: Final = -1
"""The P of a thread that has none: a background worker."""


def empty_span() -> Span:
    """Return the span without slots that stands for "none cached" (MC-3)."""
    span = Span(0, 0, 1, 0)
    span.nelems = 0
    span.alloc_cache = 0
    return span


EMPTY_SPAN: Final = empty_span()


@final
class Mcache:
    """What one P, or one background worker, has to itself (MC-1).

    `lock` is held by whoever is in an operation on the P; `owner` is the thread that it belongs to,
    0 for none. `looked_at` is the line of a trace at which it looked at the sweepgen of a span
    last. The counters are added up when somebody asks for statistics (MC-11).
    """

    def __init__(self, ident: i64, p: i64, thread: i64, flush_gen: i64) -> None:
        self.ident: i64 = ident
        self.p: i64 = p
        self.thread: i64 = thread
        self.flush_gen: i64 = flush_gen
        self.alloc = vec[Span]([EMPTY_SPAN] * NUM_SPAN_CLASSES)
        self.tiny: i64 = 0
        self.tinyoffset: i64 = 0
        self.tinyallocs: i64 = 0
        self.nlargefree: i64 = 0
        self.largefree: i64 = 0
        self.nsmallfree: list[i64] = [0] * NUM_SIZE_CLASSES
        self.busy: bool = False
        self.owner: int = 0
        self.looked_at: int = 0
        self.lock = Lock()

    def has(self, spanclass: i64) -> bool:
        """Tell whether a span of the class is cached."""
        return self.alloc[spanclass] is not EMPTY_SPAN

    def inherit(self, other: "Mcache") -> None:
        """Add the counters of another cache, which goes (MC-11)."""
        self.tinyallocs += other.tinyallocs
        self.nlargefree += other.nlargefree
        self.largefree += other.largefree
        for sizeclass in range(NUM_SIZE_CLASSES):
            self.nsmallfree[sizeclass] += other.nsmallfree[sizeclass]
