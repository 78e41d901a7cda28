"""The line along which the background scavenger returns memory: so much by such a time."""

from typing import Final, final

from spanalloc.pagesizes import PageSizes

PAGE_PERIOD: Final = 1_000_000
"""Nanoseconds in which the scavenger returns a physical page, or a huge one (SCAV-1)."""

RETAIN_EXTRA: Final = 10
"""One part in so many is retained beyond the goal (SCAV-1: 10 percent)."""

UINT64: Final = (1 << 64) - 1


@final
class ScavengeLine:
    """How much is to be retained at which time (SCAV-3); `rate` is in bytes a nanosecond."""

    def __init__(self) -> None:
        self.goal: int = 0
        self.basis: int = 0
        self.time_basis: int = 0
        self.rate: float = 0.0
        self.generation: int = 0

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
        goal = int(float(inuse) * (float(next_gc) / float(last_next_gc)))
        goal += goal // RETAIN_EXTRA
        physical: int = sizes.physical
        goal = (goal + physical - 1) & ~(physical - 1)
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
        self.generation += 1

    def due(self, retained: int, now: int) -> int:
        """Return the bytes that are to be returned by now (SCAV-17, SCAV-18).

        0 also stands for "far too late": then the line has wrapped around (SCAV-18 b).
        """
        if self.rate == 0.0 or retained <= self.goal:
            return 0
        passed = self.rate * float(now - self.time_basis)
        want = (self.basis - int(passed)) & UINT64 if passed < float("inf") else 0
        return retained - want if retained > want else 0

    def ahead(self, released: int, wanted: int) -> int:
        """Return the nanoseconds by which releasing more than was wanted is ahead of the line."""
        if released <= wanted or self.rate == 0.0:
            return 0
        return int(float(released - wanted) / self.rate)
