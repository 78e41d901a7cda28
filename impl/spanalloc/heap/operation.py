"""An operation on a heap, from its beginning to its end: it takes effect, or nothing does.

What ends one in the middle breaks the heap, unless it was planned. Each is a `with` statement, of
which the block is what is done in between.
"""

from types import TracebackType
from typing import Final, SupportsIndex, final

from spanalloc.base.arguments import whole
from spanalloc.base.errors import (
    BadRequest,
    BadType,
    HeapBroken,
    HeapClosed,
    MadviseFailed,
    MmapFailed,
    OsFailed,
    OutOfMemory,
    PhaseError,
    ProcBusy,
)
from spanalloc.heap.world import World
from spanalloc.span.mcache import Mcache

PLANNED: Final = (
    BadRequest,
    BadType,
    HeapBroken,
    HeapClosed,
    MadviseFailed,
    MmapFailed,
    OsFailed,
    OutOfMemory,
    PhaseError,
    ProcBusy,
)
"""What an operation may raise: it has left the heap as it was, or in a state that it tells of."""


@final
class Operation:
    """An operation on a heap from its beginning to its end: it takes effect, or nothing does.

    What it may raise (PLANNED) leaves the heap whole. Any other exception came in the middle, and
    what was half done then nobody knows: the heap is broken from then on.
    """

    def __init__(self, world: World, p: int, stops: bool, anyway: bool) -> None:
        self.world = world
        self.p = p
        self.stops = stops
        self.anyway = anyway
        self.me: object = None
        self.who: Mcache | None = None

    def __enter__(self) -> Mcache:
        """Begin it, and return the cache of its P."""
        world = self.world
        self.me = me = world.begin()
        try:
            who = world.stop(self.p, self.anyway) if self.stops else world.enter(self.p)
        except BaseException:
            world.inside.discard(me)
            raise
        self.who = who
        return who

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End it, and raise what was kept for its end."""
        world = self.world
        if problem is not None and not isinstance(problem, PLANNED):
            world.breaks(problem)
        if self.stops:
            world.start()
        elif self.who is not None:
            world.leave(self.who)
        world.inside.discard(self.me)
        if world.interrupts.kept:
            kept = world.interrupts.take()
            if kept is not None and problem is None:
                raise kept
        if isinstance(problem, OsFailed):
            cause = problem.__cause__
            # An interrupt stays one, and so does a refusal to do two things at once.
            if cause is not None and (
                isinstance(cause, ProcBusy) or not isinstance(cause, Exception)
            ):
                raise cause


@final
class WorkerOperation:
    """The same for a background worker."""

    def __init__(self, world: World, who: Mcache) -> None:
        self.world = world
        self.who = who
        self.me: object = None

    def __enter__(self) -> None:
        """Begin it."""
        self.me = me = self.world.begin()
        try:
            self.world.enter_worker(self.who)
        except BaseException:
            self.world.inside.discard(me)
            raise

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End it."""
        if problem is not None and not isinstance(problem, PLANNED):
            self.world.breaks(problem)
        self.world.leave(self.who)
        self.world.inside.discard(self.me)


def on(world: World, p: SupportsIndex) -> Operation:
    """Return an operation on a P (see `World.enter`).

    Raises: BadType.
    """
    return Operation(world, whole(p, "the number of a P"), False, False)


def stopped_by(world: World, p: SupportsIndex, anyway: bool = False) -> Operation:
    """Return an operation with the world stopped (see `World.stop`).

    Raises: BadType.
    """
    return Operation(world, whole(p, "the number of a P"), True, anyway)
