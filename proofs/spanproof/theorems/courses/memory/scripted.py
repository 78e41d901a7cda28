"""An operating system that answers requests for memory as a script says."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Final, Literal

from spanproof.simulate.exhaustive.trying import Player, promise
from spanspec.base.constants import HEAP_ARENA_BYTES
from spanspec.base.intervals import Intervals
from spanspec.pages.memory.arena import GrantingOs

Answer = Literal["grant", "elsewhere", "below", "refuse"]


ANSWERS: Final[tuple[Answer, ...]] = ("grant", "elsewhere", "refuse")
"""What an operating system may say to a reservation; scripts of all are tried."""


MOST_ASKED: Final = 2000
"""Reservations that a program asks for at most: one that fails tries each hint, some 130, once."""


class ScriptedOs(GrantingOs):
    """An operating system that answers by a script, and then always the same.

    Places of its own choice are aligned to arenas where the answer's number is odd; those that it
    chooses "below" lie each below the one before, and are aligned.
    """

    def __init__(self, script: Sequence[Answer], then: Answer = "grant") -> None:
        super().__init__()
        self._script = list(script)
        self._then = then
        self.asked = 0
        self._elsewhere = 0x5000_0000_0000
        self._below = 0x7000_0000_0000
        self.held = Intervals(False)

    def reserve(self, address: int, size: int) -> int:
        """Answer by the script."""
        found = self._place(address, size)
        self.held.set(found, found + size if found else found, True)
        return found

    def release(self, address: int, size: int) -> None:
        """Take memory back."""
        promise(size > 0, "AR-6: nothing is given back")
        regions = self.held_regions().items()
        held = any(at <= address and address + size <= at + n for at, n in regions)
        promise(
            held, f"AR-6: of {size:#x} bytes at {address:#x} that are given back, not all were held"
        )
        self.held.set(address, address + size, False)

    def held_regions(self) -> dict[int, int]:
        """Return what is reserved, and not given back: bytes by address."""
        starts = self.held.starts()
        return {start: end - start for start, end in pairwise(starts) if self.held.at(start)}

    def _place(self, address: int, size: int) -> int:
        # A heap that takes a refusal for an answer that will change would go on asking for ever.
        self.asked += 1
        promise(self.asked <= MOST_ASKED, "HEAP-21: what was refused is asked for again and again")
        answer = self._script.pop(0) if self._script else self._then
        if answer == "refuse":
            return 0
        if answer == "grant" and address != 0:
            return address
        room = -(-size // HEAP_ARENA_BYTES) * HEAP_ARENA_BYTES
        if answer == "below":
            self._below -= room
            return self._below
        self._elsewhere += 4 * HEAP_ARENA_BYTES + room
        return self._elsewhere + (len(self._script) % 2) * 8192


def answering(script: Sequence[Answer], then: Answer = "grant") -> Player:
    """Return a player on whose heap the operating system answers by a script, and then as told."""
    return Player(os=ScriptedOs(script, then))
