"""Arenas: where the heap's address space comes from (rules AR-1 to AR-8, OS-1 to OS-4).

The operating system is an interface: what it answers to a reservation is an input, and it may
refuse, or answer with another place than the one hinted at.
"""

from typing import Final, Protocol

from spanspec.base.constants import ARENA_BASE, HEAP_ARENA_BYTES, PAGE_SIZE
from spanspec.base.records import Record
from spanspec.base.words import M64, U64
from spanspec.pages.tables.pagemap import MAX_ARENAS, arena_index
from spanspec.pages.tables.runs import Bounds, round_up

NUM_HINTS: Final = 0x80
HINT_DISTANCE: Final = 1 << 40
"""The hints are 0x00c000000000, 0x01c000000000, ... 0x7fc000000000 (AR-1)."""


class Hint(Record, frozen=True):
    """An address to ask for next; a `down` hint is the end of the region to ask for."""

    address: U64
    down: bool


def initial_hints() -> tuple[Hint, ...]:
    """Return the hints of a new heap on linux/amd64, in the order they are tried.

    Rules: AR-1.
    """
    return tuple(Hint(ARENA_BASE + number * HINT_DISTANCE, False) for number in range(NUM_HINTS))


class Os(Protocol):
    """What the heap asks of the operating system."""

    def reserve(self, address: U64, size: U64) -> U64:
        """Reserve `size` bytes, at the address if possible; return where, or 0 (OS-3).

        An address of 0 asks for any place; that need not be aligned to more than a page.
        """
        ...

    def map(self, address: U64, size: U64) -> U64:
        """Make reserved memory usable; return where it is then, or 0 (OS-4)."""
        ...

    def alloc(self, size: U64) -> U64:
        """Return where there is zeroed memory for the runtime itself, or 0 (OS-2)."""
        ...

    def release(self, address: U64, size: U64) -> None:
        """Give memory back, whatever it was (OS-7)."""
        ...

    def used(self, address: U64, size: U64) -> None:
        """Note that memory is about to be used (OS-5)."""
        ...

    def unused(self, address: U64, size: U64) -> None:
        """Note that the contents of memory are not needed any more (OS-6)."""
        ...

    def huge(self, address: U64, size: U64) -> None:
        """Note that memory had better be in huge pages (OS-5)."""
        ...


class GrantingOs:
    """An operating system that grants everything, and a reservation just where it was asked for.

    Where it was not asked for a place, it grants one that is not aligned, as is usual.
    """

    def __init__(self) -> None:
        self.next_anywhere = 0x7F00_0000_0000
        self.next_metadata = 0x7FF0_0000_0000

    def reserve(self, address: U64, size: U64) -> U64:
        """Grant the address asked for; without one, some place far from the hints, if there is."""
        if address != 0:
            return address
        length = round_up(size, HEAP_ARENA_BYTES)
        if length >= self.next_anywhere:
            return 0
        self.next_anywhere -= length
        return self.next_anywhere + PAGE_SIZE

    def map(self, address: U64, size: U64) -> U64:
        """Grant it."""
        return address

    def alloc(self, size: U64) -> U64:
        """Grant it, one piece above the other."""
        address = self.next_metadata
        self.next_metadata += round_up(size, PAGE_SIZE)
        return address

    def release(self, address: U64, size: U64) -> None:
        """Nothing is kept, so nothing is given back."""

    def used(self, address: U64, size: U64) -> None:
        """Take note of nothing."""

    def unused(self, address: U64, size: U64) -> None:
        """Take note of nothing."""

    def huge(self, address: U64, size: U64) -> None:
        """Take note of nothing."""


class Region(Record, frozen=True):
    """Reserved address space of whole arenas, and the hints that are left."""

    base: U64
    size: U64
    hints: tuple[Hint, ...]


def arena_bytes(size: U64) -> U64:
    """Round a number of bytes up to whole arenas of 64 MiB.

    Rules: AR-4.
    """
    return round_up(size, HEAP_ARENA_BYTES)


def ends_in_the_map(base: U64, size: U64) -> bool:
    """Tell whether the end of a region lies in the address space that the arena map covers.

    Rules: AR-4 T-8.
    """
    end = base + size
    return end <= M64 and arena_index(end - 1) < MAX_ARENAS


def reservable(base: U64, size: U64) -> bool:
    """Tell whether a region lies in the address space that the arena map covers.

    Rules: T-8.
    """
    return ends_in_the_map(base, size) and arena_index(base) < MAX_ARENAS


def reserve_arenas(os: Os, hints: tuple[Hint, ...], ask: U64) -> Region | None:
    """Reserve whole arenas for `ask` bytes, by the hints or, if none works, anywhere.

    A hint whose address is not granted is discarded. A region found without a hint leaves two
    hints: growing up from its end is tried first, then growing down from its start.

    A hint may lead down to address 0, which asks for any place. What is granted then is given back;
    a refusal is taken for the address that was asked for, and nothing can be mapped there (T-79).

    Rules: AR-4 AR-6 AR-8 T-8 T-9.
    """
    size = arena_bytes(ask)
    while hints:
        hint = hints[0]
        wanted = hint.address - size if hint.down else hint.address
        # Whether it begins in the map, too, is only asked of what is granted.
        asked = wanted >= 0 and ends_in_the_map(wanted, size)
        found = os.reserve(wanted, size) if asked else 0
        if found == wanted:
            moved = Hint(wanted if hint.down else wanted + size, hint.down)
            return _checked(Region(wanted, size, (moved, *hints[1:])))
        # The system takes an address as a wish. What it grants elsewhere need not be aligned to an
        # arena, so it is given back, and the next hint is tried.
        if found != 0:
            os.release(found, size)
        hints = hints[1:]
    place = reserve_aligned(os, size, HEAP_ARENA_BYTES)
    if place.end == place.start:
        return None
    new_hints = (Hint(place.end, False), Hint(place.start, True))
    return _checked(Region(place.start, place.end - place.start, new_hints))


def reserve_aligned(os: Os, size: U64, align: U64) -> Bounds:
    """Reserve `size` bytes anywhere, at a multiple of a power of two; empty if there are none.

    So much more is asked for that an aligned part is in it, and the rest is given back. A place
    that happens to be aligned is kept whole, with `align` bytes more than were wanted.

    Rules: AR-6.
    """
    found = os.reserve(0, size + align)
    if found == 0:
        return Bounds(0, 0)
    start = round_up(found, align)
    if start == found:
        return Bounds(found, found + size + align)
    os.release(found, start - found)
    rest = found + align - start
    if rest > 0:
        os.release(start + size, rest)
    return Bounds(start, start + size)


def _checked(region: Region) -> Region:
    assert reservable(region.base, region.size), (
        "T-8: memory reservation exceeds address space limit"
    )
    assert region.base % HEAP_ARENA_BYTES == 0, "T-9: misrounded allocation in sysAlloc"
    return region
