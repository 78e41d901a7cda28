"""What the replay takes as given, and what of it a recording of the runtime cannot have."""

from collections.abc import Iterator
from itertools import pairwise

import pytest
from msgspec.structs import replace

from spanproof.mutation.corruption import Trace, read_trace
from spanproof.replay.following.replay import Replay
from spanproof.replay.following.threads import RecordedThread
from spanproof.replay.following.verdict import Diverged
from spanproof.replay.format.schema import Header
from spanproof.simulate.judging import header_for
from spanproof.simulate.schedules.racing import Racing
from spanproof.support.files.traces import bundled_traces
from spanspec.events import heap_events as hev
from spanspec.events import span_events as ev
from spanspec.events.fields import EventBase, ThreadEvent
from spanspec.events.heap_events import Purpose
from spanspec.heap import Heap
from spanspec.heap.courses.procs import procresize
from spanspec.heap.program import StartCycle
from spanspec.heap.state.collector import STOPPED_TO_SWEEP
from spanspec.pages.courses.pagealloc import allocate, free_manual, make_manual
from spanspec.pages.pageheap import Actor
from spanspec.pages.tables.runs import AMD64

TRACES = {path.name.removesuffix(".jsonl.gz"): path for path in bundled_traces()}


def judged(events: list[EventBase], header: Header) -> str:
    """Replay events; return the rule that excludes one, its kind, and what is wrong."""
    replay = Replay(header)
    found = replay.run(events) or replay.finish()
    return "" if found is None else f"{found.rule} {found.kind} {found.what}"


@pytest.fixture(scope="module")
def holes() -> Trace:
    return read_trace(TRACES["small-holes"])


@pytest.fixture(scope="module")
def procs() -> Trace:
    return read_trace(TRACES["small-procs"])


def without(events: list[EventBase], place: int) -> list[EventBase]:
    """Leave out an event, and number the lines anew."""
    rest: list[EventBase] = []
    for event in events[place + 1 :]:
        told: int = getattr(event, "not_before", 0)
        rest.append(replace(event, not_before=told - 1) if told > place + 1 else event)
    return [*events[:place], *rest]


# --- all is swept while the world is stopped (GODEBUG=gcstoptheworld=2) ---------------------------


@pytest.fixture(scope="module")
def stopped() -> list[EventBase]:
    told: list[EventBase] = []
    racing = Racing(15, 4, told.append)
    assert racing.mode == STOPPED_TO_SWEEP
    assert racing.run(3000).failure is None
    return told


def sweeps_of(told: list[EventBase]) -> Iterator[list[EventBase]]:
    """Yield what happens between each start of a sweep phase and the next start of the world."""
    for place, event in enumerate(told):
        if isinstance(event, ev.SweepPhaseStarts):
            end = next(n for n in range(place, len(told)) if isinstance(told[n], ev.ProcResize))
            yield told[place + 1 : end]


def test_all_but_what_is_cached_may_be_swept_before_the_world_starts(
    stopped: list[EventBase],
) -> None:
    assert judged(stopped, header_for(AMD64, 4, len(stopped), "stopped")) == ""
    sweeps = list(sweeps_of(stopped))
    assert all(isinstance(sweep[-1], ev.SweepDone) for sweep in sweeps)
    claims = [one for sweep in sweeps for one in sweep if isinstance(one, ev.SweepClaim)]
    assert {one.by for one in claims} == {"sync"}


def test_nothing_is_left_out_of_a_sweep_with_the_world_stopped(stopped: list[EventBase]) -> None:
    start = next(n for n, one in enumerate(stopped) if isinstance(one, ev.SweepPhaseStarts))
    end = next(n for n in range(start, len(stopped)) if isinstance(stopped[n], ev.ProcResize))
    early = [*stopped[: start + 1], stopped[end]]
    assert judged(early, header_for(AMD64, 4, len(early), "early")).startswith("SWP-11 np")


# --- sweeping that pays for an allocation ---------------------------------------------------------


def debts_of(events: list[EventBase]) -> list[int]:
    """Return the places of the debts of a sweep phase, up to those of a second allocation."""
    phase: list[int] = []
    for place, event in enumerate(events):
        if isinstance(event, ev.SweepPhaseStarts):
            phase = []
        elif isinstance(event, ev.SweepDebt):
            phase.append(place)
            if len(phase) > 2 and isinstance(events[place - 1], ev.Malloc | ev.RefillBegins):
                return phase
    raise AssertionError("no phase has debts of two allocations")


