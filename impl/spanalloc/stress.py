"""A stress test: threads with a P each, background threads, frequent cycles, checked patterns.

    python -m spanalloc.stress --operations 200000

Every object is filled with a pattern of its own, which is looked at again before it is dropped, at
random, and at the end: an object that was handed out twice, or freed while in use, shows. At each
cycle the world is stopped, and every invariant checked.
"""

import argparse
import random
import threading
from pathlib import Path
from typing import Final, NamedTuple

from spanalloc.audit import audit
from spanalloc.heap import Heap
from spanalloc.osmem import OsMemory
from spanalloc.recorder import Recorder

SIZES: Final = (1, 5, 8, 12, 16, 24, 48, 100, 256, 1000, 1024, 2048, 5000, 8192, 20000, 40000)
MOST_HELD: Final = 150
"""Objects that a thread holds before it drops some."""


class Tally(NamedTuple):
    """What a stress test did, and what went wrong: nothing, if the heap is sound."""

    operations: int
    cycles: int
    objects_checked: int
    problems: tuple[str, ...]


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
        self.heap = Heap(threads, os, recorder)
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
        return Tally(done, self.cycles, self.checked, tuple(self.problems))

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
            self.heap.sweep_one(p)
        if rng.randrange(self.every) == 0:
            with self.cycle:
                self.collect(p)

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


def main() -> int:
    """Run a stress test from the command line; return 1 if anything went wrong."""
    parser = argparse.ArgumentParser(prog="python -m spanalloc.stress", description=__doc__)
    parser.add_argument("--threads", type=int, default=8)
    parser.add_argument("--operations", type=int, default=100_000, help="for each thread")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--trace", type=Path, help="record all events into a trace file")
    given = parser.parse_args()
    recorder = Recorder() if given.trace else None
    tally = Stress(given.threads, given.operations, given.seed, recorder=recorder).run()
    if recorder is not None:
        recorder.save(given.trace, "spanalloc.stress")
    print(
        f"{tally.operations} operations on {given.threads} threads, {tally.cycles} cycles, "
        f"{tally.objects_checked} objects checked: {len(tally.problems)} problems"
    )
    for problem in tally.problems[:20]:
        print(problem)
    return 1 if tally.problems else 0


if __name__ == "__main__":
    raise SystemExit(main())
