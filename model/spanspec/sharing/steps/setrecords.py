"""One span that threads move between caches, span sets and the page heap, as records (VER-4).

One span, Ps with one slot each, and a thread on each P are all there is: what other spans do does
not matter to this one. The steps are in `setsteps`.
"""

from typing import Final

from spanspec.base.records import Record
from spanspec.base.words import U8, U32
from spanspec.sharing.containers.spansets import NO_ENTRIES, Entries

IDLE: Final = 0
"""Between two operations."""
LEAVING: Final = 1
"""Has uncached the span, and puts it into its set next."""
LEFT: Final = 2
"""Has put the uncached span into its set, or given it back, and empties the slot next."""
POPPED: Final = 3
"""Has taken the span out of an unswept set, and claims it next."""
SWEEPING: Final = 4
"""Owns the sweep of the span."""
EXAMINED: Final = 5
"""Has made the marks the new allocBits, and publishes next."""
PUBLISHED: Final = 6
"""Has published the sweep, and puts the span into its set next."""
FREEING: Final = 7
"""Has published that nothing in the span lives, and gives it to the page heap next."""
HELD: Final = 8
"""Has the span for a slot, and caches it next."""
INSTALLING: Final = 9
"""Has given the span the generation of a cached one, and puts it into the slot next."""
FILLED: Final = 10
"""Has put the span into the slot, and allocates from it next."""
CREATING: Final = 11
"""Has prepared a descriptor, and lets it be in use next."""
GROWN: Final = 12
"""Has a large span in use, and puts it into its set next."""
COUNTING: Final = 13
"""Has put a large span into its set, and counts its object next."""


class SetSpan(Record, frozen=True):
    """What moving is about; `bare`: nothing in it is counted as allocated."""

    in_use: bool
    large: bool
    sweepgen: U32
    has_free: bool
    bare: bool
    entries: Entries


class Worker(Record, frozen=True):
    """A thread and its P: its task, whether the slot has the span, whether the P has flushed.

    `keeps`: it sweeps the span for itself.
    """

    task: U8
    holds: bool
    flushed: bool
    keeps: bool


class SetSystem(Record, frozen=True):
    """The heap's sweepgen, the span, and the threads."""

    sweepgen: U32
    span: SetSpan
    workers: tuple[Worker, ...]


def first_system(sg: U32, workers: int) -> SetSystem:
    """Return a system in which nothing has happened yet."""
    unused = SetSpan(
        in_use=False, large=False, sweepgen=0, has_free=False, bare=True, entries=NO_ENTRIES
    )
    return SetSystem(sg, unused, (Worker(IDLE, False, True, False),) * workers)
