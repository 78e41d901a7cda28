"""The sweepgen state machine, the ownership protocol on a running system, and tiny blocks."""

import random

import immutables
import pytest
from msgspec.structs import replace

from spanspec import ownership
from spanspec.ownership import (
    NO_SPAN,
    CacheSlot,
    OwnedSpan,
    Ownership,
    Sweeper,
    ownership_holds,
)
from spanspec.sweepgen import (
    claim_for_sweep,
    enter_cache,
    generation_of_new_span,
    is_legal,
    leave_cache,
    next_cycle,
    publish_swept,
    retire_full,
)
from spanspec.tables import SlotId, SpanId, SweeperId
from spanspec.tiny import (
    NO_TINY_BLOCK,
    TinyBlock,
    align_tiny,
    replace_tiny_block,
    take_tiny,
    tiny_fits,
)

WRAP = (1 << 32) - 4


@pytest.mark.parametrize("start", [4, WRAP, 0, (1 << 31) - 2])
def test_ex_10_a_span_through_two_cycles(start: int) -> None:
    """EX-10, at its own generation and across the wrap-around."""
    m32 = (1 << 32) - 1
    sg = start
    gen = generation_of_new_span(sg)
    seen = [gen]
    gen = enter_cache(sg, gen)
    seen.append(gen)
    sg = next_cycle(sg)
    gen = leave_cache(sg, gen)
    seen.append(gen)
    gen = publish_swept(sg, gen)
    seen.append(gen)
    gen = enter_cache(sg, gen)
    seen.append(gen)
    gen = retire_full(sg, gen)
    seen.append(gen)
    sg = next_cycle(sg)
    gen = claim_for_sweep(sg, gen)
    seen.append(gen)
    gen = publish_swept(sg, gen)
    seen.append(gen)
    assert seen == [(start + d) & m32 for d in (0, 3, 1, 2, 5, 2, 3, 4)]


@pytest.mark.parametrize("sg", [0, 2, WRAP, WRAP + 2])
def test_only_the_legal_transitions_are_accepted(sg: int) -> None:
    m32 = (1 << 32) - 1
    accepted = {
        enter_cache: {0},
        retire_full: {3},
        leave_cache: {1, 3},
        claim_for_sweep: {-2},
        publish_swept: {-1},
    }
    for rule, allowed in accepted.items():
        for offset in range(-5, 7):
            gen = (sg + offset) & m32
            if offset in allowed:
                assert is_legal(sg, rule(sg, gen))
            else:
                with pytest.raises(AssertionError):
                    rule(sg, gen)


def system(sg: int) -> Ownership:
    """Four descriptors, three cache slots and three sweepers, all at rest."""
    old = (sg - 2) & ((1 << 32) - 1)
    return Ownership(
        sg,
        immutables.Map(
            {SpanId(s): OwnedSpan(False, 0, SlotId(0), SweeperId(0), 0) for s in range(5)}
        ),
        immutables.Map({SlotId(t): CacheSlot(NO_SPAN, sg if t else old) for t in range(3)}),
        immutables.Map({SweeperId(w): Sweeper(NO_SPAN) for w in range(3)}),
    )


def enabled(state: Ownership, rng: random.Random) -> list[tuple[str, Ownership]]:
    """Every transition that is enabled for one random choice of identities."""
    span, slot = SpanId(rng.randrange(5)), SlotId(rng.randrange(3))
    sweeper = SweeperId(rng.randrange(3))
    found: list[tuple[str, Ownership]] = []
    if ownership.may_allocate(state, span):
        found.append(("allocate", ownership.allocate_span(state, span)))
    if ownership.may_cache(state, slot, span):
        found.append(("cache", ownership.cache_span(state, slot, span)))
    if ownership.may_retire(state, slot):
        found.append(("retire", ownership.retire_span(state, slot)))
    if ownership.may_uncache(state, slot, sweeper):
        found.append(("uncache", ownership.uncache_span(state, slot, sweeper)))
    if ownership.may_flush(state, slot):
        found.append(("flush", ownership.flush_slot(state, slot)))
    if ownership.may_claim(state, span, sweeper):
        found.append(("claim", ownership.claim_span(state, span, sweeper)))
    if ownership.may_publish(state, sweeper):
        dead = rng.random() < 0.3
        found.append(("publish", ownership.publish_span(state, sweeper, dead)))
    if ownership.all_swept(state):
        found.append(("cycle", ownership.start_sweep_phase(state)))
    return found


@pytest.mark.parametrize("seed", range(4))
def test_a_running_system_keeps_the_invariant_across_the_wrap_around(seed: int) -> None:
    """The functions that are proved for any number of spans also run: every action occurs."""
    rng = random.Random(seed)
    state = system((WRAP - 40) & ((1 << 32) - 1))
    assert ownership_holds(state)
    happened: dict[str, int] = {}
    for _ in range(4000):
        choices = enabled(state, rng)
        if choices:
            name, state = rng.choice(choices)
            happened[name] = happened.get(name, 0) + 1
            assert ownership_holds(state), name
    assert set(happened) == {
        "allocate",
        "cache",
        "retire",
        "uncache",
        "flush",
        "claim",
        "publish",
        "cycle",
    }
    assert state.sweepgen < WRAP - 40, "the run did not cross the wrap-around"


def test_the_invariant_can_fail() -> None:
    state = system(8)
    spans = state.spans.set(SpanId(1), OwnedSpan(True, 7, SlotId(0), SweeperId(0), 6))
    assert not ownership_holds(replace(state, spans=spans))
    swept = Sweeper(SpanId(1))
    both = state.sweepers.set(SweeperId(0), swept)
    assert ownership_holds(replace(state, spans=spans, sweepers=both))
    twice = both.set(SweeperId(1), swept)
    assert not ownership_holds(replace(state, spans=spans, sweepers=twice))
    assert not ownership_holds(replace(state, sweepgen=9))


def test_ex_7_a_sequence_of_tiny_objects() -> None:
    block, fresh, placed, blocks, hits = NO_TINY_BLOCK, 0x1000, [], 0, 0
    for size in (5, 8, 3, 9, 2, 12, 13):
        if tiny_fits(block, size):
            placed.append((block.address, align_tiny(block.offset, size)))
            block = take_tiny(block, size)
            hits += 1
        else:
            placed.append((fresh, 0))
            block = replace_tiny_block(block, fresh, size)
            fresh += 16
            blocks += 1
    a, b, c, d = 0x1000, 0x1010, 0x1020, 0x1030
    assert placed == [(a, 0), (a, 8), (b, 0), (b, 3), (b, 12), (c, 0), (d, 0)]
    assert (hits, blocks, block) == (3, 4, TinyBlock(c, 12))


def test_a_tiny_object_that_does_not_fit_is_refused() -> None:
    with pytest.raises(AssertionError, match="MAL-6"):
        take_tiny(NO_TINY_BLOCK, 8)
