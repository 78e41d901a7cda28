"""What the runtime did is a run of the proved protocol; a history that is none is noticed."""

import random
from collections import Counter
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from msgspec.structs import replace

from spanproof.cli.app import run
from spanproof.cli.simulate import save_trace
from spanproof.mutation.corruption import read_trace
from spanproof.simulate.racing import Racing
from spanproof.support.traces import bundled_traces
from spanspec.events import heap_events as hev
from spanspec.events import span_events as ev
from spanspec.events.fields import EventBase
from spanspec.following.agreement import disagreements
from spanspec.following.follower import Follower
from spanspec.following.run import BY_NAME, NotAStep
from spanspec.heap import Heap
from spanspec.heap.program import Allocate, FinishCycle, FlushMcaches, StartCycle

TRACES = {path.name.removesuffix(".jsonl.gz"): path for path in bundled_traces()}

RACES = range(20, 26)
"""Seeds of schedules that together take every step."""


@cache
def recorded(name: str) -> list[EventBase]:
    return list(read_trace(TRACES[name]).events)


@cache
def raced(seed: int) -> list[EventBase]:
    told: list[EventBase] = []
    assert Racing(seed, 4, told.append).run(6000).failure is None
    return told


def follow(history: list[EventBase]) -> Counter[str]:
    follower = Follower()
    for event in history:
        follower.follow(event)
    follower.finish()
    return follower.run.taken


@pytest.mark.parametrize("name", sorted(TRACES))
def test_a_recorded_trace_is_a_run_of_the_protocol(name: str) -> None:
    taken = follow(recorded(name))
    assert taken["install"] > 0
    assert taken.total() > 500


def test_schedules_of_several_threads_are_runs_of_the_protocol_and_take_every_step() -> None:
    taken: Counter[str] = Counter()
    for seed in RACES:
        taken += follow(raced(seed))
    assert set(taken) == set(BY_NAME)


KINDS = [
    ev.Malloc,
    ev.RefillBegins,
    ev.RefillEnds,
    ev.ReleaseAll,
    ev.Uncache,
    ev.UncacheToNonempty,
    ev.PrepareForSweep,
    ev.CentralTakes,
    ev.CentralChecksRoom,
    ev.CentralGrows,
    ev.CentralFreesSpan,
    ev.BufferPop,
    ev.SweepDrops,
    ev.SweepClaim,
    ev.SweepResult,
    ev.BufferPush,
    ev.SweepPhaseStarts,
    hev.SpanInUse,
    hev.HeapFrees,
]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_history_that_lacks_a_step_is_no_run(kind: type[EventBase]) -> None:
    noticed = 0
    for seed in RACES:
        history = raced(seed)
        places = [place for place, event in enumerate(history[:-200]) if type(event) is kind]
        for place in random.Random(seed).sample(places, min(3, len(places))):
            try:
                follow(history[:place] + history[place + 1 :])
            except NotAStep:
                noticed += 1
    assert noticed > 0


def test_a_read_that_cannot_have_been_made_is_noticed() -> None:
    history = recorded("small-classes")
    place = next(n for n, event in enumerate(history) if isinstance(event, ev.SweepDrops))
    dropped = history[place]
    assert isinstance(dropped, ev.SweepDrops)
    seen = replace(dropped, why="gen" if dropped.why == "state" else "state")
    with pytest.raises(NotAStep, match="never as it was seen"):
        follow([*history[:place], seen])


