"""The replay takes the proved steps: what the runtime did is a run of them, else it shows."""

import random
from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache

import pytest
from msgspec.structs import replace

from spanproof.cli.app import run
from spanproof.mutation.corruption import read_trace
from spanproof.replay.following.kinds import KINDS as ABOUT
from spanproof.replay.following.kinds import LEAVES_ALIKE
from spanproof.replay.following.latereads import LateReads
from spanproof.replay.following.replay import Replay
from spanproof.replay.following.verdict import Diverged
from spanproof.replay.format.schema import Header, spans_of
from spanproof.simulate.agreement import disagreements
from spanproof.simulate.judging import header_for
from spanproof.simulate.schedules.racing import Racing
from spanproof.support.files.traces import bundled_traces
from spanspec.base.ids import ProcId, ThreadId
from spanspec.base.steps import NotAStep
from spanspec.events import heap_events as hev
from spanspec.events import span_events as ev
from spanspec.events.fields import EventBase
from spanspec.heap import Heap
from spanspec.heap.program import Allocate, FinishCycle, FlushMcaches, StartCycle
from spanspec.heap.state.taking import look_at_popped, take
from spanspec.pages.pageheap import Actor
from spanspec.pages.tables.runs import AMD64
from spanspec.sharing.invariant.invariant import sharing_holds
from spanspec.sharing.steps.steps import CLAIM_DIRECTLY, POP, STEPS
from spanspec.sharing.tables.growing import span_id
from spanspec.sharing.tables.records import IDLE, NO_SPAN, SWEEPING, UNUSED, Proc, is_idle
from spanspec.span.listing import EMPTY, NONEMPTY

TRACES = {path.name.removesuffix(".jsonl.gz"): path for path in bundled_traces()}

RACES = range(28, 32)
"""Seeds of schedules that together take every step."""


FOUR_PS = header_for(AMD64, 4, 0, "schedule")


@cache
def raced(seed: int) -> list[EventBase]:
    told: list[EventBase] = []
    assert Racing(seed, 4, told.append).run(2000).failure is None
    return told


def replayed(history: Sequence[EventBase], header: Header = FOUR_PS) -> Replay:
    """Replay a history to its end, at which the proved invariant has to hold."""
    replay = Replay(header, proves=True)
    assert replay.run(history) is None
    assert replay.finish() is None
    return replay


@pytest.mark.parametrize("name", sorted(TRACES))
def test_a_recorded_trace_is_a_run_of_the_protocol(name: str) -> None:
    trace = read_trace(TRACES[name])
    taken = replayed(trace.events, trace.header).state.taken
    assert taken["install"] > 0
    assert sum(taken.values()) > 100


def test_what_is_not_looked_at_again_after_an_event_is_as_it_was_before() -> None:
    seen = set[type[EventBase]]()
    for seed in RACES[:2]:
        replay = Replay(FOUR_PS)
        state = replay.state
        for event in raced(seed):
            named = spans_of(event) if type(event) in LEAVES_ALIKE else set[int]()
            before = {one: (state.pages.runs[one].state, state.generation(one)) for one in named}
            assert replay.run((event,)) is None
            after = {one: (state.pages.runs[one].state, state.generation(one)) for one in named}
            assert after == before, (replay.line, event)
            if named:
                seen.add(type(event))
    assert seen == LEAVES_ALIKE


def test_schedules_of_several_threads_are_runs_of_the_protocol_and_take_every_step() -> None:
    taken: Counter[str] = Counter()
    for seed in RACES:
        taken += Counter(replayed(raced(seed)).state.taken)
    assert set(taken) == {step.name for step in STEPS}


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
    noticed = tried = 0
    for seed in RACES:
        history = raced(seed)
        places = [place for place, event in enumerate(history[:-200]) if type(event) is kind]
        if places and tried < 2:
            place = random.Random(seed).choice(places)
            without = [*history[:place], *history[place + 1 : place + 1000]]
            noticed += Replay(FOUR_PS).run(without) is not None
            tried += 1
    assert tried > 0
    assert noticed == tried


def test_a_step_that_is_not_possible_is_a_divergence_that_says_why() -> None:
    replay = Replay(FOUR_PS)
    history = raced(28)
    place = next(n for n, event in enumerate(history) if isinstance(event, ev.SweepResult))
    assert replay.run(history[:place]) is None
    sharing = replay.state.sharing
    sweeper = next(one for one in sharing.threads if sharing.threads[one].task == SWEEPING)
    sharing.threads.set(sweeper, replace(sharing.threads[sweeper], task=IDLE))
    problem = replay.run(history[place : place + 1])
    assert problem is not None
    assert problem.what == "step of the model"
    assert problem.seen.startswith("examine is not possible: heap sweepgen")


# --- what is told late --------------------------------------------------------------------------


def popping() -> tuple[Heap, ThreadId, int]:
    """A heap with an unswept span, and a thread that has popped it and not looked at it."""
    heap = Heap(2)
    address = heap.malloc(40_000)
    heap.collect([address])
    state, span = heap.state, heap.span_of(address)
    thread = state.thread_of(Actor(0, 0))
    take(state, POP, thread, span_id(span), place=state.unswept.index - 1)
    return heap, thread, span


