"""Hypothesis strategies for programs, biased to the edges of words, spans and generations."""

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from spanproof.fuzz.program import (
    Allocate,
    Flush,
    MarkEvery,
    MarkFree,
    Program,
    Refill,
    Retire,
    StartCycle,
    Step,
    Sweep,
)

EDGE_COUNTS = [1, 2, 62, 63, 64, 65, 66, 127, 128, 129, 1024]
EDGE_CLASSES = [1, 2, 5, 9, 7, 8, 4, 50, 66, 0]
"""1024, 512, 128, 64, 85, 73, 170 and 1 slots, and a large span."""
LAST_GENERATIONS = [(1 << 32) - 2, (1 << 32) - 4, (1 << 32) - 6]


def steps() -> SearchStrategy[Step]:
    """Any step; allocation and the parts of a cycle come up most."""
    counts = st.sampled_from(EDGE_COUNTS) | st.integers(1, 70)
    return st.one_of(
        st.builds(Allocate, counts),
        st.just(Refill()),
        st.just(StartCycle()),
        st.just(Flush()),
        st.just(Sweep()),
        st.just(Retire()),
        st.builds(MarkEvery, st.sampled_from([1, 2, 3, 63, 64, 65]), st.integers(0, 64)),
        st.builds(MarkFree, st.integers(0, 70)),
    )


def cycles() -> SearchStrategy[tuple[Step, ...]]:
    """What a cycle does to a cached span: mark, raise the generation, flush, cache again."""
    marks = st.builds(MarkEvery, st.sampled_from([1, 2, 3, 64]), st.integers(0, 3))
    counts = st.sampled_from(EDGE_COUNTS)
    return st.builds(
        lambda count, mark: (Allocate(count), mark, StartCycle(), Flush(), Refill()), counts, marks
    )


def retirements() -> SearchStrategy[tuple[Step, ...]]:
    """What happens to a span that is filled: retired, swept by somebody, cached again."""
    marks = st.builds(MarkEvery, st.sampled_from([1, 2, 3, 64]), st.integers(0, 3))
    return st.builds(
        lambda mark: (Allocate(1024), Retire(), mark, StartCycle(), Sweep(), Refill()), marks
    )


def programs(max_parts: int = 12) -> SearchStrategy[Program]:
    """Any program of up to so many parts: single steps, and runs of steps that belong together.

    A span starts uncached, so nearly every interesting program begins with a refill. Single steps
    come first among the choices, so that shrinking prefers them.
    """
    parts = st.one_of(steps().map(lambda step: (step,)), cycles(), retirements())
    generations = st.sampled_from([0, *LAST_GENERATIONS])
    generations |= st.integers(0, (1 << 31) - 1).map(lambda half: 2 * half)
    return st.builds(
        lambda size_class, body, noscan, sweepgen: Program(
            size_class, (Refill(), *(step for part in body for step in part)), noscan, sweepgen
        ),
        st.sampled_from(EDGE_CLASSES) | st.integers(1, 66),
        st.lists(parts, max_size=max_parts),
        st.booleans(),
        generations,
    )
