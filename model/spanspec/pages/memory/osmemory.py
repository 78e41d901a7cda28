"""Memory as the operating system sees it: states of a region, and advice (rules OS-1 to OS-7).

Addresses and sizes are in bytes. What is advised about huge pages is never seen by a program; it
is here because the runtime asks for it, and because a release must be aligned.
"""

from enum import IntEnum

from spanspec.base.constants import PAGE_SIZE
from spanspec.base.intervals import Intervals
from spanspec.base.words import U64
from spanspec.pages.memory.arena import Os
from spanspec.pages.tables.runs import Bounds, PhysicalPages, round_down, round_up


def huge_advice(phys: PhysicalPages, start: U64, size: U64) -> Bounds:
    """Return the whole huge pages of a range, which are to be huge again; empty if there are none.

    Rules: OS-5.
    """
    if phys.huge == 0:
        return Bounds(start, start)
    return Bounds(round_up(start, phys.huge), round_down(start + size, phys.huge))


def no_huge_advice(phys: PhysicalPages, start: U64, size: U64) -> tuple[Bounds, ...]:
    """Return the huge pages that a release cuts, which must not be huge any more: none to two.

    A huge page at either end is cut unless the range begins or ends with it. Two neighbours are
    advised about in one call.

    Rules: OS-6.
    """
    if phys.huge == 0:
        return ()
    end = start + size
    head = round_down(start, phys.huge) if start % phys.huge != 0 else 0
    tail = round_down(end - 1, phys.huge) if end % phys.huge != 0 else 0
    if head != 0 and head + phys.huge == tail:
        return (Bounds(head, tail + phys.huge),)
    cut = [page for page in (head, tail) if page != 0]
    return tuple(Bounds(page, page + phys.huge) for page in dict.fromkeys(cut))


def check_release(phys: PhysicalPages, start: U64, size: U64) -> None:
    """Require that a release begins and ends at physical pages.

    Rules: OS-6 T-78.
    """
    assert start % phys.size == 0, "T-78: unaligned sysUnused"
    assert size % phys.size == 0, "T-78: unaligned sysUnused"


class RegionState(IntEnum):
    """What a page of address space is to the program.

    Rules: OS-1.
    """

    NONE = 0
    RESERVED = 1
    PREPARED = 2
    READY = 3


class FollowedOs:
    """An operating system, and the state of each region that the heap has asked it for.

    Every call must be a legal transition. A page is usable when it is ready. `outstanding` has what
    was reserved, and neither mapped nor given back; `own` counts the bytes that the runtime holds
    for itself, outside the arenas.
    """

    def __init__(self, inner: Os) -> None:
        self._inner = inner
        self._states: Intervals[RegionState] = Intervals(RegionState.NONE)
        self.outstanding: dict[int, U64] = {}
        self.own: U64 = 0

    def reserve(self, address: U64, size: U64) -> U64:
        """Pass on a reservation, and follow what was granted."""
        found = self._inner.reserve(address, size)
        self._reserved(found, size)
        self._become(found, size if found != 0 else 0, RegionState.RESERVED, RegionState.NONE)
        return found

    def map(self, address: U64, size: U64) -> U64:
        """Pass on a mapping, and follow it."""
        found = self._inner.map(address, size)
        if found == address and found != 0:
            self.outstanding.pop(address, None)
            self._become(address, size, RegionState.PREPARED, RegionState.RESERVED)
        return found

    def alloc(self, size: U64) -> U64:
        """Pass on a request for memory outside the arenas."""
        address = self._inner.alloc(size)
        if address != 0:
            self.own += size
        return address

    def release(self, address: U64, size: U64) -> None:
        """Pass on that a region is given back."""
        self.outstanding.pop(address, None)
        if self._states.at(address) is RegionState.NONE:  # it was never reserved for the heap
            self.own -= size
        self._become(address, size, RegionState.NONE, *RegionState)
        self._inner.release(address, size)

    def _reserved(self, found: U64, size: U64) -> None:
        if found != 0:
            self.outstanding[found] = size

    def used(self, address: U64, size: U64) -> None:
        """Pass on that a region is about to be used."""
        self._become(address, size, RegionState.READY, RegionState.PREPARED, RegionState.READY)
        self._inner.used(address, size)

    def unused(self, address: U64, size: U64) -> None:
        """Pass on that a region's contents are not needed."""
        self._become(address, size, RegionState.PREPARED, RegionState.PREPARED, RegionState.READY)
        self._inner.unused(address, size)

    def huge(self, address: U64, size: U64) -> None:
        """Pass on advice, which changes no state."""
        self._inner.huge(address, size)

    def is_usable(self, phys: PhysicalPages, address: U64, size: U64) -> bool:
        """Tell whether a program may use a whole region: every page of it is ready.

        Where a physical page is larger than the allocator's, a part of one may still be prepared:
        what is left of a cut run and smaller than a physical page counts as unscavenged, and is
        not told of when it is used (HEAP-15).

        Rules: OS-1.
        """
        states = [RegionState.READY]
        if phys.size > PAGE_SIZE:
            states.append(RegionState.PREPARED)
        return all(one in states for one in self._states.values(address, address + size))

    def _become(self, address: U64, size: U64, state: RegionState, *before: RegionState) -> None:
        """Change the state of a region.

        Rules: OS-1.
        """
        for one in self._states.values(address, address + size) if size else ():
            assert one in before, f"OS-1: {address:#x} + {size} cannot become {state.name}"
        self._states.set(address, address + size, state)
