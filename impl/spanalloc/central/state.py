"""The whole state of a heap, and the small questions that every part of it asks."""

from typing import Final, final

from mypy_extensions import i64

from spanalloc.base.mutex import Interrupts, Mutex
from spanalloc.base.recorder import Recorder, page_number
from spanalloc.base.sizeclass import NUM_SPAN_CLASSES
from spanalloc.base.turns import Turns
from spanalloc.central.central import Central
from spanalloc.central.pacing import Pacing
from spanalloc.central.sweepbuf import SweepBuffer
from spanalloc.pages.pageheap import PageHeap
from spanalloc.pages.pagemap import HeapArena
from spanalloc.pages.scavengeline import ScavengeLine
from spanalloc.pages.system import System
from spanalloc.span import kernels
from spanalloc.span.mcache import Mcache
from spanalloc.span.span import UINT32, Span
from spanalloc.span.specials import Specials

PHASE_OFF: Final = 0
PHASE_MARK: Final = 1
PHASE_MARK_TERMINATION: Final = 2


@final
class HeapState:
    """What the operations on a heap share.

    `sg` is its sweep generation; `phase` the collector's phase; `mcaches` the caches of the Ps.
    Where turns are decided, by a test, each access to something shared checks that it is locked.
    `broken` says what has ended an operation half way, if anything has.
    """

    def __init__(
        self,
        system: System,
        interrupts: Interrupts,
        trace: Recorder | None,
        sg: i64,
        turns: Turns | None = None,
    ) -> None:
        watched = turns is not None
        self.os = system
        self.trace = trace
        self.turns = turns
        self.pages = PageHeap(system, trace, Mutex("the page heap", watched, interrupts))
        self.pacing = Pacing(Mutex("a counter", watched, interrupts))
        self.line = ScavengeLine()
        self.central: list[Central] = [
            Central(spanclass, Mutex(f"mcentral {spanclass}", watched, interrupts))
            for spanclass in range(NUM_SPAN_CLASSES)
        ]
        self.buffers: list[SweepBuffer] = [
            SweepBuffer(number, trace, Mutex("a sweep buffer", watched, interrupts))
            for number in range(2)
        ]
        self.specials = Specials(Mutex("special records", watched, interrupts))
        self.mcaches: list[Mcache] = []
        self.free_mcaches: list[i64] = []
        self.next_mcache: i64 = 1
        self.sweep_arenas: list[HeapArena] = []
        self.sg: i64 = sg
        self.phase: i64 = PHASE_OFF
        self.cycles: i64 = 0
        self.sweepdone: bool = True
        self.broken: str = ""
        self.interpreted: bool = kernels.__file__.endswith(".py")

    def swept(self) -> SweepBuffer:
        """Return the buffer of the swept spans (SWP-8)."""
        return self.buffers[(self.sg >> 1) & 1]

    def unswept(self) -> SweepBuffer:
        """Return the buffer of the spans that are to be swept."""
        return self.buffers[1 - ((self.sg >> 1) & 1)]

    def now(self) -> int:
        """Return the line of the trace before which nothing that is done now can have happened."""
        return self.trace.now() if self.trace is not None else 0

    def step_ends(self) -> None:
        """Let other threads go first, if somebody decides whose turn it is."""
        if self.turns is not None:
            self.turns.step_ends()

    def about_to_take(self, lock: Mutex) -> None:
        """Let other threads go first while one of them holds a lock, if turns are decided."""
        if self.turns is not None:
            self.turns.waits_for(lock.lock)

    def publish(self, span: Span) -> None:
        """Store the sweepgen of a span that was swept, outside of any lock (SWP-24 step 11)."""
        span.publish(self.sg)
        if self.turns is not None:
            self.turns.published(span.ident)

    def claim(self, who: Mcache, span: Span, by: str) -> bool:
        """Take the right to sweep an unswept span; return False if it is not to be had (SWP-3)."""
        after = who.looked_at = self.now()
        with self.pacing.lock:
            if not self.pacing.claims(span, self.sg):
                return False
        self.tell_claim(who, span, by, after)
        return True

    def tell_claim(self, who: Mcache, span: Span, by: str, after: int) -> None:
        """Record that a span is claimed for sweeping, which happened at line `after` or later."""
        if self.trace is not None:
            self.trace.event(
                "sc",
                who.p,
                who.thread,
                {
                    "by": by,
                    "c": span.spanclass,
                    "s": span.ident,
                    "b": page_number(span.base),
                    "np": span.npages,
                    "g": span.sweepgen,
                    "lo": after,
                },
            )

    def is_swept(self, span: Span) -> bool:
        """Tell whether a span is swept in this generation, cached or not."""
        return span.sweepgen == self.sg or span.sweepgen == (self.sg + 3) & UINT32

    def mark(self, span: Span, slot: i64) -> None:
        """Mark a slot, as one step (SPAN-21).

        Raises: SpanError if it is free.
        """
        if self.interpreted:
            with self.pacing.lock:
                self.pacing.marks(span, slot)
        else:
            # Compiled code is not interrupted by other threads between its steps.
            span.set_mark(slot)
