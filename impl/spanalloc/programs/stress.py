"""A stress test: threads with a P each, background threads, frequent cycles, checked patterns.

    python -m spanalloc.programs.stress --operations 200000

Every object is filled with a pattern of its own, which is looked at again before it is dropped, at
random, and at the end: an object that was handed out twice, or freed while in use, shows. At each
cycle the world is stopped, and every invariant checked. Whatever else a heap can do is asked of it
now and then, and each access to something shared checks that its lock is held.
"""

import argparse
import random
import sys
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

from spanalloc.base.errors import BadRequest, HeapError, PhaseError
from spanalloc.base.recorder import Recorder
from spanalloc.base.turns import Turns
from spanalloc.heap.heap import Heap
from spanalloc.pages.osmem import OsMemory
from spanalloc.programs.audit import audit

SIZES: Final = (1, 5, 8, 12, 16, 24, 48, 100, 256, 1000, 1024, 2048, 5000, 8192, 20000, 40000)
MOST_HELD: Final = 150
"""Objects that a thread holds before it drops some."""


class Tally(NamedTuple):
    """What a stress test did, and what went wrong: nothing, if the heap is sound.

    `asked` counts the other calls by name.
    """

    operations: int
    cycles: int
    objects_checked: int
    problems: tuple[str, ...]
    asked: Counter[str]


