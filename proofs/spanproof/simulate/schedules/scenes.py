"""Small systems to be explored: what was done before, and what each thread then does."""

from collections.abc import Callable
from typing import Final, Literal, NamedTuple


class Malloc(NamedTuple):
    """A thread allocates an object of so many bytes."""

    size: int


Operation = Malloc | Literal["sweep", "finish sweeping", "stop the world", "manual"]
"""What a thread does. `stop the world` goes on to the next phase of the cycle."""

WHOLE: Final = Malloc(8192)
"""An object that fills its span."""

HALF: Final = Malloc(4096)
"""An object of which two fill a span."""

CYCLE: Final[tuple[tuple[int, Operation], ...]] = ((0, "stop the world"), (0, "stop the world"))
"""A whole cycle: marking begins and ends, and sweeping begins."""


def even(number: int) -> bool:
    """Tell whether a number is even."""
    return number % 2 == 0


class Scene(NamedTuple):
    """Operations, each by one thread and done before the next, then a program for each thread.

    `marks` tells, of the sum of a span's number and a slot's, whether a living object is there;
    `quick` that all schedules are explored in about a second.
    """

    name: str
    before: tuple[tuple[int, Operation], ...]
    threads: tuple[tuple[Operation, ...], ...]
    marks: Callable[[int], bool] = even
    quick: bool = False


def in_words(scene: Scene) -> list[str]:
    """Return what a scene is, a line each for what was done before and for each thread."""
    lines = [scene.name]
    if scene.before:
        told = ", ".join(f"{thread}: {said(operation)}" for thread, operation in scene.before)
        lines.append(f"before, one after the other: {told}")
    for thread, program in enumerate(scene.threads):
        lines.append(f"thread {thread}: {', then '.join(map(said, program))}")
    return lines


def said(operation: Operation) -> str:
    """Return what an operation is called."""
    return f"allocate {operation.size} bytes" if isinstance(operation, Malloc) else operation


def each(thread: int, *operations: Operation) -> tuple[tuple[int, Operation], ...]:
    """Return operations of one thread, as `before` has them."""
    return tuple((thread, operation) for operation in operations)


SCENES: Final = (
    Scene(
        "a refill of unswept spans meets a sweeper",
        (*each(0, WHOLE, WHOLE), *CYCLE),
        ((WHOLE,), ("sweep",)),
    ),
    Scene(
        "a refill from the nonempty list meets a sweeper",
        (*each(0, HALF, HALF, HALF), *CYCLE),
        ((HALF,), ("sweep",)),
        quick=True,
    ),
    Scene(
        "two refills meet",
        (*each(0, WHOLE, WHOLE), *CYCLE),
        ((WHOLE,), (WHOLE,)),
    ),
    Scene(
        "two sweepers, and one that waits for all to be swept",
        (*each(0, WHOLE, WHOLE), *each(1, HALF), *CYCLE),
        (("sweep", "sweep"), ("finish sweeping",)),
    ),
    Scene(
        "the world stops while another allocates",
        each(0, WHOLE, WHOLE),
        (("stop the world",), (WHOLE, WHOLE)),
        quick=True,
    ),
    Scene(
        "a cycle starts while not all is swept",
        (*each(0, HALF, HALF, WHOLE), *CYCLE),
        (("stop the world",), (HALF,)),
        quick=True,
    ),
    Scene(
        "a large object, for which pages are reclaimed, meets a sweeper",
        (*each(0, WHOLE, WHOLE, Malloc(40_000)), *CYCLE),
        ((Malloc(40_000),), ("sweep",)),
    ),
    Scene(
        "a manual span meets a sweeper that frees",
        (*each(0, WHOLE, WHOLE), *CYCLE),
        (("manual",), ("sweep", "sweep")),
        lambda _: False,
        quick=True,
    ),
)

QUICK: Final = tuple(one for one in SCENES if one.quick)
"""Those of which all schedules are explored in about a second."""


def named(name: str) -> Scene:
    """Return the scene of a name.

    Raises: StopIteration if there is none.
    """
    return next(one for one in SCENES if one.name == name)
