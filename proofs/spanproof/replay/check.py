"""Checking a whole trace: the header, then every event, up to the first divergence."""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from spanproof.replay.following.replay import Replay
from spanproof.replay.following.verdict import Tally, TraceDivergence
from spanproof.replay.format.reader import TraceError, TraceReader
from spanproof.replay.format.schema import Header
from spanproof.replay.watch import Watching
from spanproof.replay.watched import History, WatchedThing
from spanspec.base.collecting import put_off
from spanspec.base.constants import ARENA_BASE, HEAP_ARENA_BYTES, NUM_SIZE_CLASSES
from spanspec.base.sizeclass import CLASS_TO_PAGES, CLASS_TO_SIZE
from spanspec.pages.memory.mallocinit import mallocinit
from spanspec.pages.tables.runs import PhysicalPages


class CheckReport(NamedTuple):
    """The outcome of checking one trace; `problem` is what ended the reading too early.

    `histories` has what became of each span and page that was watched, `steps` the number of steps
    of the sharing protocol that were taken, if that was asked for.
    """

    path: str
    header: Header
    tally: Tally
    divergence: TraceDivergence | None
    problem: TraceError | None = None
    histories: Sequence[History] = ()
    steps: int | None = None

    @property
    def holds(self) -> bool:
        """Whether the whole trace was read and nothing diverged."""
        return self.divergence is None and self.problem is None


MANY_OBJECTS: Final = 100_000
"""Objects after which cycles are looked for: a million events leave a few thousand in some."""

RUNTIME: Final = "go1.13.15"
PLATFORM: Final = "linux/amd64"
"""The runtime that the model is of, as headers name it."""


def foreign(header: Header) -> str | None:
    """Say by what a header is that of another runtime than the model's; None if it is not.

    Rules: CONST-2 AR-1 SC-4.
    """
    for what, own, seen in (
        ("the runtime", RUNTIME, header.go),
        ("the platform", PLATFORM, header.arch),
        ("the address of page 0", hex(ARENA_BASE), header.first_address),
        ("the bytes of an arena", HEAP_ARENA_BYTES, header.arena_bytes),
        ("the number of size classes", NUM_SIZE_CLASSES, header.num_size_classes),
        ("the bytes of class", CLASS_TO_SIZE, header.class_size),
        ("the pages of class", CLASS_TO_PAGES, header.class_pages),
    ):
        if isinstance(own, tuple) and isinstance(seen, list):
            for number, (ours, theirs) in enumerate(zip(own, seen, strict=True)):
                if ours != theirs:
                    return f"{what} {number} are {theirs}, and {ours} in the model"
        elif own != seen:
            return f"{what} is {seen}, and {own} in the model"
    return None


def expect_own_runtime(source: TraceReader) -> None:
    """Require that a trace is of the runtime that the model is of.

    Raises: TraceError if its header names another.
    """
    other = foreign(source.header)
    if other is not None:
        raise TraceError(source.path, 0, f"recorded by another runtime: {other}; {OTHERWISE}")


OTHERWISE: Final = "--foreign judges it all the same"


def expect_events(path: str, header: Header) -> None:
    """Require that a trace promises something to judge.

    Raises: TraceError if it is a header alone.
    """
    if header.events == 0:
        raise TraceError(path, None, "holds no events, so there is nothing to judge; record some")


def expect_usable(source: TraceReader) -> None:
    """Require that a trace has something to judge, of the runtime that the model is of.

    Raises: TraceError if it has not.
    """
    expect_own_runtime(source)
    expect_events(source.path, source.header)


def check_header(header: Header) -> TraceDivergence | None:
    """Hold the pages and the size classes of a trace's header against the model's.

    Rules: CONST-2 SC-4 SC-14.
    """
    if header.arena_bytes != HEAP_ARENA_BYTES:
        what, seen = "bytes of an arena", str(header.arena_bytes)
        return _of_header("CONST-2", what, str(HEAP_ARENA_BYTES), seen)
    try:
        mallocinit(PhysicalPages(header.phys_page_size, header.huge_page_size))
    except AssertionError as fatal:
        rule, _, what = str(fatal).partition(": ")
        sizes = f"{header.phys_page_size} and {header.huge_page_size}"
        return _of_header(rule, "bytes of physical and huge pages", f"no {what}", sizes)
    for number, (size, pages) in enumerate(zip(CLASS_TO_SIZE, CLASS_TO_PAGES, strict=True)):
        seen_class = None
        if number < header.num_size_classes:
            seen_class = header.class_size[number], header.class_pages[number]
        if seen_class != (size, pages):
            what = f"size and pages of class {number}"
            return _of_header("SC-4", what, str((size, pages)), str(seen_class))
    return None


def _of_header(rule: str, what: str, expected: str, seen: str) -> TraceDivergence:
    return TraceDivergence(0, "header", "", rule, what, expected, seen, "the header of the trace")


def check_trace(
    source: TraceReader,
    on_progress: Callable[[int], None] | None = None,
    every: int = 20_000,
    watched: Sequence[WatchedThing] = (),
    protocol: bool = False,
    any_runtime: bool = False,
) -> CheckReport:
    """Replay a whole trace, up to its first divergence.

    `on_progress` is told the number of events done, about once for each `every` of them. A trace
    that breaks off is checked as far as it goes; the report says why it ended. The spans and pages
    that are `watched` are followed from event to event. With `protocol`, the invariant that is
    proved of the steps is held against the state, too, and the steps are counted. With
    `any_runtime`, a trace of another runtime is judged as if it were of the model's.

    Raises: TraceError if there is nothing to judge, or the trace is of another runtime.
    """
    if not any_runtime:
        expect_own_runtime(source)
    expect_events(source.path, source.header)
    replay = Replay(source.header, protocol)
    watching = Watching(replay, watched)
    run = watching.run if watched else replay.run
    divergence = check_header(source.header)
    problem = None
    due = every
    try:
        with put_off(MANY_OBJECTS):
            for batch in source.batches() if divergence is None else ():
                divergence = run(batch)
                if divergence is not None:
                    break
                if replay.line >= due:
                    due += every
                    if on_progress is not None:
                        on_progress(replay.line)
            else:
                divergence = divergence or replay.finish()
    except TraceError as error:
        problem = error
    histories = watching.histories()
    steps = sum(replay.state.taken.values()) if protocol else None
    return CheckReport(
        source.path, source.header, replay.tally, divergence, problem, histories, steps
    )
