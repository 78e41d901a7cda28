"""The lock of what several threads share: interrupts do not make it fail, and tests can ask of it.

Under test it knows who holds it, and each access to what it protects asks it. Otherwise that costs
a look at a flag.
"""

from threading import get_ident
from types import TracebackType
from typing import final

from librt.threading import Lock

from spanalloc.base.errors import LockNotHeld


@final
class Interrupts:
    """What signal handlers have raised in threads that waited for a lock in mid-operation.

    It is kept until the operation has ended, and raised then: the operation takes effect.
    """

    def __init__(self) -> None:
        self.kept: list[tuple[int, BaseException]] = []

    def keep(self, problem: BaseException) -> None:
        """Keep what was raised in this thread."""
        self.kept.append((get_ident(), problem))

    def take(self) -> BaseException | None:
        """Take what was kept for this thread first; None if there is nothing."""
        me = get_ident()
        for place, (thread, problem) in enumerate(self.kept):
            if thread == me:
                del self.kept[place]
                return problem
        return None


@final
class Mutex:
    """A lock, to be held in a `with` statement; `watched` if accesses are to be checked."""

    def __init__(self, protects: str, watched: bool, interrupts: Interrupts) -> None:
        self.lock = Lock()
        self.protects = protects
        self.watched = watched
        self.holder: int = 0
        self.interrupts = interrupts

    def __enter__(self) -> None:
        """Take the lock, however long that takes; a second interrupt ends the wait."""
        if not self.lock.acquire(False):
            self.wait()
        if self.watched:
            self.holder = get_ident()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Let go of the lock."""
        if self.watched:
            self.holder = 0
        self.lock.release()

    def wait(self) -> None:
        """Wait for the lock, and keep a first interrupt."""
        interrupted: BaseException | None = None
        while True:
            try:
                self.lock.acquire()
                break
            except BaseException as problem:
                # Whoever interrupts twice means it, and whoever holds the lock may never let go.
                if interrupted is not None:
                    raise
                interrupted = problem
        if interrupted is not None:
            self.interrupts.keep(interrupted)

    def locked(self) -> bool:
        """Tell whether somebody holds the lock."""
        return self.lock.locked()

    def expect(self) -> None:
        """Say that what the lock protects is used here.

        Raises: LockNotHeld under test, if this thread does not hold it.
        """
        if self.watched and self.holder != get_ident():
            raise LockNotHeld(f"{self.protects} used without its lock")
