"""What a heap holds of the process: given back if the heap is dropped, and seen through a fork.

A fork stops the world of each heap first, so that the child's copy is whole. If an operation does
not end in time, the child's copy refuses what is asked of it.
"""

import os
import time
import warnings
from threading import get_ident
from typing import Final
from weakref import WeakSet

from spanalloc.heap.background import Background
from spanalloc.heap.world import World
from spanalloc.pages.system import System

LONGEST_WAIT: Final = 1.0
"""Seconds that a fork waits for operations to end."""


class HeapResources:
    """Belongs to one heap, and dies with it."""

    __slots__ = ("__weakref__", "background", "system", "world")

    def __init__(self, world: World, system: System, background: Background) -> None:
        self.world: Final = world
        self.system: Final = system
        self.background: Final = background
        RESOURCES.add(self)

    def __del__(self) -> None:
        """Give back what a heap that was not closed holds, and say that it was not closed."""
        if self.world.closed or not self.system.held:
            self.background.abandon(None)
            return
        self.background.abandon(self.system)
        if self.system.real:
            warnings.warn("a Heap was dropped without close()", ResourceWarning, stacklevel=2)


RESOURCES: Final[WeakSet[HeapResources]] = WeakSet()
"""Those of all heaps that are in use."""

FORKING: Final[dict[int, list[tuple[HeapResources, bool]]]] = {}
"""By thread that forks: the heaps, and whether the world of each is stopped."""


def before_fork() -> None:
    """Stop the world of each heap, if that can be done in time."""
    until = time.monotonic() + LONGEST_WAIT
    FORKING[get_ident()] = [(one, one.world.try_stop(until)) for one in list(RESOURCES)]


def after_fork_in_parent() -> None:
    """Let each world go on."""
    for resources, stopped in FORKING.pop(get_ident(), []):
        if stopped:
            resources.world.start()


def after_fork_in_child() -> None:
    """Let each world go on that was whole; its background threads do not exist here."""
    known = FORKING.pop(get_ident(), [])
    FORKING.clear()
    for resources, stopped in known:
        resources.background.forked()
        if stopped:
            resources.world.start()
        else:
            resources.world.forked()


os.register_at_fork(
    before=before_fork,
    after_in_parent=after_fork_in_parent,
    after_in_child=after_fork_in_child,
)
