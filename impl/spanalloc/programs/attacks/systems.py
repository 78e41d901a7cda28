"""Operating systems that raise, or say what cannot be."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import Final

from spanalloc.base.errors import HeapError
from spanalloc.pages.osmem import SimulatedMemory
from spanalloc.programs.attacks.asking import OPERATIONS, prepared
from spanalloc.programs.attacks.judging import HOLDS, VIOLATED, in_child, verdict


class LyingMemory(SimulatedMemory):
    """An operating system that may lie from the time on when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.lies = False


def raising(problem: type[BaseException]) -> Callable[[object], object]:
    """Return a lie that is an exception."""

    def lie(answer: object) -> object:
        raise problem("the operating system does as it likes")

    return lie


class UnplannedError(BaseException):
    """An exception that no handler expects."""


LIES: Final[dict[str, Callable[[object], object]]] = {
    "raises ValueError": raising(ValueError),
    "raises MemoryError": raising(MemoryError),
    "raises RecursionError": raising(RecursionError),
    "raises KeyboardInterrupt": raising(KeyboardInterrupt),
    "raises a BaseException": raising(UnplannedError),
    "gives nothing": lambda answer: None,
    "gives a text": lambda answer: "12288",
    "gives a float": lambda answer: 12288.0,
    "gives a negative number": lambda answer: -4096,
    "gives a number that is no page": lambda answer: 12345,
    "gives a number beyond 64 bits": lambda answer: 1 << 70,
    "gives what is held already": lambda answer: 0xC000000000,
}


METHODS: Final = (
    "reserve",
    "reserve_aligned",
    "commit",
    "map",
    "release",
    "madvise",
    "used",
    "unused",
    "welcome_huge",
    "view",
    "clear",
)


def lying_system(method: str, lie: Callable[[object], object]) -> LyingMemory:
    """Return an operating system of which one method lies once it is told to."""
    honest = getattr(SimulatedMemory, method)

    def call(self: LyingMemory, *arguments: int) -> object:
        answer: object = honest(self, *arguments)
        return lie(answer) if self.lies else answer

    made: LyingMemory = type("Lying", (LyingMemory,), {method: call})()
    return made


def lying_systems(stride: int) -> Iterator[tuple[str, int]]:
    """Ask everything of heaps on operating systems that raise, or lie; yield what comes of it.

    Every so many-th of all pairs of a method and a lie is tried.
    """
    pairs = [(method, name) for method in METHODS for name in LIES]
    for method, name in pairs[::stride]:

        def attack(method: str, lie: Callable[[object], object]) -> int:
            system = lying_system(method, lie)
            heap, live = prepared(system)
            system.lies = True
            for operation in OPERATIONS.values():
                with suppress(HeapError, KeyboardInterrupt, UnplannedError, StopIteration):
                    operation(heap, live)
                if (left := verdict(heap)) != HOLDS:
                    return left
            with suppress(HeapError, KeyboardInterrupt, UnplannedError):
                heap.close()
            return HOLDS if heap.closed else VIOLATED

        yield f"{method} {name}", in_child(partial(attack, method, LIES[name]))
