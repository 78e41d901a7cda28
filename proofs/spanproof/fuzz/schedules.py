"""Hypothesis strategies for programs in which several Ps act at once, in an order of their own."""

from functools import partial

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from msgspec.structs import replace

from spanproof.fuzz.heapprogram import (
    AddSpecial,
    EnsureSwept,
    FinishCycle,
    FreeManual,
    FreeOsMemory,
    HeapProgram,
    Malloc,
    MarkEvery,
    PassTime,
    RemoveFinalizer,
    ScavengeAll,
    StartCycle,
    Step,
    Sweep,
    TakeManual,
    Task,
    Together,
)
from spanproof.fuzz.heapstrategies import LAST_GENERATIONS
from spanproof.fuzz.places import PLACES, Place

SIZES = (2048, 4096, 8192, 1024, 5000)
"""A program is about one of these, so that Ps meet in its lists; most spans hold few objects."""

HEAVY = 2_500_000
"""Bytes with which alive so little is left of 4 MiB that each span has sweeping to pay for."""

LARGE = (40_000, 40_000, 100_000)
COUNTS = (1, 2, 3, 5, 9, 20)


def ps() -> SearchStrategy[int]:
    """One of the Ps."""
    return st.integers(0, 3)


def allocations(size: int) -> SearchStrategy[Task]:
    """Allocations that need spans, most of them of one class."""
    small = st.builds(Malloc, st.just(size), st.sampled_from(COUNTS), ps())
    large = st.builds(Malloc, st.sampled_from(LARGE), st.integers(1, 3), ps())
    return st.one_of(small, small, small, small, small, large)


def places() -> SearchStrategy[Place]:
    """Where an operation looks for an object: mostly where there is one, or was one."""
    usual: SearchStrategy[Place] = st.sampled_from(("object", "object", "dead", "dead", "swept"))
    return st.one_of(usual, usual, st.sampled_from(tuple(PLACES)))


def tasks(size: int) -> SearchStrategy[Task]:
    """What a P may do while others do something else."""
    sweeps = st.builds(Sweep, st.sampled_from((1, 2, 5)), ps())
    others = st.one_of(
        st.builds(EnsureSwept, st.integers(0, 99), ps(), places()),
        st.builds(AddSpecial, st.integers(0, 9), st.just("finalizer"), ps(), places()),
        st.builds(RemoveFinalizer, st.integers(0, 9), ps(), places()),
        st.builds(TakeManual, st.sampled_from((4, 8)), st.just("stack"), ps()),
        st.builds(FreeManual, st.integers(0, 3), ps()),
        st.builds(ScavengeAll, ps()),
        st.builds(FreeOsMemory, ps()),
        st.builds(PassTime, st.sampled_from((1, 1000)), ps()),
    )
    return st.one_of(allocations(size), allocations(size), sweeps, sweeps, others)


def orders() -> SearchStrategy[tuple[int, ...]]:
    """Orders with few switches, and such with many; shorter ones are simpler."""
    few = st.lists(st.sampled_from((0, 0, 0, 0, 1, 2, 3)), max_size=30)
    many = st.lists(st.integers(0, 3), min_size=4, max_size=30)
    return st.one_of(few, few, many).map(tuple)


def togethers(size: int) -> SearchStrategy[tuple[Step, ...]]:
    """Several tasks at once, on all Ps or some."""
    each = st.tuples(*[tasks(size).map(partial(moved, p=p)) for p in range(4)])
    several = st.one_of(st.lists(tasks(size), min_size=2, max_size=6).map(tuple), each)
    return st.builds(lambda chosen, order: (Together(chosen, order),), several, orders())


def moved(task: Task, p: int) -> Task:
    """Return a task on another P."""
    return replace(task, p=p)


def cycles() -> SearchStrategy[tuple[Step, ...]]:
    """A whole cycle, after which there is something to sweep; or two of them.

    After two, spans that were in caches are unswept, and in the nonempty lists. Where most objects
    are alive, some spans stay full beside others that do not.
    """
    mark = st.builds(MarkEvery, st.sampled_from((1, 2, 3, 4)), st.integers(0, 3))
    most = st.just([MarkEvery(4, 0), MarkEvery(4, 1), MarkEvery(4, 2)])
    some = st.one_of(st.lists(mark, max_size=3), most)
    once = some.map(lambda marks: (StartCycle(), *marks, FinishCycle()))
    return st.one_of(once, once, st.builds(lambda one, other: (*one, *other), once, once))


def rounds(size: int) -> SearchStrategy[tuple[Step, ...]]:
    """Allocations, a cycle, and several Ps at once while spans are swept."""
    return st.builds(
        lambda made, cycle, at_once, after: (*made, *cycle, *at_once, *after),
        st.lists(allocations(size), min_size=1, max_size=4),
        cycles(),
        togethers(size),
        st.one_of(st.just(()), tasks(size).map(lambda task: (task,)), togethers(size)),
    )


def scheduled_programs() -> SearchStrategy[HeapProgram]:
    """One or two rounds with objects of one size, and large ones."""
    parts = st.sampled_from(SIZES).flatmap(
        lambda size: st.lists(rounds(size), min_size=1, max_size=2)
    )
    first = st.sampled_from(((), (Malloc(HEAVY),)))
    return st.builds(
        lambda heavy, several, sweepgen: HeapProgram(
            (*heavy, *(step for one in several for step in one)), 4, sweepgen
        ),
        first,
        parts,
        st.sampled_from((0, 0, *LAST_GENERATIONS)),
    )