def test_nobody_sweeps_for_an_allocation_that_owes_nothing(holes: Trace) -> None:
    events = list(holes.events)
    first, *_ = debts_of(events)
    text = judged(without(events, first), holes.header)
    assert text == "SWP-11 po operation that this event can begin"


@pytest.mark.parametrize("by", [-1, 1])
def test_the_pages_swept_since_the_pace_was_set_cannot_be_others(holes: Trace, by: int) -> None:
    events = list(holes.events)
    for place in debts_of(events):
        debt = events[place]
        assert isinstance(debt, ev.SweepDebt)
        changed = replace(debt, swept=debt.swept + by)
        text = judged([*events[:place], changed, *events[place + 1 :]], holes.header)
        assert text.startswith("SWP-19 dd "), place


def test_the_pace_may_be_set_anew_between_two_allocations(holes: Trace) -> None:
    """As debug.SetGCPercent does: from then on pages are counted from those that were swept."""
    events = list(holes.events)
    *_, last = debts_of(events)
    debt = events[last]
    assert isinstance(debt, ev.SweepDebt)
    again = [*events[:last], replace(debt, swept=0, target=debt.target - debt.swept)]
    assert judged(again, holes.header) == ""


# --- manual spans ---------------------------------------------------------------------------------


def freed_while_marking(purpose: Purpose, npages: int) -> str:
    told: list[EventBase] = []
    heap, actor = Heap(1, on_event=told.append), Actor(0, 0)
    heap.malloc(100)
    heap.run(StartCycle(0))
    pages = heap.state.pages
    told.extend(allocate(pages, actor, npages))
    taken = told[-1]
    assert isinstance(taken, hev.HeapAllocates)
    span = taken.span
    told.append(make_manual(pages, actor, span, purpose))
    told.extend(free_manual(pages, actor, span, heap.state.generation(span)))
    assert isinstance(told[-1], hev.Coalesces)
    return judged(told, header_for(AMD64, 1, len(told), "manual"))


def test_the_bitmap_of_a_variable_on_a_stack_is_of_any_size_and_freed_while_marking() -> None:
    """runtime.materializeGCProg makes one, for a variable of more than 128 KB with pointers."""
    assert freed_while_marking("gc", 1) == ""
    assert freed_while_marking("other", 3) == ""


def test_stacks_are_not_freed_while_marking() -> None:
    assert freed_while_marking("stack", 4) == "I-25 hf phase in which a span of stacks is freed"


# --- Ps -------------------------------------------------------------------------------------------


def test_nobody_allocates_without_a_p_once_there_is_one(procs: Trace) -> None:
    events = list(procs.events)
    seen = 0
    for place, event in enumerate(events):
        if isinstance(event, ev.Malloc | ev.TinyHit) and event.p == 0:
            seen += 1
            if seen > 1:
                wrong = [*events[:place], replace(event, p=-1)]
                assert judged(wrong, procs.header).startswith("MC-14 ")
            if seen == 20:
                return


def test_a_p_has_its_mcache_before_the_next_is_allocated(procs: Trace) -> None:
    events = list(procs.events)
    place = next(
        n
        for n, (one, other) in enumerate(pairwise(events))
        if isinstance(one, ev.ProcGetsMcache) and one.id > 0 and isinstance(other, ev.Malloc)
    )
    wrong = [*events[:place], events[place + 1], events[place]]
    assert judged(wrong, procs.header).startswith("MC-14 m allocations while Ps ")


@pytest.mark.parametrize("more", [-1, 1])
def test_as_many_ps_are_made_or_dropped_as_there_are_to_be(procs: Trace, more: int) -> None:
    """The world is stopped up to then: nobody but who does so acts, or goes on with its program."""
    events = list(procs.events)
    for place, event in enumerate(events):
        if isinstance(event, ev.ProcResize):
            changed = replace(event, procs=event.procs + more)
            wrong = [*events[:place], changed, *events[place + 1 :]][: place + 600]
            assert judged(wrong, procs.header) != "", place


def test_the_number_of_ps_stays_where_a_cycle_starts_the_world(procs: Trace) -> None:
    events = list(procs.events)
    starts = [n for n, one in enumerate(events) if isinstance(one, ev.ProcResize)]
    for cause in (ev.PhaseChanges, ev.SweepPhaseStarts):
        place = next(n for n in starts if isinstance(events[n - 1], cause))
        changed = replace(events[place], procs=2)
        found = judged([*events[:place], changed], procs.header)
        assert found == "MC-14 np number of Ps, in a cycle as before"


