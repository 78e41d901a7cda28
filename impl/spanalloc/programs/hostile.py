"""Attacks on a heap: whatever happens, it does what it was asked, or says that it did not.

    python -m spanalloc.programs.hostile

Four parts: allocations of Python's own that fail at every point of an operation; operating systems
that raise, or say what cannot be; a limit of the address space; forks while threads allocate. After
each attack every invariant holds, or the heap says that it is broken. Each runs in a child process.
"""

import argparse
import os
import random
import resource
import signal
import sys
import threading
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from importlib import import_module
from itertools import chain, count
from pathlib import Path
from typing import Final

from spanalloc.base.errors import HeapError
from spanalloc.heap.heap import Heap
from spanalloc.pages.osmem import OsMemory, RealMemory, SimulatedMemory
from spanalloc.programs.audit import audit

MIB: Final = 1 << 20

STATM: Final = Path("/proc/self/statm")
"""Where Linux says how many pages of address space are in use."""

HOLDS: Final = 0
VIOLATED: Final = 3
UNPLANNED: Final = 4
"""How a child ends: as it should; with an invariant violated in silence; with an exception that is
not the heap's. One that does not end is killed by SIGALRM."""

LONGEST: Final = 20
"""Seconds that one attack may take."""

WIDTHS: Final = (1, 3, 50)
"""How many allocations in a row fail."""

Operation = Callable[[Heap, list[int]], object]
"""Asks something of a heap in which these objects are alive."""


def prepared(system: OsMemory | None = None) -> tuple[Heap, list[int]]:
    """Return a heap in which there is something of everything, and its living objects."""
    heap = Heap(2, system if system is not None else SimulatedMemory())
    live = [heap.malloc(size) for size in (8, 48, 2048, 2048, 8192, 40_000) for _ in range(4)]
    live += [heap.malloc(5, True) for _ in range(3)]
    heap.set_finalizer(live[4])
    heap.set_finalizer(heap.malloc(48), lambda address: None)
    heap.set_profile(live[5])
    heap.take_manual(4)
    heap.collect(live)
    return heap, live


def manual_span(heap: Heap) -> int:
    """Return the address of a manual span."""
    return next(iter(heap.manual))


def marked_bits(heap: Heap, live: list[int]) -> dict[int, int]:
    """Return a bitmap for the first span of some objects, in which all slots in use are marked."""
    span = next(span for span in heap.spans() if span.base <= live[0] < span.limit)
    return {span.base: span.snapshot().alloc_bits}


def mark_and_finish(heap: Heap, live: list[int]) -> None:
    """Mark within a cycle, one by one and together, and end it."""
    heap.start_cycle()
    heap.mark(live[0])
    heap.finish(live)


def wide_goal(heap: Heap, live: list[int]) -> None:
    """Let the heap grow by a factor with which goals are near 2^64."""
    heap.set_gc_percent((1 << 31) - 1)
    heap.collect(live)


OPERATIONS: Final[dict[str, Operation]] = {
    "a small object": lambda heap, live: [heap.malloc(48) for _ in range(3)],
    "a span is used up": lambda heap, live: [heap.malloc(8192) for _ in range(3)],
    "a tiny object": lambda heap, live: [heap.malloc(5, True) for _ in range(4)],
    "a large object": lambda heap, live: heap.malloc(100_000),
    "the heap grows": lambda heap, live: heap.malloc(100 * MIB),
    "a cycle": lambda heap, live: heap.collect(live),
    "marks": mark_and_finish,
    "one span swept": lambda heap, live: heap.sweep_one(),
    "all spans swept": lambda heap, live: heap.sweep_all(),
    "an object's span swept": lambda heap, live: heap.ensure_swept(live[9]),
    "all memory returned": lambda heap, live: heap.scavenge_all(),
    "swept and returned": lambda heap, live: heap.free_os_memory(),
    "time passes": lambda heap, live: heap.scavenge_by(1 << 40),
    "manual pages taken": lambda heap, live: heap.take_manual(9),
    "manual pages given": lambda heap, live: heap.free_manual(manual_span(heap)),
    "a finalizer set": lambda heap, live: heap.set_finalizer(live[1]),
    "a finalizer removed": lambda heap, live: heap.remove_finalizer(live[4]),
    "finalizers run": lambda heap, live: (heap.sweep_all(), heap.run_finalizers()),
    "a profile record": lambda heap, live: heap.set_profile(live[2]),
    "more Ps": lambda heap, live: heap.set_procs(5),
    "fewer Ps": lambda heap, live: heap.set_procs(1),
    "caches flushed": lambda heap, live: heap.flush_caches(),
    "statistics": lambda heap, live: heap.statistics(),
    "a snapshot": lambda heap, live: heap.snapshot(),
    "an audit": lambda heap, live: audit(heap.snapshot()),
    "marks as bits": lambda heap, live: heap.collect(marked_bits(heap, live)),
    "a wide goal": wide_goal,
    "an extent": lambda heap, live: (heap.extent(live[0]), heap.finalizers_due),
}
"""What a heap can be asked, one way or another."""