class Stress:
    """A heap under stress, and the threads that put it there."""

    def __init__(
        self,
        threads: int,
        operations: int,
        seed: int,
        *,
        background: bool = True,
        os: OsMemory | None = None,
        recorder: Recorder | None = None,
        every: int = 400,
    ) -> None:
        # Turns that nobody decides let accesses be checked, and each thread go on by itself.
        self.heap = Heap(threads, os, recorder, turns=Turns())
        self.operations = operations
        self.seed = seed
        self.every = every
        self.background = background
        self.has_memory = True
        self.problems: list[str] = []
        self.checked = 0
        self.cycles = 0
        self.held: list[dict[int, tuple[int, int]]] = [{} for _ in range(threads)]
        self.locks = [threading.Lock() for _ in range(threads)]
        self.cycle = threading.Lock()
        self.asked: Counter[str] = Counter()
        self.manual: list[list[int]] = [[] for _ in range(threads)]

    def run(self) -> Tally:
        """Run all threads to their end, and return what happened."""
        if self.background:
            self.heap.start_background()
        workers = [
            threading.Thread(target=self.work, args=(p,), name=f"stress-{p}")
            for p in range(len(self.held))
        ]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        self.collect(0)
        for p in range(len(self.held)):
            for address in self.held[p]:
                self.look_at(p, address)
        if self.heap.background.problem is not None:
            self.problems.append(str(self.heap.background.problem))
        self.heap.close()
        done = self.operations * len(self.held)
        return Tally(done, self.cycles, self.checked, tuple(self.problems), self.asked)

    def work(self, p: int) -> None:
        """Allocate, look, and drop, on one P."""
        rng = random.Random(self.seed * 1000 + p)
        try:
            for number in range(self.operations):
                self.step(p, number, rng)
                if self.problems:
                    return
        except Exception as problem:
            self.problems.append(f"P {p}: {type(problem).__name__}: {problem}")

    def step(self, p: int, number: int, rng: random.Random) -> None:
        """Do one operation, and run a cycle now and then."""
        held = self.held[p]
        if held and rng.random() < 0.3:
            self.look_at(p, rng.choice(list(held)))
        if len(held) > MOST_HELD:
            for address in rng.sample(list(held), len(held) // 2):
                self.look_at(p, address)
                del held[address]
        size, zero = rng.choice(SIZES), rng.random() < 0.5
        # From the call until it is written down nobody else knows that the object is alive.
        with self.locks[p]:
            address = self.heap.malloc(size, rng.random() < 0.5, zero, p)
            held[address] = (size, number & 0xFF)
            self.fill(p, address, zero)
        if rng.random() < 0.02:
            self.ask(p, rng)
        if rng.randrange(self.every) == 0:
            with self.cycle:
                self.collect(p)

    def ask(self, p: int, rng: random.Random) -> None:
        """Ask something else of the heap; between cycles only, if it is refused within one."""
        name = rng.choice(list(REQUESTS))
        self.asked[name] += 1
        if name not in BETWEEN_CYCLES:
            REQUESTS[name](self, p, rng)
            return
        with self.cycle:
            REQUESTS[name](self, p, rng)

    def one_of(self, p: int, rng: random.Random) -> int:
        """Return the address of an object that a P holds."""
        return rng.choice(list(self.held[p]))

    def take(self, p: int, rng: random.Random) -> None:
        """Take pages to be managed by hand."""
        # What sizes a stack and a work buffer have is fixed (HEAP-25); others have any.
        pages, purpose = rng.choice(((1, "other"), (4, "stack"), (4, "gc"), (9, "other")))
        self.manual[p].append(self.heap.take_manual(pages, purpose, p))

    def give(self, p: int, rng: random.Random) -> None:
        """Give such pages back."""
        if self.manual[p]:
            self.heap.free_manual(self.manual[p].pop(), p)

    def finalize(self, p: int, rng: random.Random) -> None:
        """Give an object a finalizer, or take it away."""
        address = self.one_of(p, rng)
        if not self.heap.remove_finalizer(address, p):
            self.heap.set_finalizer(address, None, p)

    def profile(self, p: int, rng: random.Random) -> None:
        """Give an object a profile record, if it has none."""
        try:
            self.heap.set_profile(self.one_of(p, rng), p)
        except BadRequest as problem:
            if "already" not in str(problem):
                raise

    def more_procs(self, p: int, rng: random.Random) -> None:
        """Have some Ps more for a moment."""
        self.heap.set_procs(len(self.held) + rng.randrange(1, 4), p)
        self.heap.set_procs(len(self.held), p)

    def restart(self, p: int, rng: random.Random) -> None:
        """Start the background threads anew."""
        if self.background:
            self.heap.stop_background()
            self.heap.start_background()

    def mark_early(self, p: int, rng: random.Random) -> None:
        """Mark outside of a cycle, which is refused."""
        for mark in (self.heap.mark, lambda address: self.heap.mark_all([address])):
            try:
                mark(self.one_of(p, rng))
            except PhaseError:
                continue
            self.problems.append("a mark outside of a cycle is accepted")

    def figures(self, p: int, rng: random.Random) -> None:
        """Look at all that can be looked at."""
        heap = self.heap
        figures = heap.statistics()
        if figures.heap_sys < 0 or heap.closed or heap.broken or heap.procs < len(self.held):
            self.problems.append(f"figures are wrong: {figures}")
        if len(heap.spans()) < 1 or heap.extent(self.one_of(p, rng))[1] < 1:
            self.problems.append("an object is in no span")
        self.asked["cycles wanted"] += heap.wants_cycle
        self.asked["finalizers due"] += len(heap.finalizers_due)

    def fill(self, p: int, address: int, zero: bool) -> None:
        """Check that a new object is zero, if it must be, and fill it with its pattern."""
        if not self.has_memory:
            return
        size, pattern = self.held[p][address]
        view = self.heap.memory(address, size)
        if zero and any(view):
            self.problems.append(f"P {p}: {size} bytes at {address:#x} are not zero")
        view[:] = bytes([pattern]) * size

    def look_at(self, p: int, address: int) -> None:
        """Check the pattern of an object."""
        self.checked += 1
        if not self.has_memory:
            return
        size, pattern = self.held[p][address]
        if self.heap.memory(address, size) != bytes([pattern]) * size:
            self.problems.append(f"P {p}: {size} bytes at {address:#x} were overwritten")

    def collect(self, p: int) -> None:
        """Run a cycle in which alive is what the threads hold, and check every invariant."""
        self.heap.start_cycle(p)
        live: list[int] = []
        for other, lock in enumerate(self.locks):
            with lock:
                live += self.held[other]
        self.heap.finish(live, p)
        self.cycles += 1
        self.problems += audit(self.heap.snapshot())


REQUESTS: Final[dict[str, Callable[[Stress, int, random.Random], object]]] = {
    "sweep_one": lambda stress, p, rng: stress.heap.sweep_one(p),
    "sweep_all": lambda stress, p, rng: stress.heap.sweep_all(p),
    "ensure_swept": lambda stress, p, rng: stress.heap.ensure_swept(stress.one_of(p, rng), p),
    "free_os_memory": lambda stress, p, rng: stress.heap.free_os_memory(p),
    "scavenge_all": lambda stress, p, rng: stress.heap.scavenge_all(p),
    "scavenge_by": lambda stress, p, rng: stress.heap.scavenge_by(rng.randrange(1 << 40), p),
    "take_manual": Stress.take,
    "free_manual": Stress.give,
    "set_finalizer": Stress.finalize,
    "set_profile": Stress.profile,
    "run_finalizers": lambda stress, p, rng: stress.heap.run_finalizers(),
    "flush_caches": lambda stress, p, rng: stress.heap.flush_caches(p),
    "set_procs": Stress.more_procs,
    "release": lambda stress, p, rng: stress.heap.release(p),
    "start_background": Stress.restart,
    "mark": Stress.mark_early,
    "snapshot": lambda stress, p, rng: stress.heap.snapshot(),
    "statistics": Stress.figures,
}
"""What is asked of a heap besides objects and cycles, by the name of the method it is about."""

BETWEEN_CYCLES: Final = {"free_manual", "flush_caches", "set_procs", "mark", "start_background"}
"""What is refused while a cycle marks, or done by one thread at a time."""


def positive(text: str) -> int:
    """Return the number that an argument is.

    Raises: ArgumentTypeError unless it is 1 or more: a test with nothing to do shows nothing.
    """
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 on")
    return int(text)


def main() -> int:
    """Run a stress test from the command line; return 1 if anything went wrong."""
    parser = argparse.ArgumentParser(
        prog="python -m spanalloc.programs.stress", description=__doc__
    )
    parser.add_argument("--threads", type=positive, default=8)
    parser.add_argument("--operations", type=positive, default=100_000, help="for each thread")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--trace", type=Path, help="record all events into a trace file")
    given = parser.parse_args()
    recorder = Recorder() if given.trace else None
    try:
        tally = Stress(given.threads, given.operations, given.seed, recorder=recorder).run()
        if recorder is not None:
            recorder.save(given.trace, "spanalloc.programs.stress")
    except (HeapError, OSError) as failure:
        print(f"spanalloc.programs.stress: {failure}", file=sys.stderr)
        return 2
    print(
        f"{tally.operations} operations on {given.threads} threads, {tally.cycles} cycles, "
        f"{tally.objects_checked} objects checked: {len(tally.problems)} problems"
    )
    for problem in tally.problems[:20]:
        print(problem)
    return 1 if tally.problems else 0


if __name__ == "__main__":
    raise SystemExit(main())
