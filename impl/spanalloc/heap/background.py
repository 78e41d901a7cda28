"""The background sweeper and scavenger: threads that work while the Ps are busy elsewhere."""

import threading
import time
from typing import Final, final

from spanalloc.base.errors import HeapBroken, HeapClosed, MadviseFailed, OsFailed, ThreadFailed
from spanalloc.central.state import HeapState
from spanalloc.central.sweep import NOTHING_LEFT, sweep_one
from spanalloc.heap.operation import WorkerOperation
from spanalloc.heap.scavengeturn import scavenge_turn
from spanalloc.heap.world import World
from spanalloc.pages.system import System
from spanalloc.span.mcache import NO_P, Mcache

SWEEPER_THREAD: Final = 1 << 16
SCAVENGER_THREAD: Final = (1 << 16) + 1
"""What the threads are called in a trace: above all Ps, each of which is a thread of its own."""

LONGEST_SLEEP: Final = 10.0
"""Seconds after which a sleeping thread looks again, whatever it was told."""


@final
class Background:
    """The two threads of a heap, each of which can be on or off.

    `problem` is the last failure of one: the scavenger goes on after a failure to return memory,
    anything else has ended the thread.
    """

    def __init__(self, state: HeapState, world: World) -> None:
        self.state = state
        self.world = world
        self.problem: BaseException | None = None
        self.stopping = False
        self.awake = threading.Condition()
        self.threads: list[threading.Thread] = []
        self.workers: dict[int, Mcache] = {}
        self.left: System | None = None

    def start(self, sweeper: bool, scavenger: bool) -> None:
        """Start the threads that are wanted.

        Raises: ThreadFailed if one cannot be started; then none runs.
        """
        self.stopping = False
        try:
            for wanted, number in ((sweeper, SWEEPER_THREAD), (scavenger, SCAVENGER_THREAD)):
                if wanted:
                    self.start_one(number)
        except RuntimeError as problem:
            self.stop()
            raise ThreadFailed(f"a background thread cannot be started: {problem}") from problem
        except BaseException:
            self.stop()
            raise

    def start_one(self, number: int) -> None:
        """Start a thread by its number."""
        who = self.workers.get(number)
        if who is None:
            who = Mcache(-1, NO_P, number, self.state.sg)
            self.world.add_worker(who)
            self.workers[number] = who
        sweeps = number == SWEEPER_THREAD
        thread = threading.Thread(
            target=self.sweep if sweeps else self.scavenge,
            args=(who,),
            name="spanalloc-sweeper" if sweeps else "spanalloc-scavenger",
            daemon=True,
        )
        thread.start()
        self.threads.append(thread)

    def stop(self) -> None:
        """End the threads, and wait for that; their counters stay with the heap."""
        self.tell_to_stop()
        me = threading.current_thread()
        for thread in self.threads:
            if thread is not me:
                thread.join()
        self.threads = []

    def tell_to_stop(self) -> None:
        """Tell the threads to end."""
        with self.awake:
            self.stopping = True
            self.awake.notify_all()

    def abandon(self, system: System | None) -> None:
        """End the threads without waiting; what is left then gives back what a system holds."""
        threads = [thread for thread in self.threads if thread.is_alive()]
        if not threads:
            if system is not None:
                system.release_all()
            return
        self.left = system
        self.tell_to_stop()

    def forked(self) -> None:
        """Forget the threads: in the child of a fork they do not exist."""
        self.threads = []
        self.stopping = False
        self.awake = threading.Condition()

    def wake(self) -> None:
        """Tell the threads that a cycle has ended (SWP-35, SCAV-20)."""
        if self.threads:
            with self.awake:
                self.awake.notify_all()

    def sweep(self, who: Mcache) -> None:
        """Sweep whatever there is to sweep, one span at a time (SWP-17)."""
        self.work(who, True)

    def scavenge(self, who: Mcache) -> None:
        """Take turns as the line says, and sleep in between (SCAV-17)."""
        self.work(who, False)

    def work(self, who: Mcache, sweeps: bool) -> None:
        """Do the work of a thread until it is told to stop, or the heap is closed or broken."""
        try:
            while not self.stopping:
                pause = self.sweep_next(who) if sweeps else self.scavenge_next(who)
                if pause <= 0.0:
                    time.sleep(0)
                    continue
                with self.awake:
                    if not self.stopping and (self.state.sweepdone or not sweeps):
                        self.awake.wait(min(pause, LONGEST_SLEEP))
        except (HeapClosed, HeapBroken):
            return
        except BaseException as problem:
            self.problem = problem
        finally:
            self.thread_ends()

    def thread_ends(self) -> None:
        """Give back what a heap held that was dropped, if this is the last thread of it."""
        me = threading.current_thread()
        if self.left is not None:
            others = [one for one in self.threads if one is not me and one.is_alive()]
            if not others:
                self.left.release_all()

    def sweep_next(self, who: Mcache) -> float:
        """Sweep a span; return for how long there is nothing to do."""
        with WorkerOperation(self.world, who):
            pages = sweep_one(self.state, who, "bg")
        return LONGEST_SLEEP if pages == NOTHING_LEFT else 0.0

    def scavenge_next(self, who: Mcache) -> float:
        """Take a turn if it is time for one; return for how long there is nothing to do."""
        line = self.state.line
        now = time.monotonic_ns()
        if line.parked:
            return LONGEST_SLEEP
        if line.wake_at > now:
            return (line.wake_at - now) / 1e9
        try:
            with WorkerOperation(self.world, who):
                scavenge_turn(self.state, who, now)
        except (MadviseFailed, OsFailed) as problem:
            self.problem = problem
        return 0.0