# --- judging -------------------------------------------------------------------------------------


def verdict(heap: Heap) -> int:
    """Return how a heap is left: whole, broken and saying so, or neither."""
    if heap.broken:
        try:
            heap.malloc(8)
        except HeapError:
            return HOLDS
        return VIOLATED
    for problem in (problems := audit(heap.snapshot())):
        print(problem, file=sys.stderr)
    return VIOLATED if problems else HOLDS


def in_child(attack: Callable[[], int]) -> int:
    """Run an attack in a child, and return how that ended: a status, or minus a signal."""
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        status = UNPLANNED
        try:
            warnings.simplefilter("ignore")
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(LONGEST)
            status = attack()
        except BaseException as problem:
            with suppress(BaseException):
                print(f"{type(problem).__name__}: {problem}", file=sys.stderr)
        finally:
            os._exit(status)
    _, ended = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(ended)


def meaning(status: int) -> str:
    """Return what the end of a child means."""
    known = {
        HOLDS: "holds",
        VIOLATED: "invariant violated",
        UNPLANNED: "unplanned exception",
    }
    return known.get(status, "") or signal.Signals(-status).name


# --- allocations of Python's own fail ------------------------------------------------------------

MET: Final = 5
"""How a child ends in which an operation did not make as many allocations as were to go well."""


def failing_allocations(names: list[str], stride: int, width: int) -> Iterator[tuple[str, int]]:
    """Let so many allocations in a row fail, from each on that some operations make.

    Of these, every so many-th is tried; yields what comes of each.

    Raises: ImportError without CPython's own tests.
    """
    hooks = import_module("_testcapi")
    fail: Callable[[int, int], None] = hooks.set_nomemory
    fail_no_more: Callable[[], None] = hooks.remove_mem_hooks
    heap, live = prepared()

    def attack(operation: Operation, point: int) -> int:
        try:
            fail(point, point + width)
            operation(heap, live)
            if not failed_already(point):
                return MET
        except (MemoryError, HeapError, RecursionError):
            # Where many fail in a row, Python has no memory for the exception that says so, tries
            # again, and gives up with a RecursionError.
            pass
        finally:
            fail_no_more()
        return verdict(heap)

    for name in names:
        met = 0
        for point in count(0, stride):
            ended = in_child(partial(attack, OPERATIONS[name], point))
            met = met + stride if ended == MET else 0
            if met > width:
                break
            yield f"{width} from allocation {point} of {name}", HOLDS if ended == MET else ended
    heap.close()


def failed_already(point: int) -> bool:
    """Tell whether the allocations that were to fail, from a point on, are all behind us."""
    try:
        for _ in range(point + 100):
            object()
    except MemoryError:
        return False
    return True


# --- operating systems that raise, or lie --------------------------------------------------------


