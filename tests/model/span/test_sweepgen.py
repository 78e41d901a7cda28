"""The sweepgen state machine, and tiny blocks."""

import pytest

from spanspec.base.steps import NotAStep
from spanspec.heap.state.advancing import after
from spanspec.span.sweepgen import (
    claim_for_sweep,
    enter_cache,
    generation_of_new_span,
    is_legal,
    leave_cache,
    next_cycle,
    publish_swept,
    retire_full,
)
from spanspec.span.tiny import (
    NO_TINY_BLOCK,
    TAKE_TINY,
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
    assert (hits, blocks, block) == (3, 4, TinyBlock(c, 12, allocs=3))


def test_a_tiny_object_that_does_not_fit_is_refused() -> None:
    with pytest.raises(NotAStep, match="take-tiny"):
        after(NO_TINY_BLOCK, TAKE_TINY, 8)
