"""What befalls a whole process: a limit of its address space, and forks while threads allocate."""

import random
import resource
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from spanalloc.base.errors import HeapError
from spanalloc.heap.heap import Heap
from spanalloc.pages.osmem import RealMemory, SimulatedMemory
from spanalloc.programs.attacks.asking import MIB
from spanalloc.programs.attacks.judging import in_child, verdict

STATM: Final = Path("/proc/self/statm")
"""Where Linux says how many pages of address space are in use."""


def address_limits(runs: int, seed: int) -> Iterator[tuple[str, int]]:
    """Run programs in a limited address space; yield what comes of each."""
    for number in range(seed, seed + runs):

        def attack(number: int = number) -> int:
            rng = random.Random(number)
            heap = Heap(2, RealMemory())
            in_use = int(STATM.read_text(encoding="ascii").split()[0]) * resource.getpagesize()
            room = rng.choice((0, 1, 8, 66, 140)) * MIB + rng.randrange(MIB)
            resource.setrlimit(resource.RLIMIT_AS, (in_use + room, resource.RLIM_INFINITY))
            held: list[object] = []
            live: list[int] = []
            for _ in range(300):
                try:
                    if rng.random() < 0.2:
                        held.append(bytearray(rng.randrange(1 << 18)))
                    live.append(heap.malloc(rng.choice((5, 48, 2048, 40_000, MIB, 20 * MIB))))
                    if rng.random() < 0.05:
                        live = live[len(live) // 2 :]
                        heap.collect(live)
                        heap.free_os_memory()
                except (MemoryError, HeapError):
                    held.clear()
                    if heap.broken:
                        break
            resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
            left = verdict(heap)
            heap.close()
            return left

        yield f"address space, program {number}", in_child(attack)


def forks(runs: int) -> Iterator[tuple[str, int]]:
    """Fork while threads allocate and collect; yield what comes of each child."""
    threads = 3
    heap = Heap(threads + 1, SimulatedMemory())
    ending = threading.Event()

    def work(p: int) -> None:
        rng = random.Random(p)
        while not ending.is_set():
            heap.malloc(rng.choice((8, 48, 2048, 40_000)), p=p)
            if p == 1 and rng.random() < 0.01:
                heap.collect(p=p)

    workers = [threading.Thread(target=work, args=(p,)) for p in range(1, threads + 1)]
    for worker in workers:
        worker.start()

    def attack() -> int:
        with suppress(HeapError):
            for p in range(threads + 1):
                heap.malloc(2048, p=p)
                heap.malloc(40_000, p=p)
            heap.collect()
            heap.sweep_all()
        left = verdict(heap)
        heap.close()
        return left

    try:
        for number in range(runs):
            yield f"fork {number}", in_child(attack)
    finally:
        ending.set()
        for worker in workers:
            worker.join()
        heap.close()
