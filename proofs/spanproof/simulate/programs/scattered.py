"""An operating system for simulated programs that grants less than it is asked for."""

import random
from collections.abc import Sequence

from spanproof.fuzz.addressspace import AddressSpace
from spanproof.fuzz.programs.heapprogram import Answer
from spanspec.base.constants import HEAP_ARENA_BYTES
from spanspec.pages.memory.arena import GrantingOs


class Scattered(GrantingOs):
    """An operating system that refuses many hints, or goes elsewhere, and gives up after a while.

    `answers` has what it has said so far. One that is given answers says those first, and then
    grants all.
    """

    def __init__(self, rng: random.Random, arenas: int, script: Sequence[Answer] | None) -> None:
        super().__init__()
        self._rng = rng
        self._left = arenas
        self._script = None if script is None else list(script)
        self.answers: list[Answer] = []
        self._space = AddressSpace()

    def reserve(self, address: int, size: int) -> int:
        """Grant the address, another one, or nothing; without one, a place far from the hints."""
        if address == 0:
            return self._answer(0, size, ("elsewhere",))
        return self._answer(address, size, ("grant", "grant", "grant", "elsewhere", "refuse"))

    def release(self, address: int, size: int) -> None:
        """Take it back."""
        self._space.release(address, size)

    def _answer(self, address: int, size: int, choices: Sequence[Answer]) -> int:
        if self._script is not None:
            answer = self._script.pop(0) if self._script else choices[0]
        else:
            answer = self._rng.choice(choices) if self._take(size) else "refuse"
        self.answers.append(answer)
        return self._space.reserve(answer, address, size)

    def _take(self, size: int) -> bool:
        arenas = size // HEAP_ARENA_BYTES
        if arenas > self._left:
            return False
        self._left -= arenas
        return True
