"""The background sweeper and scavenger: threads that work while the Ps are busy elsewhere."""

import threading
import time
from typing import Final, final

from spanalloc.errors import MadviseFailed
from spanalloc.mcache import NO_P, Mcache
from spanalloc.scavengeturn import scavenge_turn
from spanalloc.state import HeapState
from spanalloc.sweep import NOTHING_LEFT, sweep_one
from spanalloc.world import World

SWEEPER_THREAD: Final = 1 << 16
SCAVENGER_THREAD: Final = (1 << 16) + 1
"""What the threads are called in a trace: above all Ps, each of which is a thread of its own."""

LONGEST_SLEEP: Final = 10.0
"""Seconds after which a sleeping thread looks again, whatever it was told."""


@final
class Background:
    """The two threads of a heap, each of which can be on or off.

    `problem` is the last failure to return memory; the scavenger goes on after it.
    """

    def __init__(self, state: HeapState, world: World) -> None:
        self.state = state
        self.world = world
        self.problem: MadviseFailed | None = None
        self.stopping = False
        self.awake = threading.Condition()
        self.threads: list[threading.Thread] = []

    def start(self, sweeper: bool, scavenger: bool) -> None:
        """Start the threads that are wanted."""
        self.stopping = False
        for wanted, number, work in (
            (sweeper, SWEEPER_THREAD, self.sweep),
            (scavenger, SCAVENGER_THREAD, self.scavenge),
        ):
            if wanted:
                who = Mcache(-1, NO_P, number, self.state.sg)
                self.world.add_worker(who)
                name = "spanalloc-sweeper" if work == self.sweep else "spanalloc-scavenger"
                thread = threading.Thread(target=work, args=(who,), name=name, daemon=True)
                self.threads.append(thread)
                thread.start()

    def stop(self) -> None:
        """End the threads, and wait for that; their counters stay with the heap."""
        with self.awake:
            self.stopping = True
            self.awake.notify_all()
        for thread in self.threads:
            thread.join()
        self.threads = []

    def wake(self) -> None:
        """Tell the threads that a cycle has ended (SWP-35, SCAV-20)."""
        with self.awake:
            self.awake.notify_all()

    def sweep(self, who: Mcache) -> None:
        """Sweep whatever there is to sweep, one span at a time (SWP-17)."""
        while not self.stopping:
            self.world.enter_worker(who)
            try:
                pages = sweep_one(self.state, who, "bg")
            finally:
                self.world.leave(who)
            if pages != NOTHING_LEFT:
                time.sleep(0)
                continue
            with self.awake:
                if self.state.sweepdone and not self.stopping:
                    self.awake.wait(LONGEST_SLEEP)

    def scavenge(self, who: Mcache) -> None:
        """Take turns as the line says, and sleep in between (SCAV-17)."""
        while not self.stopping:
            line = self.state.line
            now = time.monotonic_ns()
            if not line.parked and line.wake_at <= now:
                self.world.enter_worker(who)
                try:
                    scavenge_turn(self.state, who, now)
                except MadviseFailed as problem:
                    self.problem = problem
                    line.turn_ends(self.state.pages.free.retained(), 0, 0, now)
                finally:
                    self.world.leave(who)
                continue
            with self.awake:
                if not self.stopping:
                    pause = LONGEST_SLEEP if line.parked else (line.wake_at - now) / 1e9
                    self.awake.wait(min(max(pause, 0.0), LONGEST_SLEEP))
