"""What the replay knows of the heap at some point of a trace."""

from collections import deque
from typing import Final, NamedTuple

from spanspec.constants import ARENA_BASE, PAGE_SIZE
from spanspec.mspan import Mspan
from spanspec.sweep import Swept
from spanspec.tiny import NO_TINY_BLOCK, TinyBlock
from spanspec.trace.fields import EventBase
from spanspec.trace.verdict import Diverged

REMEMBERED: Final = 8
"""Events kept for each span, to be shown with a divergence."""

OFF: Final = 0
MARK: Final = 1
"""Phases of a cycle."""


def page_address(page: int) -> int:
    """Return the address of a page number of a trace."""
    return ARENA_BASE + page * PAGE_SIZE


class Mcache:
    """One mcache: the span of each span class, the tiny block, and the flush generation.

    `refilled` holds the classes whose span is fresh from a refill: their next allocation is the
    one that asked for it.
    """

    def __init__(self, flush_gen: int) -> None:
        self.flush_gen = flush_gen
        self.alloc: dict[int, int] = {}
        self.refilled: set[int] = set()
        self.tiny: TinyBlock = NO_TINY_BLOCK


class Sweeping(NamedTuple):
    """A sweep under way: its thread, and what it was claimed by."""

    thread: int
    by: str


class ReplayState:
    """The heap as the events so far have left it, keyed by the identities of the trace."""

    def __init__(self) -> None:
        self.sweepgen = 0
        self.phase = OFF
        self.spans: dict[int, Mspan] = {}
        self.at_page: dict[int, int] = {}
        self.mcaches: dict[int, Mcache] = {}
        self.mcache_of: dict[int, int] = {-1: 0}
        self.sweeping: dict[int, Sweeping] = {}
        self.stale: dict[int, int] = {}
        self.unpublished: dict[int, Swept] = {}
        self.returning: set[int] = set()
        self.taken: dict[int, int] = {}
        self.checking_room: dict[int, int] = {}
        self.releasing: dict[int, int] = {}
        self.moving: dict[int, int] = {}
        self.last_address: dict[int, int] = {}
        self.history: dict[int, deque[tuple[int, EventBase]]] = {}
        self.touched = -1
        self.line = 0

    def span(self, identity: int, event: EventBase) -> Mspan:
        """Return an in-use span, and note that an event touched it.

        Raises: Diverged if the descriptor is not in use.
        """
        self.touched = identity
        found = self.spans.get(identity)
        if found is None:
            raise Diverged("SPAN-2", f"state of span {identity}", "in use", "not in use")
        self.history[identity].append((self.line, event))
        return found

    def adopt(self, identity: int, page: int, span: Mspan, event: EventBase) -> None:
        """Enter a span that has just come into use."""
        self.touched = identity
        self.spans[identity] = span
        self.at_page[page] = identity
        self.history[identity] = deque([(self.line, event)], maxlen=REMEMBERED)

    def forget(self, identity: int, page: int) -> None:
        """Drop a span that has gone back to the page heap."""
        del self.spans[identity]
        self.at_page.pop(page, None)

    def mcache(self, p: int) -> Mcache:
        """Return the mcache of a P.

        Raises: Diverged if it has none.
        """
        mcache = self.mcaches.get(self.mcache_of.get(p, -1))
        if mcache is None:
            raise Diverged("MC-14", f"mcache of P {p}", "one", "none")
        return mcache
