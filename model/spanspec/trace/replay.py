"""Replay: holds every event of a trace against the model, and stops at the first divergence."""

from collections.abc import Callable, Iterable
from typing import NamedTuple, TypeVar, cast

import msgspec

from spanspec.sizeclass import CLASS_TO_PAGES, CLASS_TO_SIZE
from spanspec.trace import events as ev
from spanspec.trace import heap_events as hev
from spanspec.trace import replay_caches as caches
from spanspec.trace import replay_mallocs as mallocs
from spanspec.trace import replay_sweeps as sweeps
from spanspec.trace.fields import EventBase
from spanspec.trace.reader import TraceError, TraceReader
from spanspec.trace.schema import KIND_OF, Header
from spanspec.trace.state import ReplayState
from spanspec.trace.verdict import Diverged, Divergence, Tally, Verdict

Handler = Callable[[ReplayState, EventBase], Verdict]
EventT = TypeVar("EventT", bound=EventBase)


def _input(state: ReplayState, event: EventBase) -> Verdict:
    return Verdict.INPUT


def _not_modelled(state: ReplayState, event: EventBase) -> Verdict:
    return Verdict.NOT_MODELLED


def _handlers() -> dict[type[EventBase], Handler]:
    """Return the handler of each class of events; those without a rule yet are counted as such."""
    table: dict[type[EventBase], Handler] = dict.fromkeys(KIND_OF, _not_modelled)

    def handle(kind: type[EventT], handler: Callable[[ReplayState, EventT], Verdict]) -> None:
        table[kind] = cast(Handler, handler)

    handle(ev.Malloc, mallocs.malloc)
    handle(ev.TinyHit, mallocs.tiny_hit)
    handle(ev.Mark, mallocs.note)
    handle(ev.RefillBegins, caches.refill_begins)
    handle(ev.RefillEnds, caches.refill_ends)
    handle(ev.ReleaseAll, caches.release_all)
    handle(ev.Uncache, caches.uncache)
    handle(ev.UncacheToNonempty, caches.uncache_to_nonempty)
    handle(ev.PrepareForSweep, caches.prepare_for_sweep)
    handle(ev.McacheChanges, caches.mcache_changes)
    handle(ev.ProcGetsMcache, caches.proc_gets_mcache)
    handle(ev.ProcDestroyed, caches.proc_destroyed)
    handle(ev.ProcResize, _input)
    handle(ev.CycleStarts, _input)
    handle(ev.PhaseChanges, sweeps.phase_changes)
    handle(ev.SweepPhaseStarts, sweeps.sweep_phase_starts)
    handle(ev.CentralTakes, sweeps.central_takes)
    handle(ev.CentralChecksRoom, sweeps.central_checks_room)
    handle(ev.CentralGrows, sweeps.central_grows)
    handle(ev.CentralFreesSpan, sweeps.central_frees_span)
    handle(ev.SweepClaim, sweeps.sweep_claim)
    handle(ev.SweepResult, sweeps.sweep_result)
    handle(hev.SpanInUse, sweeps.span_in_use)
    handle(hev.SpanInitialized, sweeps.span_initialized)
    handle(hev.HeapFrees, sweeps.heap_frees)
    return table


class Report(NamedTuple):
    """The outcome of checking one trace; `problem` is what ended the reading too early."""

    path: str
    header: Header
    tally: Tally
    divergence: Divergence | None
    problem: TraceError | None = None

    @property
    def holds(self) -> bool:
        """Whether the whole trace was read and nothing diverged."""
        return self.divergence is None and self.problem is None


class Replay:
    """The model, following a trace event by event."""

    def __init__(self) -> None:
        self.state = ReplayState()
        self.tally = Tally()
        self._handlers = _handlers()

    def step(self, line: int, event: EventBase) -> Divergence | None:
        """Replay one event; return a divergence if the model excludes it."""
        state = self.state
        state.line = line
        state.touched = -1
        try:
            verdict = self._handlers[type(event)](state, event)
        except Diverged as problem:
            return self._divergence(event, problem)
        except AssertionError as problem:
            rule, _, what = str(problem).partition(": ")
            excluded = Diverged(rule, "fatal check of the runtime", "not reached", what)
            return self._divergence(event, excluded)
        self.tally.add(KIND_OF[type(event)], verdict)
        return None

    def _divergence(self, event: EventBase, problem: Diverged) -> Divergence:
        state = self.state
        touched = state.touched
        past = [known for known in state.history.get(touched, ()) if known[0] != state.line]
        return Divergence(
            line=state.line,
            event=as_text(event),
            rule=problem.rule,
            what=problem.what,
            expected=problem.expected,
            seen=problem.seen,
            history=tuple(f"{line}: {as_text(earlier)}" for line, earlier in past),
            state=tuple(_surroundings(state, touched, event)),
        )


def _surroundings(state: ReplayState, touched: int, event: EventBase) -> Iterable[str]:
    yield f"heap sweepgen {state.sweepgen}, phase {state.phase}, {len(state.spans)} spans in use"
    span = state.spans.get(touched)
    if span is not None:
        relative = (span.sweepgen - state.sweepgen + (1 << 31)) % (1 << 32) - (1 << 31)
        yield (
            f"span {touched}: class {span.spanclass}, nelems {span.nelems}, freeindex "
            f"{span.freeindex}, allocCount {span.alloc_count}, allocCache {span.alloc_cache:#x}, "
            f"sweepgen sg{relative:+d}, needzero {span.needzero}"
        )
    mcache = state.mcaches.get(state.mcache_of.get(event.p, -1))
    if mcache is not None:
        cached = ", ".join(f"{c}: span {s}" for c, s in sorted(mcache.alloc.items())[:12])
        tiny = f"{mcache.tiny.address:#x}+{mcache.tiny.offset}"
        yield f"P {event.p}: tiny block {tiny}, caches {cached or 'nothing'}"


def as_text(event: EventBase) -> str:
    """Return an event as it stands in a trace."""
    return msgspec.json.encode(event).decode()


def check_header(header: Header) -> Divergence | None:
    """Hold the size classes of a trace's header against the generated ones."""
    for number, (size, pages) in enumerate(zip(CLASS_TO_SIZE, CLASS_TO_PAGES, strict=True)):
        seen = None
        if number < header.num_size_classes:
            seen = header.class_size[number], header.class_pages[number]
        if seen != (size, pages):
            what = f"size and pages of class {number}"
            return Divergence(0, "header", "SC-4", what, str((size, pages)), str(seen), (), ())
    return None


def check_trace(
    source: TraceReader, on_progress: Callable[[int], None] | None = None, every: int = 20_000
) -> Report:
    """Replay a whole trace, up to its first divergence.

    `on_progress` is told the number of events done, once for each `every` of them. A trace that
    breaks off is checked as far as it goes; the report says why it ended.
    """
    replay = Replay()
    divergence = check_header(source.header)
    problem = None
    try:
        for event in source if divergence is None else ():
            divergence = replay.step(source.line, event)
            if divergence is not None:
                break
            if on_progress is not None and source.line % every == 0:
                on_progress(source.line)
    except TraceError as error:
        problem = error
    return Report(source.path, source.header, replay.tally, divergence, problem)
