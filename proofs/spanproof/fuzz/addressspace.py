"""The address space of an operating system that answers by a script, the same one on both sides."""

from typing import Final

from spanproof.fuzz.programs.heapprogram import Answer
from spanspec.base.constants import HEAP_ARENA_BYTES
from spanspec.base.intervals import Intervals

LARGEST_PAGE: Final = 65536
"""Bytes of the largest physical page; what the system grants begins with a page."""

END: Final = 1 << 47
"""What a program can address lies below."""


class AddressSpace:
    """Where requests for addresses are granted, and what is held.

    No system grants what is held: a heap that was told so would give its own memory back.
    """

    def __init__(self) -> None:
        self._asked = 0
        self._held = Intervals(False)

    def reserve(self, answer: Answer, address: int, size: int) -> int:
        """Return where a request is granted; 0 if it is refused, or there is no such place.

        `address` is 0 for any place. Elsewhere is far above the hints, and leaves a gap to the last
        such place; below is below the hints. A request without an address is granted at one of
        these; every other such place is not aligned.
        """
        self._asked += 1
        if answer == "refuse":
            return 0
        shift = self._asked % 2 * LARGEST_PAGE if address == 0 else 0
        if address == 0 and answer == "grant":
            answer = "elsewhere"
        if answer == "below":
            address = (0x20 + 2 * self._asked) * HEAP_ARENA_BYTES
        elif answer == "elsewhere":
            address = 0x6000_0000_0000 + self._asked * 64 * HEAP_ARENA_BYTES
        start, end = address + shift, address + shift + size
        if end > END or any(self._held.values(start, end)):
            return 0
        self._held.set(start, end, True)
        return start

    def release(self, address: int, size: int) -> None:
        """Note that a range is given back, all or a part of what was granted."""
        self._held.set(address, address + size, False)
