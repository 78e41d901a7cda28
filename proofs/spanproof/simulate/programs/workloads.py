"""What sizes a simulated program allocates: by workloads that stress one part of it each."""

import random
from typing import Final

from spanspec.base.sizeclass import CLASS_TO_SIZE
from spanspec.heap.program import Allocate

WORKLOADS: Final[dict[str, tuple[int, int]]] = {
    "tiny": (1, 15),
    "small": (1, 1100),
    "one class": (0, 0),
    "seams": (0, 0),
    "medium": (1000, 32768),
    "large": (32769, 300_000),
    "huge": (1 << 20, 60 << 20),
    "impossible": ((1 << 48) - (1 << 20), (1 << 64) - 1),
}
"""What a program allocates for a while: bytes from..to; 0 where it is chosen otherwise."""

SEAMS: Final = (1, 8, 15, 16, 17, 1016, 1017, 1023, 1024, 1025, 32767, 32768, 32769)


class Workload:
    """What a program allocates for a while; `now` is one of `WORKLOADS`."""

    def __init__(self, rng: random.Random, now: str) -> None:
        self._rng = rng
        self._size = 48
        self.now = now

    def change(self) -> None:
        """Begin another workload."""
        self.now = self._rng.choice(list(WORKLOADS))
        self._size = self._rng.choice(CLASS_TO_SIZE[1:])

    def allocation(self, p: int) -> Allocate:
        """Return an allocation on a P."""
        rng, noscan = self._rng, self._rng.random() < 0.5
        low, high = WORKLOADS[self.now]
        if self.now == "one class":
            size = self._size
        elif self.now == "seams":
            size = rng.choice(SEAMS)
        elif self.now in ("huge", "impossible") and rng.random() < 0.9:
            size = rng.randrange(1, 100_000)
        else:
            size = rng.randint(low, high)
        if self.now == "tiny":
            noscan = rng.random() < 0.95
        return Allocate(p, 0 if rng.random() < 0.002 else size, noscan, rng.random() < 0.7)
