"""Who may do what now: the gate that every operation passes, and stopping the world.

A P belongs to the thread that uses it first, until that releases it or ends; its cache's lock is
held by whoever is in an operation on it. To stop the world is to take the locks of all Ps, and of
the background workers.

A thread is in one operation (`operation`) on a heap at a time. Python runs code of others in the
middle of one: the operating system's object, a recorder, a finalizer of its own collector, a signal
handler. If such code asks the heap for anything that takes a lock, it is refused, and so never
waits for the very operation that it is part of.
"""

import time
from collections.abc import Callable
from sys import _current_frames
from threading import get_ident
from typing import Final, final

from librt.threading import Lock
from mypy_extensions import i64

from spanalloc.base.errors import BadRequest, HeapBroken, HeapClosed, ProcBusy
from spanalloc.base.mutex import Interrupts
from spanalloc.central.state import HeapState
from spanalloc.span.mcache import Mcache

OPEN: Final = 0
CLOSED: Final = 1
STOPPING: Final = 2
MARKING: Final = 4
RECORDING: Final = 8
INTERPRETED: Final = 16
BROKEN: Final = 32

identity: Final[Callable[[], object]] = get_ident
"""Returns the number of this thread, as an object that need not be made anew to be forgotten."""


@final
class World:
    """The Ps and workers of a heap, and the reasons to look twice before an operation.

    `gate` is OPEN if nothing but the P decides: then the fast path may allocate at once. Compiled
    code runs to the end of the fast path before another thread has its turn, so it takes no lock.
    `inside` are the threads that are in an operation.
    """

    def __init__(self, state: HeapState, interrupts: Interrupts) -> None:
        self.state = state
        self.interrupts = interrupts
        self.mcaches: list[Mcache] = state.mcaches
        self.workers: list[Mcache] = []
        self.gate: i64 = OPEN
        self.cycle_lock = Lock()
        self.inside: set[object] = set()
        self.stopped: list[Mcache] = []
        self.held: i64 = 0

    def set(self, reason: i64, holds: bool) -> None:
        """Set or clear a reason."""
        self.gate = self.gate | reason if holds else self.gate & ~reason

    # --- operations on a P -----------------------------------------------------------------------

    def begin(self) -> object:
        """Note that this thread begins an operation, and return its number.

        Raises: ProcBusy if it is in one already.
        """
        self.check_outside()
        me = identity()
        self.inside.add(me)
        return me

    def check_outside(self) -> None:
        """Raise ProcBusy if this thread is in an operation on the heap."""
        if identity() in self.inside:
            raise ProcBusy("this thread is in an operation on the heap already")

    def enter(self, p: int) -> Mcache:
        """Do an operation on a P, once it has begun; `leave` must follow.

        Waits while the world is stopped.

        The P belongs to this thread from now on, until it is released or the thread has ended.

        Raises: HeapClosed; HeapBroken; BadRequest if there is no such P; ProcBusy if it belongs to
            another thread, or an operation on it is under way.
        """
        thread = get_ident()
        while True:
            who = self.check(p)
            if who.lock.acquire(False):
                if self.gate & (STOPPING | CLOSED | BROKEN) == 0 and self.is_had(who, thread):
                    who.busy = True
                    return who
                who.lock.release()
            elif self.gate & STOPPING == 0:
                raise ProcBusy(f"P {p} is in an operation; it belongs to one thread at a time")
            # The world is stopped, or was a moment ago: wait until it goes on.
            self.cycle_lock.acquire()
            self.cycle_lock.release()

    def is_had(self, who: Mcache, me: int) -> bool:
        """Make a locked P this thread's, and return True.

        Raises: ProcBusy if it belongs to another thread; its lock is let go of then.
        """
        try:
            if belongs_to_another(who, me):
                raise ProcBusy(f"P {who.p} belongs to another thread, until it is released")
            who.owner = me
            return True
        except BaseException:
            who.lock.release()
            raise

    def leave(self, who: Mcache) -> None:
        """End an operation on a P, or of a worker, which cannot fail."""
        who.busy = False
        who.lock.release()

    def release(self, p: int) -> None:
        """Let go of a P: it belongs to whoever uses it next.

        Raises: HeapClosed; HeapBroken; BadRequest if there is no such P; ProcBusy if it is another
            thread's.
        """
        who = self.check(p)
        if belongs_to_another(who, get_ident()):
            raise ProcBusy(f"P {p} belongs to another thread, which has to release it")
        if who.busy:
            raise ProcBusy(f"P {p} is in an operation of this very thread")
        who.owner = 0

    # --- background workers ----------------------------------------------------------------------

    def add_worker(self, who: Mcache) -> None:
        """Add a background worker."""
        with self.cycle_lock:
            self.workers.append(who)

    def enter_worker(self, who: Mcache) -> None:
        """Do an operation of a background worker, once the world goes on; `leave` must follow.

        Raises: HeapClosed; HeapBroken.
        """
        while True:
            who.lock.acquire()
            if self.gate & (STOPPING | CLOSED | BROKEN) == 0:
                return
            who.lock.release()
            self.check_usable()
            self.cycle_lock.acquire()
            self.cycle_lock.release()

    # --- the whole world -------------------------------------------------------------------------

    def stop(self, p: int, anyway: bool = False) -> Mcache:
        """Stop the world on behalf of a P, and return its cache; `start` must follow.

        Waits until nobody is in an operation. With `anyway` that is done for a broken heap, too.

        Raises: HeapClosed; HeapBroken; BadRequest if there is no such P.
        """
        self.check(p, anyway)
        self.cycle_lock.acquire()
        self.set(STOPPING, True)
        try:
            # While the world is stopped caches may come and go: `start` lets go of these very ones.
            self.stopped = [*self.mcaches, *self.workers]
            for cache in self.stopped:
                cache.lock.acquire()
                self.held += 1
            return self.check(p, anyway)
        except BaseException:
            self.start()
            raise

    def start(self) -> None:
        """Let the world go on, which cannot fail."""
        place: i64 = 0
        while place < self.held:
            self.stopped[place].lock.release()
            place += 1
        self.held = 0
        self.stopped = []
        self.set(STOPPING, False)
        self.cycle_lock.release()

    def try_stop(self, until: float) -> bool:
        """Stop the world if that is done by a time; return whether it is stopped.

        The time is that of `time.monotonic`; a thread that is in an operation cannot wait for its
        own end, so the answer is no at once.
        """
        if identity() in self.inside or not taken(self.cycle_lock, until):
            return False
        self.set(STOPPING, True)
        self.stopped = [*self.mcaches, *self.workers]
        for cache in self.stopped:
            if not taken(cache.lock, until):
                self.start()
                return False
            self.held += 1
        return True

    def forked(self) -> None:
        """Say, in a child, that operations were under way when it was forked: it has half of them.

        The threads that were in them do not exist here. Nobody waits for them.
        """
        self.breaks_by("a fork in the middle of an operation")
        if identity() in self.inside:
            # This very thread is in one, which goes on; it lets go of its locks itself.
            return
        self.cycle_lock = Lock()
        for cache in self.everybody():
            cache.lock = Lock()
            cache.busy = False
        self.stopped = []
        self.held = 0
        self.inside = set()
        self.set(STOPPING, False)

    def everybody(self) -> list[Mcache]:
        """Return the caches of all Ps and workers."""
        return [*self.mcaches, *self.workers]

    @property
    def closed(self) -> bool:
        """Whether the heap is closed."""
        return self.gate & CLOSED != 0

    # --- checks ----------------------------------------------------------------------------------

    def check(self, p: int, anyway: bool = False) -> Mcache:
        """Return the cache of a P.

        Raises: HeapClosed; HeapBroken, unless that is to be ignored; BadRequest if there is no such
            P.
        """
        if self.gate & (CLOSED | BROKEN) != 0:
            self.check_usable(anyway)
        if not 0 <= p < len(self.mcaches):
            raise BadRequest(f"there is no P {p}, only 0..{len(self.mcaches) - 1}")
        return self.mcaches[p]

    def check_usable(self, anyway: bool = False) -> None:
        """Raise HeapClosed if the heap is closed, HeapBroken if it is broken."""
        if self.gate & CLOSED != 0:
            raise HeapClosed("the heap is closed")
        if self.gate & BROKEN != 0 and not anyway:
            raise HeapBroken(f"the heap is broken, by {self.state.broken}")

    def breaks(self, problem: BaseException) -> None:
        """Note that an operation has ended half way: nothing is done with the heap any more."""
        if self.gate & BROKEN != 0:
            return
        self.breaks_by("an exception")
        try:
            self.state.broken = f"{type(problem).__name__}: {problem}"
        except Exception:
            # What cannot be put into words has broken it all the same.
            return

    def breaks_by(self, why: str) -> None:
        """Note what has broken the heap, in words."""
        self.set(BROKEN, True)
        self.state.broken = why


def belongs_to_another(who: Mcache, me: int) -> bool:
    """Tell whether a P belongs to a thread other than `me`, one that has not ended."""
    owner = who.owner
    return owner != 0 and owner != me and owner in _current_frames()


def taken(lock: Lock, until: float) -> bool:
    """Take a lock if it is to be had by a time of `time.monotonic`; return whether it is taken."""
    while not lock.acquire(False):
        if time.monotonic() >= until:
            return False
        time.sleep(0.0002)
    return True