def test_nobody_else_acts_while_ps_are_made_or_dropped(procs: Trace) -> None:
    events = list(procs.events)
    place = next(n for n, one in enumerate(events) if isinstance(one, ev.ProcGetsMcache))
    early = events[: place - 2]
    other = ev.CentralMisses(p=-1, thread=9, span=-1, base_page=-1, spanclass=8, sweepgen=0)
    assert judged([*early, other], procs.header).startswith("MC-14 cm who acts while Ps ")


def test_who_has_set_the_number_of_ps_is_done_before_another_thread_ends_a_cycle() -> None:
    heap, thread = Heap(1), RecordedThread(7)
    thread.resizing = procresize(heap.state, Actor(0, 7), 2)
    thread.courses.append(thread.resizing)
    assert isinstance(next(thread.resizing), ev.ProcResize)
    thread.come_to_rest(stops=True)
    assert thread.courses == [thread.resizing]
    with pytest.raises(Diverged, match="at rest"):
        thread.come_to_rest(stops=False)


# --- sweep buffers --------------------------------------------------------------------------------


def test_several_that_find_a_sweep_buffer_drained_at_once_come_further_below_it() -> None:
    """The index falls with each, and rises again as they find nothing."""
    told: list[EventBase] = []
    assert Racing(28, 4, told.append).run(2000).failure is None
    place = next(n for n, one in enumerate(told) if isinstance(one, ev.BufferPop) and one.span < 0)
    nothing, header = told[place], header_for(AMD64, 4, place + 1, "drained")
    for slot, text in ((-1, ""), (-2, ""), (-99, "SWP-11 po x")):
        changed = replace(nothing, place=slot)
        found = judged([*told[:place], changed], header)
        assert found.split(" ")[:2] == text.split(" ")[:2], found


def test_a_schedule_of_one_thread_is_a_recording_of_one_p() -> None:
    """Where nobody comes between, a step has happened just when it can have happened first."""
    for seed in (600, 7):
        assert Racing(seed, 1).run(1200).failure is None


# --- when, and on which P -------------------------------------------------------------------------


@pytest.mark.parametrize("by", ["finish", "sync"])
def test_what_is_swept_with_the_world_stopped_is_swept_at_no_other_time(
    by: ev.Popper, holes: Trace
) -> None:
    start = next(
        place
        for place, event in enumerate(holes.events)
        if isinstance(event, ev.BufferPop) and event.by in ("bg", "GC") and event.span >= 0
    )
    events = list(holes.events)
    popped = events[start]
    assert isinstance(popped, ev.BufferPop)
    for place in range(start, len(events)):
        event = events[place]
        if isinstance(event, ev.BufferPop | ev.SweepClaim) and event.by == popped.by:
            events[place] = replace(event, by=by)
    problem = Replay(holes.header).run(events)
    assert problem is not None
    assert problem.line == start + 1
    assert problem.rule == {"finish": "SWP-33", "sync": "SWP-35"}[by]
    assert problem.what == f"sweeping by {by}"


OPERATIONS: dict[str, tuple[type[EventBase], type[EventBase]]] = {
    "refill": (ev.RefillBegins, ev.RefillEnds),
    "start of a cycle": (ev.CycleStarts, ev.ProcResize),
    "end of marking": (ev.PhaseChanges, ev.ProcResize),
}


@pytest.mark.parametrize("what", OPERATIONS)
def test_only_the_first_thread_has_no_p_and_only_up_to_the_first(what: str, procs: Trace) -> None:
    begins, ends = OPERATIONS[what]
    start = next(
        place
        for place, event in enumerate(procs.events)
        if type(event) is begins
        and event.p >= 0
        and (not isinstance(event, ev.PhaseChanges) or event.phase == 2)
    )
    first = procs.events[start]
    assert isinstance(first, ThreadEvent)
    events = list(procs.events)
    for place in range(start, len(events)):
        event = events[place]
        if isinstance(event, ThreadEvent) and event.thread == first.thread:
            events[place] = replace(event, p=-1)
            if isinstance(event, ends):
                break
    problem = Replay(procs.header).run(events)
    assert problem is not None
    assert (problem.line, problem.rule) == (start + 1, "MC-14")
    assert problem.expected == "one, as the first was there"
