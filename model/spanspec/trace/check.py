"""Checking a whole trace: the header, then every event, up to the first divergence."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from spanspec.constants import HEAP_ARENA_BYTES
from spanspec.following.follower import Follower
from spanspec.following.run import NotAStep
from spanspec.mallocinit import mallocinit
from spanspec.pages import PhysicalPages
from spanspec.sizeclass import CLASS_TO_PAGES, CLASS_TO_SIZE
from spanspec.trace.fieldrules import OF_KIND
from spanspec.trace.fields import EventBase
from spanspec.trace.history import as_text
from spanspec.trace.lives import Life, Subject
from spanspec.trace.reader import TraceError, TraceReader
from spanspec.trace.replay import Replay
from spanspec.trace.schema import Header
from spanspec.trace.verdict import Divergence, Tally
from spanspec.trace.watch import Watching


class Report(NamedTuple):
    """The outcome of checking one trace; `problem` is what ended the reading too early.

    `lives` has the life of each span and page that was watched, `steps` the number of steps of the
    protocol that the trace is, if it was followed as such.
    """

    path: str
    header: Header
    tally: Tally
    divergence: Divergence | None
    problem: TraceError | None = None
    lives: Sequence[Life] = ()
    steps: int | None = None

    @property
    def holds(self) -> bool:
        """Whether the whole trace was read and nothing diverged."""
        return self.divergence is None and self.problem is None


def check_header(header: Header) -> Divergence | None:
    """Hold the size classes and the arena size of a trace's header against the model's.

    Rules: CONST-2 SC-4 SC-14.
    """
    if header.arena_bytes != HEAP_ARENA_BYTES:
        seen = str(header.arena_bytes)
        return Divergence(
            0, "header", "CONST-2", "bytes of an arena", str(HEAP_ARENA_BYTES), seen, (), ()
        )
    try:
        mallocinit(PhysicalPages(header.phys_page_size, header.huge_page_size))
    except AssertionError as fatal:
        rule, _, what = str(fatal).partition(": ")
        sizes = f"{header.phys_page_size} and {header.huge_page_size}"
        pages_of = "bytes of physical and huge pages"
        return Divergence(0, "header", rule, pages_of, f"no {what}", sizes, (), ())
    for number, (size, pages) in enumerate(zip(CLASS_TO_SIZE, CLASS_TO_PAGES, strict=True)):
        seen_class = None
        if number < header.num_size_classes:
            seen_class = header.class_size[number], header.class_pages[number]
        if seen_class != (size, pages):
            what = f"size and pages of class {number}"
            return Divergence(
                0, "header", "SC-4", what, str((size, pages)), str(seen_class), (), ()
            )
    return None


def check_trace(
    source: TraceReader,
    on_progress: Callable[[int], None] | None = None,
    every: int = 20_000,
    watched: Sequence[Subject] = (),
    protocol: bool = False,
) -> Report:
    """Replay a whole trace, up to its first divergence.

    `on_progress` is told the number of events done, about once for each `every` of them. A trace
    that breaks off is checked as far as it goes; the report says why it ended. The spans and pages
    that are `watched` are followed from event to event. With `protocol`, the trace has to be a run
    of the proved protocol, too.
    """
    replay = Replay(source.header)
    watching = Watching(replay, watched)
    run = watching.run if watched else replay.run
    follower = Follower() if protocol else None
    divergence = check_header(source.header)
    problem = None
    due = every
    try:
        for batch in source.batches() if divergence is None else ():
            line = replay.line
            divergence = run(batch)
            if divergence is None and follower is not None:
                divergence = follow(follower, line, batch)
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
    lives = watching.lives()
    steps = follower.run.taken.total() if follower is not None else None
    return Report(source.path, source.header, replay.tally, divergence, problem, lives, steps)


def follow(follower: Follower, line: int, events: Sequence[EventBase]) -> Divergence | None:
    """Let the protocol follow the events after a line, up to the first that is no step of it."""
    for event in events:
        line += 1
        try:
            follower.follow(event)
        except NotAStep as problem:
            what, steps = "step of the sharing protocol", "one that is possible"
            rule = OF_KIND[type(event)]
            return Divergence(line, as_text(event), rule, what, steps, str(problem), (), ())
    return None