class LyingMemory(SimulatedMemory):
    """An operating system that may lie from the time on when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.lies = False


def raising(problem: type[BaseException]) -> Callable[[object], object]:
    """Return a lie that is an exception."""

    def lie(answer: object) -> object:
        raise problem("the operating system does as it likes")

    return lie


class UnplannedError(BaseException):
    """An exception that no handler expects."""


LIES: Final[dict[str, Callable[[object], object]]] = {
    "raises ValueError": raising(ValueError),
    "raises MemoryError": raising(MemoryError),
    "raises RecursionError": raising(RecursionError),
    "raises KeyboardInterrupt": raising(KeyboardInterrupt),
    "raises a BaseException": raising(UnplannedError),
    "gives nothing": lambda answer: None,
    "gives a text": lambda answer: "12288",
    "gives a float": lambda answer: 12288.0,
    "gives a negative number": lambda answer: -4096,
    "gives a number that is no page": lambda answer: 12345,
    "gives a number beyond 64 bits": lambda answer: 1 << 70,
    "gives what is held already": lambda answer: 0xC000000000,
}

METHODS: Final = (
    "reserve",
    "reserve_aligned",
    "commit",
    "map",
    "release",
    "madvise",
    "used",
    "unused",
    "welcome_huge",
    "view",
    "clear",
)


def lying_system(method: str, lie: Callable[[object], object]) -> LyingMemory:
    """Return an operating system of which one method lies once it is told to."""
    honest = getattr(SimulatedMemory, method)

    def call(self: LyingMemory, *arguments: int) -> object:
        answer: object = honest(self, *arguments)
        return lie(answer) if self.lies else answer

    made: LyingMemory = type("Lying", (LyingMemory,), {method: call})()
    return made


def lying_systems(stride: int) -> Iterator[tuple[str, int]]:
    """Ask everything of heaps on operating systems that raise, or lie; yield what comes of it.

    Every so many-th of all pairs of a method and a lie is tried.
    """
    pairs = [(method, name) for method in METHODS for name in LIES]
    for method, name in pairs[::stride]:

        def attack(method: str, lie: Callable[[object], object]) -> int:
            system = lying_system(method, lie)
            heap, live = prepared(system)
            system.lies = True
            for operation in OPERATIONS.values():
                with suppress(HeapError, KeyboardInterrupt, UnplannedError, StopIteration):
                    operation(heap, live)
                if (left := verdict(heap)) != HOLDS:
                    return left
            with suppress(HeapError, KeyboardInterrupt, UnplannedError):
                heap.close()
            return HOLDS if heap.closed else VIOLATED

        yield f"{method} {name}", in_child(partial(attack, method, LIES[name]))


# --- little address space ------------------------------------------------------------------------


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


# --- forks ---------------------------------------------------------------------------------------


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


# --- the command ---------------------------------------------------------------------------------


def run(parts: list[str], quick: bool) -> tuple[Counter[str], list[str]]:
    """Run some parts; return how often each end came, and the attacks that ended badly."""
    few = ["a span is used up", "a cycle", "finalizers run"]
    ends: Counter[str] = Counter()
    bad: list[str] = []
    attacks: dict[str, Callable[[], Iterator[tuple[str, int]]]] = {
        "allocations": lambda: chain.from_iterable(
            failing_allocations(few if quick else list(OPERATIONS), 53 if quick else 1, width)
            for width in WIDTHS
        ),
        "systems": lambda: lying_systems(7 if quick else 1),
        "addresses": lambda: address_limits(6 if quick else 200, 0),
        "forks": lambda: forks(8 if quick else 100),
    }
    for part in parts:
        for name, status in attacks[part]():
            ends[f"{part}: {meaning(status)}"] += 1
            if status != HOLDS:
                bad.append(f"{name}: {meaning(status)}")
    return ends, bad


def main() -> int:
    """Run the attacks from the command line; return 1 if a heap did not withstand one."""
    parser = argparse.ArgumentParser(
        prog="python -m spanalloc.programs.hostile", description=__doc__
    )
    names = ("allocations", "systems", "addresses", "forks")
    parser.add_argument("part", nargs="*", choices=[*names, []], help="all by default")
    parser.add_argument("--quick", action="store_true", help="a tenth of it")
    given = parser.parse_args()
    try:
        ends, bad = run(given.part or list(names), given.quick)
    except ImportError as problem:
        print(f"spanalloc.programs.hostile: {problem}: needs CPython's own tests", file=sys.stderr)
        return 2
    for end, number in sorted(ends.items()):
        print(f"{number:6} {end}")
    for one in bad[:40]:
        print(one)
    print(f"{sum(ends.values())} attacks, {len(bad)} of them not withstood")
    return 1 if bad else 0


if __name__ == "__main__":
    raise SystemExit(main())