def test_a_popped_span_may_have_been_read_before_its_last_change() -> None:
    heap, thread, span = popping()
    state, reads = heap.state, LateReads()
    then = state.shared(span)
    popped = ev.BufferPop(
        p=0, thread=0, span=span, base_page=0, buffer=0, by="bg", place=0, not_before=0
    )
    reads.after(state, popped, ABOUT[type(popped)])
    freed = hev.HeapFrees(
        p=1, thread=1, span=span, base_page=0, state=1, needzero=0, npages=5, sweepgen=2
    )
    reads.before(state, freed)
    swept = replace(then, sweepgen=state.sweepgen, in_use=False)
    state.sharing.spans.set(span_id(span), swept)
    assert reads.past(thread, in_use=True) is then
    assert reads.past(thread, in_use=False) is None
    past = replace(then, sweepgen=state.sweepgen)
    assert not look_at_popped(state, thread, past)
    assert state.shared(span) is swept
    assert is_idle(state.sharing, thread)


def test_nobody_claims_a_span_as_it_was() -> None:
    heap, thread, span = popping()
    with pytest.raises(NotAStep, match="as it was"):
        look_at_popped(heap.state, thread, replace(heap.state.shared(span)))


def test_who_lost_a_span_to_a_claim_that_is_told_later_waits_and_another_goes_on() -> None:
    heap, thread, span = popping()
    state, reads = heap.state, LateReads()
    reads.wait(thread, span)
    other = reads.stand_in(thread)
    assert other != thread
    assert is_idle(state.sharing, other)
    assert sharing_holds(state.sharing)
    claimer = state.thread_of(Actor(1, 1))
    take(state, CLAIM_DIRECTLY, claimer, span_id(span))
    reads.claimed(state, span)
    assert is_idle(state.sharing, thread)
    assert reads.stand_in(thread) == thread
    assert sharing_holds(state.sharing)
    late, thread, span = popping()
    reads.wait(thread, span)
    with pytest.raises(NotAStep, match="claimed twice"):
        reads.claimed(late.state, span)


def test_a_read_that_cannot_have_been_made_is_noticed() -> None:
    noticed = 0
    for seed in RACES:
        history = raced(seed)
        places = [n for n, event in enumerate(history) if isinstance(event, ev.SweepDrops)]
        for place in places[:3]:
            dropped = history[place]
            assert isinstance(dropped, ev.SweepDrops)
            seen = replace(dropped, **({"why": "state", "state": 3} if dropped.state == 1 else {}))
            noticed += Replay(FOUR_PS).run([*history[:place], seen]) is not None
    assert noticed > 0


def test_a_claim_that_was_seen_has_to_be_told_before_the_cycle_ends() -> None:
    history: list[EventBase] = []
    assert Racing(113, 4, history.append).run(720).failure is None
    replay = Replay(FOUR_PS)
    for number in range(len(history)):
        assert replay.run(history[number : number + 1]) is None
        if replay.witness.claims_unseen:
            break
    with pytest.raises(Diverged) as told:
        replay.witness.sweep_pace()
    assert told.value.what == "spans of which a claim was seen, and never told"


# --- two heaps that took the same steps --------------------------------------------------------


def heap_and_replay() -> tuple[Heap, Replay]:
    told: list[EventBase] = []
    heap = Heap(2, on_event=told.append)
    small = [Allocate(number % 2, 16 << number % 8) for number in range(60)]
    for request in (*small, StartCycle(0), FinishCycle(0), *small, FlushMcaches(0), *small[:9:2]):
        heap.step(request)
    return heap, replayed(told, header_for(AMD64, 2, 0, "program"))


def lose_sweepgen(heap: Heap) -> None:
    heap.state.sharing = replace(heap.state.sharing, sweepgen=heap.state.sweepgen + 2)


def lose_span(heap: Heap) -> None:
    span = span_id(next(iter(heap.state.spans)))
    heap.state.sharing.spans.set(span, UNUSED)


def lose_cached_span(heap: Heap) -> None:
    sharing = heap.state.sharing
    slot = next(one for one in sharing.slots if sharing.slots[one].span != NO_SPAN)
    sharing.slots.set(slot, replace(sharing.slots[slot], span=NO_SPAN))


def lose_listed_span(heap: Heap) -> None:
    spans = heap.state.sharing.spans
    span = next(one for one in spans if spans[one].place == NONEMPTY)
    spans.set(span, replace(spans[span], place=EMPTY))


def lose_flush(heap: Heap) -> None:
    heap.state.sharing.procs.set(ProcId(0), Proc(heap.state.sweepgen + 2))


def test_a_replay_comes_to_the_state_of_the_heap_that_it_is_told_of() -> None:
    heap, replay = heap_and_replay()
    assert list(disagreements(heap.state.sharing, replay.state.sharing)) == []


@pytest.mark.parametrize(
    ("lose", "told"),
    [
        (lose_sweepgen, "sweepgen"),
        (lose_span, "span"),
        (lose_cached_span, "cache slot"),
        (lose_listed_span, "span"),
        (lose_flush, "flushGen"),
    ],
)
def test_a_heap_that_drifts_from_its_replay_is_noticed(
    lose: Callable[[Heap], None], told: str
) -> None:
    heap, replay = heap_and_replay()
    lose(heap)
    drifts = disagreements(heap.state.sharing, replay.state.sharing)
    assert any(told in one for one in drifts)


# --- by command -----------------------------------------------------------------------------------


def test_check_tells_how_many_steps_a_trace_is(capsys: pytest.CaptureFixture[str]) -> None:
    path = str(TRACES["small-fill"])
    assert run(["check", "--protocol", path]) == 0
    trace = read_trace(TRACES["small-fill"])
    steps = sum(replayed(trace.events, trace.header).state.taken.values())
    assert f"{steps} steps of the protocol" in capsys.readouterr().out
    assert run(["check", "--protocol", "--json", path]) == 0
    assert f'"protocol_steps": {steps}' in capsys.readouterr().out
