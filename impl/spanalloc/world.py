"""Who may do what now: the gate that every operation passes, and stopping the world.

A P belongs to the thread that uses it first, until that releases it or ends; its cache's lock is
held by whoever is in an operation on it. To stop the world is to take the locks of all Ps, and of
the background workers.
"""

from sys import _current_frames
from threading import get_ident
from typing import Final, final

from librt.threading import Lock
from mypy_extensions import i64

from spanalloc.errors import BadRequest, HeapClosed, HeapError, ProcBusy
from spanalloc.mcache import Mcache

OPEN: Final = 0
CLOSED: Final = 1
STOPPING: Final = 2
MARKING: Final = 4
RECORDING: Final = 8
INTERPRETED: Final = 16


@final
class World:
    """The Ps and workers of a heap, and the reasons to look twice before an operation.

    `gate` is OPEN if nothing but the P decides: then the fast path may allocate at once. Compiled
    code runs to the end of the fast path before another thread has its turn, so it takes no lock.
    """

    def __init__(self, mcaches: list[Mcache]) -> None:
        self.mcaches = mcaches
        self.workers: list[Mcache] = []
        self.gate: i64 = OPEN
        self.cycle_lock = Lock()
        self.stopped: list[Mcache] = []

    def set(self, reason: i64, holds: bool) -> None:
        """Set or clear a reason."""
        self.gate = self.gate | reason if holds else self.gate & ~reason

    def enter(self, p: int) -> Mcache:
        """Begin an operation on a P; `leave` must follow. Waits while the world is stopped.

        The P belongs to this thread from now on, until it is released or the thread has ended.

        Raises: HeapClosed; BadRequest if there is no such P; ProcBusy if it belongs to another
            thread, or an operation on it is under way.
        """
        while True:
            who = self.check(p)
            if who.lock.acquire(False):
                if self.gate & (STOPPING | CLOSED) == 0:
                    me = get_ident()
                    if belongs_to_another(who, me):
                        who.lock.release()
                        raise ProcBusy(f"P {p} belongs to another thread, until it is released")
                    who.busy = True
                    who.owner = me
                    return who
                who.lock.release()
            elif self.gate & STOPPING == 0:
                raise ProcBusy(f"P {p} is in an operation; it belongs to one thread at a time")
            # The world is stopped, or was a moment ago: wait until it goes on.
            self.cycle_lock.acquire()
            self.cycle_lock.release()

    def leave(self, who: Mcache) -> Mcache:
        """End an operation on a P; return its cache."""
        who.busy = False
        who.lock.release()
        return who

    def release(self, p: int) -> None:
        """Let go of a P: it belongs to whoever uses it next.

        Raises: HeapClosed; BadRequest if there is no such P; ProcBusy if it is another thread's.
        """
        who = self.check(p)
        if belongs_to_another(who, get_ident()):
            raise ProcBusy(f"P {p} belongs to another thread, which has to release it")
        if who.busy:
            raise ProcBusy(f"P {p} is in an operation of this very thread")
        who.owner = 0

    def add_worker(self, who: Mcache) -> None:
        """Add a background worker."""
        with self.cycle_lock:
            self.workers.append(who)

    def enter_worker(self, who: Mcache) -> None:
        """Begin an operation of a background worker, once the world goes on."""
        while True:
            who.lock.acquire()
            if self.gate & STOPPING == 0:
                return
            who.lock.release()
            self.cycle_lock.acquire()
            self.cycle_lock.release()

    def stop(self, p: int) -> Mcache:
        """Stop the world on behalf of a P, and return its cache; `start` must follow.

        Waits until nobody is in an operation.

        Raises: HeapClosed; BadRequest if there is no such P; ProcBusy if this thread itself is in
            an operation.
        """
        self.check(p)
        self.check_outside()
        self.cycle_lock.acquire()
        self.set(STOPPING, True)
        # While the world is stopped caches may come and go: `start` lets go of these very ones.
        self.stopped = self.everybody()
        for cache in self.stopped:
            cache.lock.acquire()
        try:
            return self.check(p)
        except HeapError:
            self.start()
            raise

    def check_outside(self) -> None:
        """Require that this thread is in no operation, which then would wait for itself.

        Raises: ProcBusy.
        """
        me = get_ident()
        for cache in self.mcaches:
            if cache.busy and cache.owner == me:
                raise ProcBusy(f"P {cache.p} is in an operation of this very thread")

    def check(self, p: int) -> Mcache:
        """Return the cache of a P.

        Raises: HeapClosed; BadRequest if there is no such P.
        """
        if self.gate & CLOSED != 0:
            raise HeapClosed("the heap is closed")
        if not 0 <= p < len(self.mcaches):
            raise BadRequest(f"there is no P {p}, only 0..{len(self.mcaches) - 1}")
        return self.mcaches[p]

    def start(self) -> None:
        """Let the world go on."""
        for cache in self.stopped:
            cache.lock.release()
        self.stopped = []
        self.set(STOPPING, False)
        self.cycle_lock.release()

    def everybody(self) -> list[Mcache]:
        """Return the caches of all Ps and workers."""
        return [*self.mcaches, *self.workers]


def belongs_to_another(who: Mcache, me: int) -> bool:
    """Tell whether a P belongs to a thread other than `me`, one that has not ended."""
    owner = who.owner
    return owner != 0 and owner != me and owner in _current_frames()
