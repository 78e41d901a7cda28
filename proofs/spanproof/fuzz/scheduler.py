"""Threads of which one runs at a time: each goes on until it stops, and then waits to be told to.

So an implementation runs its own code, on a thread for each P, in an order that somebody chooses.
"""

import threading
from collections.abc import Callable
from enum import Enum, auto
from typing import Final

LONGEST_STEP: Final = 20.0
"""Seconds after which a thread is taken to wait for something that will not happen."""


class StopReason(Enum):
    """Why a thread has stopped.

    After a step; after a sweep was published, which no event tells; because another thread has to
    do something first; or because its call has ended.
    """

    STEP = auto()
    PUBLISHED = auto()
    WAITS = auto()
    ENDED = auto()


class Abandoned(BaseException):
    """Raised in a call that will not be gone on with; no handler of errors should take it."""


class CallingThread:
    """A thread that makes calls, one after another, and stops where the scheduler stops it.

    `result` and `problem` are those of the last call that has ended; `span` is the span that was
    published last; `left` tells that the thread is no longer one of those that sweep.
    """

    def __init__(self, scheduler: "Scheduler", name: str) -> None:
        self._scheduler: Final = scheduler
        self._call: Callable[[], object] | None = None
        self._go, self._stopped = threading.Lock(), threading.Lock()
        self._go.acquire()
        self._stopped.acquire()
        self._stop = StopReason.ENDED
        self._abandoned = self._lost = False
        self.result: object = None
        self.problem: BaseException | None = None
        self.span = -1
        self.steps_left = 0
        self.left = False
        self._thread = threading.Thread(target=self._serve, name=name, daemon=True)
        self._thread.start()

    @property
    def in_call(self) -> bool:
        """Whether its call has not ended."""
        return self._call is not None

    def begin(self, call: Callable[[], object]) -> None:
        """Set the next call, which begins when the thread goes on."""
        self._call, self.problem = call, None

    def go_on(self, steps: int = 1) -> StopReason:
        """Let the thread run until it has taken so many steps, or stops for another reason.

        Raises: whatever the call raises, once it has; RuntimeError if it does not stop at all.
        """
        self.steps_left = steps
        self._scheduler.running = self
        self._go.release()
        if not self._stopped.acquire(timeout=LONGEST_STEP):
            self._lost = True
            raise RuntimeError(f"{self._thread.name} waits for a lock that a stopped thread holds")
        self._scheduler.running = None
        if self._stop is StopReason.ENDED:
            self._call = None
            if self.problem is not None:
                raise self.problem
        return self._stop

    def stop(self, reason: StopReason) -> None:
        """Stop here, on the worker's own thread, until the driver says `go_on`."""
        if not self._abandoned:
            self._stop = reason
            self._stopped.release()
            self._go.acquire()
        if self._abandoned:
            raise Abandoned

    def close(self) -> None:
        """End the thread; a call that it is in is abandoned where it stands."""
        self._abandoned = True
        if not self._lost:
            self._go.release()
            self._thread.join()

    def _serve(self) -> None:
        while True:
            self._go.acquire()
            if self._abandoned or self._call is None:
                return
            try:
                self.result = self._call()
            except Abandoned:
                return
            except BaseException as problem:
                self.problem = problem
            self._stop = StopReason.ENDED
            self._stopped.release()


class Scheduler:
    """What the code under test calls where a step ends; without a running worker it does nothing.

    Calls that are made by the driver itself, with no worker running, go on at once.
    """

    def __init__(self) -> None:
        self.running: CallingThread | None = None

    def step_ends(self) -> None:
        """Stop if the worker has taken the steps that it was to take."""
        worker = self.running
        if worker is not None:
            worker.steps_left -= 1
            if worker.steps_left <= 0:
                worker.stop(StopReason.STEP)

    def published(self, span: int) -> None:
        """Stop after the sweepgen of a span was stored."""
        if self.running is not None:
            self.running.span = span
            self.running.stop(StopReason.PUBLISHED)

    def sweeper_leaves(self) -> None:
        """Note that the worker has swept what it popped."""
        if self.running is not None:
            self.running.left = True

    def cannot_go_on(self) -> None:
        """Stop until another thread has taken a step.

        Raises: RuntimeError if there is no other, so that it would wait for ever.
        """
        if self.running is None:
            raise RuntimeError("waits for a thread that does not exist")
        self.running.stop(StopReason.WAITS)
