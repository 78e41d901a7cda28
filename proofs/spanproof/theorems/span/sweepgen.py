"""The sweepgen state machine of one span, at every sweepgen, across the wrap-around."""

from collections.abc import Callable
from itertools import combinations
from typing import Final

import z3

from spanproof.prove.proof import Proof, obligation
from spanproof.symbolic.bitvectors import Words
from spanspec.base.words import U32
from spanspec.span.sweepgen import (
    claim_for_sweep,
    enter_cache,
    generation_of_new_span,
    is_cached,
    is_legal,
    is_legal_between_cycles,
    is_legal_transition,
    is_stale,
    is_sweeping,
    is_swept,
    leave_cache,
    needs_sweep,
    next_cycle,
    publish_swept,
    rank,
    retire_full,
)

WORDS = Words(32)
LAST = 0xFFFF_FFFE
"""The last even sweepgen: the next cycle begins at 0 again."""


@obligation("sweepgen.states", "SWP-1 SWP-2 SWP-5", WORDS)
def states_exclude_each_other(p: Proof) -> None:
    """The five legal states are distinct at every sg, so that a generation has one meaning."""
    sg, gen = p.number(U32, "sg"), p.number(U32, "gen")
    states = [
        p.holds(rule, sg, gen) for rule in (needs_sweep, is_sweeping, is_swept, is_stale, is_cached)
    ]
    pairs = [z3.Not(z3.And(one, other)) for one, other in combinations(states, 2)]
    p.show("at most one", z3.And(*pairs))
    p.show("one iff legal", p.holds(is_legal, sg, gen) == z3.Or(*states))
    for number, state in enumerate(states):
        p.possible(f"state {number} at the wrap-around", z3.And(state, sg == 0))


TRANSITIONS: Final = ((-2, -1), (-1, 0), (0, 3), (3, 0), (1, -1))
"""The legal changes of a span's generation, relative to sg (SWP-3)."""

RANKS: Final = ((-2, 0), (1, 0), (-1, 1), (0, 2), (3, 2))
"""How far a span is in its cycle, by its generation relative to sg (SWP-41)."""


@obligation("sweepgen.transitions", "SWP-3 SWP-5 SWP-41 I-22", WORDS)
def every_transition_ends_in_the_state_it_names(p: Proof) -> None:
    """Each legal transition of one span leads to the state that SWP-3 names, at every sg; no other
    is legal. A span's rank in its cycle is 0 at sg-2 and sg+1, 1 at sg-1, 2 at sg and sg+3.
    """
    sg, gen = p.number(U32, "sg"), p.number(U32, "gen")

    def shows(
        step: Callable[[U32, U32], U32],
        before: Callable[[U32, U32], bool],
        after: Callable[[U32, U32], bool],
    ) -> None:
        given = p.holds(before, sg, gen)
        result = p.integer_given(given, step, sg, gen)
        p.show(step.__name__, p.holds(after, sg, result), given)
        p.possible(f"{step.__name__} at the wrap-around", z3.And(given, sg == 0))

    shows(enter_cache, is_swept, is_cached)
    shows(retire_full, is_cached, is_swept)
    shows(leave_cache, is_cached, is_swept)
    shows(leave_cache, is_stale, is_sweeping)
    shows(claim_for_sweep, needs_sweep, is_sweeping)
    shows(publish_swept, is_sweeping, is_swept)
    p.show("new spans are swept", p.holds(is_swept, sg, p.integer(generation_of_new_span, sg)))
    before, after = p.number(U32, "before"), p.number(U32, "after")
    listed = z3.Or(
        after == before,
        *(z3.And(before == sg + old, after == sg + new) for old, new in TRANSITIONS),
    )
    p.show("no other", p.holds(is_legal_transition, sg, before, after) == listed)
    for offset, expected in RANKS:
        p.show(f"rank of sg{offset:+}", p.integer(rank, sg, sg + offset) == expected)


@obligation("sweepgen.relabel", "SWP-2 SWP-3 SWP-4 SWP-41", WORDS)
def relabel_turns_swept_into_unswept(p: Proof) -> None:
    """The next cycle turns swept spans into unswept and cached ones into stale, and sg stays
    even, across the wrap-around at 2**32.
    """
    sg, gen = p.number(U32, "sg"), p.number(U32, "gen")
    p.assume(sg & 1 == 0, p.holds(is_legal_between_cycles, sg, gen))
    after = p.integer(next_cycle, sg)
    p.show("even", after & 1 == 0)
    p.show("swept needs sweeping", p.holds(is_swept, sg, gen) == p.holds(needs_sweep, after, gen))
    p.show("cached is stale", p.holds(is_cached, sg, gen) == p.holds(is_stale, after, gen))
    p.possible("the wrap-around", z3.And(sg == LAST, after == 0))
