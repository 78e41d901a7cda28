"""The protocol runs: every step keeps the invariant, in any order, across the wrap-around."""

import random
from collections import Counter

import pytest
from msgspec.structs import replace

from spanspec.base.ids import ProcId, SlotId, SpanId, ThreadId
from spanspec.sharing.invariant import places
from spanspec.sharing.invariant.invariant import is_initial, sharing_holds
from spanspec.sharing.steps.steps import STEPS, Successor, enabled
from spanspec.sharing.tables.finite import Finite, Size, initial
from spanspec.sharing.tables.records import HELD, NO_SPAN, SWEEPING, Sharing
from spanspec.span.listing import EMPTY, NONEMPTY, NOWHERE, moved

WRAP = (1 << 32) - 2
PLACES = (
    places.is_in_heap,
    places.is_large_object,
    places.is_being_moved,
    places.is_in_cache,
    places.is_in_nonempty,
    places.is_in_empty,
)


def walk(seed: int, size: Size, steps: int, start: int) -> list[Successor]:
    """Take random steps; those that begin an operation are chosen as often as others."""
    rng = random.Random(seed)
    state, taken = initial(start, size), []
    for _ in range(steps):
        by_name: dict[str, list[Successor]] = {}
        for possible in enabled(state):
            by_name.setdefault(possible.step.name, []).append(possible)
        chosen = rng.choice(by_name[rng.choice(sorted(by_name))])
        taken.append(chosen)
        state = chosen.after
    return taken


@pytest.mark.parametrize("seed", range(3))
def test_a_running_system_keeps_the_invariant_across_the_wrap_around(seed: int) -> None:
    """The functions that are proved for any number of identities also run: every step occurs."""
    run = walk(seed, Size(spans=3, procs=2, threads=3, classes=2), 2500, WRAP - 6)
    happened = Counter(taken.step.name for taken in run)
    for taken in run:
        assert sharing_holds(taken.after), taken.step.name
    assert set(happened) == {step.name for step in STEPS}
    assert run[-1].after.sweepgen < WRAP - 6, "the run did not cross the wrap-around"


def test_in_every_state_a_span_is_in_exactly_one_place() -> None:
    seen = set()
    for taken in walk(7, Size(spans=3, procs=1, threads=3), 1500, 8):
        for span in taken.after.spans:
            where = [place.__name__ for place in PLACES if place(taken.after, span)]
            assert len(where) == 1, (taken.step.name, span, where)
            seen.update(where)
    assert seen == {place.__name__ for place in PLACES}


def test_the_initial_system_is_initial_and_legal() -> None:
    state = initial(0, Size())
    assert is_initial(state)
    assert sharing_holds(state)
    assert not is_initial(replace(state, sweepgen=1))
    assert not sharing_holds(replace(state, sweepgen=1))


def test_the_invariant_can_fail() -> None:
    """Two owners of one span, an owner too few, and a span in no stack are all noticed."""
    state = next(
        taken.after
        for taken in walk(1, Size(spans=2, threads=3), 2000, 8)
        if any(taken.after.threads[t].task == SWEEPING for t in taken.after.threads)
        and not any(taken.after.threads[t].task == HELD for t in taken.after.threads)
    )
    assert sharing_holds(state)
    sweeper = next(t for t in state.threads if state.threads[t].task == SWEEPING)
    other = next(t for t in state.threads if t != sweeper)
    twice = state.threads.set(other, state.threads[sweeper])
    assert not sharing_holds(replace(state, threads=twice))
    idle = state.threads.set(sweeper, initial(8, Size()).threads[ThreadId(0)])
    assert not sharing_holds(replace(state, threads=idle))
    span = state.threads[sweeper].span
    for change in ({"sweepgen": 5}, {"swept_at": state.sweepgen}, {"place": NOWHERE}):
        broken = replace(state.spans[span], **change)
        changed = replace(state, spans=state.spans.set(span, broken))
        assert sharing_holds(changed) == (change == {"place": state.spans[span].place})


def in_slot(state: Sharing) -> tuple[SlotId, SpanId]:
    """Return a cached span and its slot."""
    return next((t, state.slots[t].span) for t in state.slots if state.slots[t].span != NO_SPAN)


def test_a_cached_span_whose_slot_forgot_it_is_noticed() -> None:
    state = next(t.after for t in walk(2, Size(), 500, 8) if t.step.name == "install")
    slot, _ = in_slot(state)
    lost = state.slots.set(slot, replace(state.slots[slot], span=NO_SPAN))
    assert sharing_holds(state)
    assert not sharing_holds(replace(state, slots=lost))
    late = state.procs.set(ProcId(0), replace(state.procs[ProcId(0)], flush_gen=0))
    assert not sharing_holds(replace(state, procs=late))


def test_a_span_is_removed_from_the_list_that_it_is_in() -> None:
    assert moved(EMPTY, EMPTY, NONEMPTY) == NONEMPTY
    with pytest.raises(AssertionError, match="T-37"):
        moved(NONEMPTY, EMPTY, NONEMPTY)


def test_finite_tables_are_values() -> None:
    one = Finite((SpanId(0), SpanId(1)), ("a", "b"))
    two = one.set(SpanId(1), "c")
    assert (one[SpanId(1)], two[SpanId(1)], list(two)) == ("b", "c", [0, 1])
    assert one != two
    assert two.set(SpanId(1), "b") == one
    assert hash(two.set(SpanId(1), "b")) == hash(one)
    assert one != ("a", "b")


GHOSTS = ("owner", "popper", "pusher", "cacher", "swept_at")
"""Fields of a span that are there for the argument only; `filler` is that of a cache slot."""


def with_other_ghosts(state: Sharing, rng: random.Random) -> Sharing:
    """Return a system in which the witnesses are others; that of I-26 is asserted, so it stays."""
    spans, slots = state.spans, state.slots
    names = [ghost for ghost in GHOSTS if ghost != "swept_at"]
    for span in spans:
        spans = spans.set(span, replace(spans[span], **{one: rng.randrange(2) for one in names}))
    for slot in slots:
        slots = slots.set(slot, replace(slots[slot], filler=ThreadId(rng.randrange(2))))
    return replace(state, spans=spans, slots=slots)


def without_ghosts(state: Sharing) -> Sharing:
    """Return a system in which every ghost is 0."""
    spans, slots = state.spans, state.slots
    for span in spans:
        spans = spans.set(span, replace(spans[span], **dict.fromkeys(GHOSTS, 0)))
    for slot in slots:
        slots = slots.set(slot, replace(slots[slot], filler=ThreadId(0)))
    return replace(state, spans=spans, slots=slots)


def test_no_guard_and_no_effect_depends_on_a_ghost() -> None:
    rng = random.Random(5)
    seen: set[str] = set()
    for taken in walk(9, Size(spans=2, procs=2, threads=2), 400, 8):
        state = taken.after
        possible = [
            (one.step.name, one.chosen, without_ghosts(one.after)) for one in enabled(state)
        ]
        others = enabled(with_other_ghosts(state, rng))
        assert [
            (one.step.name, one.chosen, without_ghosts(one.after)) for one in others
        ] == possible
        seen.update(name for name, *_ in possible)
    assert len(seen) > 20
