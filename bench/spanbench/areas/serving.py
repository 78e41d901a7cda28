"""One stream of requests of a real program: served by spanalloc, and by Go's own allocator.

Both serve it inside compiled code, several times on one heap in a process of their own; the first
time, when the memory is touched first, is shown but does not count. What the stream held is
dropped, collected and swept in between, which is not timed.
"""

import tempfile
import time
from array import array
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from statistics import median
from typing import Final

import spanalloc
from spanbench.areas.checking import trace_for
from spanbench.measuring.child import Figures, in_child
from spanbench.measuring.figure import Goal, Measured, Settings, Table, figure
from spanbench.measuring.pairing import in_turns
from spanbench.others.goprogram import Kind, Pass, built, serve
from spanbench.others.requests import Allocation, Cycle, Drop, Request, packed, requests_of
from spanproof.support.tools import Missing

PASSES: Final = 5
"""Times that a process serves the stream; the median of all but the first is one sample."""

ROUNDS: Final = 7

NOT_COMPILED: Final = "install a C compiler (apt-get install gcc), then say make clean verify"


def spanalloc_passes(path: str, passes: str) -> Figures:
    """Serve a packed stream by spanalloc; return the seconds of each pass, and of the clock."""
    numbers = array("q")
    numbers.frombytes(Path(path).read_bytes())
    stream, each = spanalloc.Stream(), iter(numbers)
    for code, place in zip(each, each, strict=True):
        stream.add(code, place)
    taken: dict[str, float] = {}
    with spanalloc.Heap() as heap:
        for number in range(int(passes)):
            used, started = time.process_time(), time.perf_counter()
            spanalloc.replay_stream(heap, stream)
            taken[f"clock {number}"] = time.perf_counter() - started
            taken[f"processor {number}"] = time.process_time() - used
            heap.collect()
            heap.sweep_all()
    return taken


@cache
def requests_for(settings: Settings) -> tuple[Request, ...]:
    """Return the requests of the recorded program."""
    return tuple(requests_of(trace_for(settings)))


@contextmanager
def stream_file(requests: tuple[Request, ...]) -> Iterator[Path]:
    """Give a file with packed requests."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "stream")
        path.write_bytes(packed(requests))
        yield path


def against_go(requests: tuple[Request, ...], procs: int | None, settings: Settings) -> Measured:
    """Measure seconds a request: of processor time if Go has one P, else on the clock.

    Raises: Missing without Go, or if spanalloc is not compiled.
    """
    if not spanalloc.COMPILED:
        raise Missing(NOT_COMPILED)
    kind: Kind = "processor" if procs == 1 else "clock"
    number, passes = len(requests), 2 if settings.quick else PASSES
    mine: list[list[float]] = []
    theirs: list[list[Pass]] = []
    with built() as program, stream_file(requests) as stream:

        def ours() -> float:
            taken = in_child(f"{__name__}:spanalloc_passes", str(stream), str(passes))
            mine.append([taken[f"{kind} {one}"] / number for one in range(passes)])
            return median(mine[-1][1:])

        def go() -> float:
            theirs.append(serve(program, stream, passes, procs))
            return median(one.seconds(kind) for one in theirs[-1][1:]) / number

        pairs = in_turns(ours, go, 1 if settings.quick else ROUNDS)
    cycles = median(one.cycles / number for taken in theirs for one in taken[1:])
    go_taken = [[one.seconds(kind) / number for one in taken] for taken in theirs]
    return Measured(
        pairs,
        details=Table(
            ("ns a request", "first pass", "later passes", "cycles in it, by the clock"),
            (("spanalloc", *medians(mine), "-"), ("Go", *medians(go_taken), nanoseconds(cycles))),
        ),
        note=f"{described(requests)}; {kind} time",
    )


def medians(taken: list[list[float]]) -> tuple[str, str]:
    """Return what the first pass took, and the later ones, in nanoseconds."""
    first = median(passes[0] for passes in taken)
    return nanoseconds(first), nanoseconds(median(one for passes in taken for one in passes[1:]))


def nanoseconds(seconds: float) -> str:
    """Return seconds as nanoseconds."""
    return f"{seconds * 1e9:.1f}"


def described(requests: tuple[Request, ...]) -> str:
    """Return how many requests of each kind there are."""
    kinds = Counter(type(request) for request in requests)
    return f"{kinds[Allocation]} allocations, {kinds[Drop]} drops, {kinds[Cycle]} cycles"


@figure(
    "stream.time",
    "a real program's requests served by spanalloc",
    "the same requests served by Go's mallocgc and runtime.GC, GOMAXPROCS=1",
    goal=Goal("at most", 1),
)
def whole_stream(settings: Settings) -> Measured:
    """Measure allocations, drops and cycles together."""
    return against_go(requests_for(settings), 1, settings)


@figure(
    "stream.clock",
    "a real program's requests served by spanalloc",
    "the same requests served by Go with its default GOMAXPROCS, which collects in parallel",
)
def on_the_clock(settings: Settings) -> Measured:
    """Measure the same on the clock, where Go may use all cores for its cycles."""
    return against_go(requests_for(settings), None, settings)


@figure(
    "stream.allocations",
    "the allocations alone of a real program served by spanalloc",
    "the same allocations served by Go's mallocgc, GOMAXPROCS=1",
)
def allocations_alone(settings: Settings) -> Measured:
    """Measure a heap that only grows: no marking and no sweeping on either side."""
    requests = requests_for(settings)
    return against_go(tuple(one for one in requests if isinstance(one, Allocation)), 1, settings)
