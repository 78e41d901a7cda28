"""What a thread that waits for a lock had looked at before it waited, and what others see early.

In the runtime a thread first looks whether it owes sweeping, and then waits for the lock of the
list from which it takes a span. Nothing is told of a look that finds no debt. The model looks when
it takes the step of which the implementation tells next, and by then other threads may have let the
heap grow. So it is right, too, to go by what could be seen where the thread began to wait.

A thread that has swept what it popped is done before it tells of anything else. Who waits for those
that sweep may see that, and the model takes that step only with the next that is told.
"""

from typing import NamedTuple

from spanspec.base.words import U64
from spanspec.heap.decisions import Decisions
from spanspec.heap.state.pacing import Debt, SweepPace, debt, left_of


class Look(NamedTuple):
    """What tells whether sweeping is owed: the pace, the live bytes, the pages that were swept."""

    pace: SweepPace
    heap_live: U64
    pages_swept: U64


class WithEarlierLooks(Decisions):
    """The decisions of a heap, some of which may go by an earlier look than that of now.

    `earlier` is that of the thread whose step it is, if it waited and has told of no debt since.
    `left` has the threads that do not sweep any more, although the model has not said so yet.
    """

    earlier: Look | None = None

    def __init__(self) -> None:
        super().__init__()
        self.left: set[int] = set()

    def seen_sweepers(self) -> frozenset[int]:
        """Return who sweeps, but for those that have left.

        Rules: SWP-38.
        """
        return super().seen_sweepers() - self.left

    def look(self) -> Look:
        """Return what can be seen now."""
        state = self.state
        return Look(state.pace, state.accounts.heap_live, state.progress.pages_swept)

    def debt(self, span_bytes: U64, caller_pages: U64, owed: Debt | None) -> Debt | None:
        """Return the debt by the pace of sweeping; None also where there was none earlier.

        Rules: SWP-19.
        """
        if self.earlier is not None:
            pace, live, swept = self.earlier
            if owed is not None:
                before = left_of(owed, pace, swept)
            else:
                before = debt(pace, live, swept, span_bytes, caller_pages)
            if before is None:
                return None
        return super().debt(span_bytes, caller_pages, owed)