def test_a_claim_that_was_seen_has_to_be_told_before_the_cycle_ends() -> None:
    history = recorded("small-classes")
    place = next(n for n, event in enumerate(history) if isinstance(event, ev.BufferPop))
    popped = history[place]
    assert isinstance(popped, ev.BufferPop)
    skip = ev.CentralSkips(
        p=0,
        thread=0,
        span=popped.span,
        base_page=0,
        spanclass=0,
        list="E",
        sweepgen=2,
        not_before=place,
    )
    with pytest.raises(NotAStep, match="Ps that run"):
        follow([*history[:place], skip])
    several = ev.ProcResize(p=0, thread=0, procs=2, old=1)
    lost = ev.SweepDrops(
        p=popped.p,
        thread=popped.thread,
        span=popped.span,
        base_page=0,
        why="gen",
        sweepgen=0,
        state=1,
        not_before=place,
    )
    follower = Follower()
    for event in (*history[:place], several, popped, skip, lost):
        follower.follow(event)
    follower.finish()
    with pytest.raises(NotAStep, match="claim was seen that nobody told"):
        follower.follow(ev.SweepPhaseStarts(p=0, thread=0, sweepgen=4, mode=0, arenas=1))


# --- the heap beside the protocol ---------------------------------------------------------------


def heap_and_follower() -> tuple[Heap, Follower]:
    follower = Follower()
    heap = Heap(2, on_event=follower.follow)
    small = [Allocate(number % 2, 16 << number % 8) for number in range(60)]
    for request in (*small, StartCycle(0), FinishCycle(0), *small, FlushMcaches(0), *small[:9:2]):
        heap.step(request)
    return heap, follower


def lose_sweepgen(heap: Heap) -> None:
    heap.state.sweepgen += 2


def lose_span(heap: Heap) -> None:
    del heap.state.spans[next(iter(heap.state.mcaches[0].alloc.values()))]


def lose_cached_span(heap: Heap) -> None:
    heap.state.mcaches[0].alloc.clear()


def lose_listed_span(heap: Heap) -> None:
    central = next(one for one in heap.state.central if list(one.nonempty))
    central.nonempty.remove(next(iter(central.nonempty)))


def lose_flush(heap: Heap) -> None:
    heap.state.mcaches[0].flush_gen += 2


def swap_cached_spans(heap: Heap) -> None:
    alloc = heap.state.mcaches[0].alloc
    first, second = list(alloc)[:2]
    alloc[first], alloc[second] = alloc[second], alloc[first]


def test_a_heap_agrees_with_the_protocol_that_follows_it() -> None:
    heap, follower = heap_and_follower()
    assert list(disagreements(heap.state, follower.run.state)) == []


@pytest.mark.parametrize(
    ("lose", "told"),
    [
        (lose_sweepgen, "sweepgen"),
        (lose_span, "in use in the protocol only"),
        (lose_cached_span, "spans in the mcaches"),
        (lose_listed_span, "in the heap"),
        (lose_flush, "flushGen"),
        (swap_cached_spans, "for class"),
    ],
)
def test_a_heap_that_drifts_from_the_protocol_is_noticed(
    lose: Callable[[Heap], None], told: str
) -> None:
    heap, follower = heap_and_follower()
    lose(heap)
    assert any(told in one for one in disagreements(heap.state, follower.run.state))


# --- by command -----------------------------------------------------------------------------------


def test_check_tells_how_many_steps_a_trace_is(capsys: pytest.CaptureFixture[str]) -> None:
    path = str(TRACES["small-fill"])
    assert run(["check", "--protocol", path]) == 0
    steps = follow(recorded("small-fill")).total()
    assert f"{steps} steps of the protocol" in capsys.readouterr().out
    assert run(["check", "--protocol", "--json", path]) == 0
    assert f'"protocol_steps": {steps}' in capsys.readouterr().out


def test_check_shows_the_event_that_is_no_step(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    racing = Racing(20, 4)
    path = tmp_path / "raced.jsonl"
    save_trace(path, racing.header(len(raced(20))), raced(20))
    monkeypatch.setitem(BY_NAME, "push", BY_NAME["push"]._replace(may=lambda *_: False))
    assert run(["check", "--protocol", str(path)]) == 1
    shown = capsys.readouterr().out
    assert "step of the sharing protocol" in shown
    assert "push is not possible: heap sweepgen" in shown
