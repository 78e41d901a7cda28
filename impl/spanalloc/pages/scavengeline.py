"""The background scavenger's line: so much is to be returned by such a time, and when to look."""

from operator import add, and_, sub
from typing import Final, final

from spanalloc.base.pagesizes import PageSizes
from spanalloc.span.snapshot import unsigned

PAGE_PERIOD: Final = 1_000_000
"""Nanoseconds in which the scavenger returns a physical page, or a huge one (SCAV-1)."""

RETAIN_EXTRA: Final = 10
"""One part in so many is retained beyond the goal (SCAV-1: 10 percent)."""

FIRST_DELAY: Final = 100_000
"""Nanoseconds of sleep after a turn without success; doubled each time (SCAV-17)."""


def converted(number: float) -> int:
    """Return a number that is not negative as Go 1.13 makes a uint64 of it on amd64 (SCAV-4).

    From 2^63 on it converts what is above, and sets the highest bit. Where that does not fit
    either, the machine's instruction answers with the highest bit, too.
    """
    return int(number) if number < float(1 << 64) else 1 << 63


@final
class ScavengeLine:
    """How much is to be retained at which time, and the scavenger's sleep (SCAV-3, SCAV-17).

    It `backs_off` while it sleeps because it found nothing to return. `rate` is in bytes a
    nanosecond. The scavenger sleeps until `wake_at`, or until a cycle has ended if it is `parked`.
    """

    def __init__(self) -> None:
        self.goal: int = 0
        self.basis: int = 0
        self.time_basis: int = 0
        self.rate: float = 0.0
        self.parked: bool = True
        self.wake_at: int = 0
        self.delay: int = FIRST_DELAY
        self.backs_off: bool = False

    def pace(
        self,
        sizes: PageSizes,
        inuse: int,
        next_gc: int,
        last_next_gc: int,
        retained: int,
        free_huge: int,
        now: int,
    ) -> None:
        """Draw the line anew, after a cycle (SCAV-3, SCAV-4)."""
        if last_next_gc == 0:
            self.rate = 0.0
            return
        goal = converted(float(inuse) * (float(next_gc) / float(last_next_gc)))
        goal = unsigned(add(goal, goal // RETAIN_EXTRA))
        physical: int = sizes.physical
        goal = and_(unsigned(add(goal, physical - 1)), ~(physical - 1))
        self.goal = goal
        if retained <= goal:
            self.rate = 0.0
            return
        total = retained - goal
        regular = total
        huge_pages = 0
        huge: int = sizes.huge
        if huge != 0:
            huge_pages = min(free_huge, total // huge)
            regular = total - huge_pages * huge
        duration = (huge_pages + regular // physical) * PAGE_PERIOD
        self.basis = retained
        self.time_basis = now
        self.rate = float(total) / float(duration) if duration > 0 else float("inf")

    def wake(self, now: int) -> None:
        """Wake the scavenger, as the end of a cycle does, or its own timer (SCAV-19, SCAV-20).

        It sleeps longer and longer without success, but only a sleep that was not cut short counts.
        """
        if self.backs_off and now >= self.wake_at:
            self.delay *= 2
        self.backs_off = False
        self.parked = False
        self.wake_at = now

    def due(self, retained: int, now: int) -> int:
        """Return the bytes that are to be returned by now; 0 also where that wraps (SCAV-18).

        With large physical pages the rate can be infinite (SCAV-4). What no uint64 holds, and what
        is no number (infinity times no time at all), becomes 2^63 where the compiler of Go 1.13
        converts it: so nothing is due then, however much is retained.
        """
        if self.rate == 0.0 or retained <= self.goal:
            return 0
        passed = self.rate * float(now - self.time_basis)
        fallen = converted(passed)
        want = unsigned(sub(self.basis, fallen))
        return retained - want if retained > want else 0

    def turn_ends(self, retained: int, wanted: int, released: int, now: int) -> None:
        """Say when the next turn is, after one that began with `retained` bytes (SCAV-17)."""
        if self.rate == 0.0 or retained <= self.goal:
            self.parked = True
        elif released == 0:
            self.wake_at = now + self.delay
            self.backs_off = True
        else:
            self.delay = FIRST_DELAY
            ahead = int(float(released - wanted) / self.rate) if released > wanted else 0
            self.wake_at = now + (ahead if ahead > FIRST_DELAY else 0)
