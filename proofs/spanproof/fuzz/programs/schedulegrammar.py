"""Programs in which several Ps act at once, in an order of their own, drawn choice by choice."""

from typing import Final

from msgspec.structs import replace

from spanproof.fuzz.programs.choices import Choices, between, pick
from spanproof.fuzz.programs.heapgrammar import LAST_GENERATIONS, Steps
from spanproof.fuzz.programs.heapprogram import (
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
from spanproof.fuzz.programs.places import PLACES, Place

SIZES: Final = (2048, 4096, 8192, 1024, 5000)
"""A program is about one of these, so that Ps meet in its lists; most spans hold few objects."""

HEAVY: Final = 2_500_000
"""Bytes with which alive so little is left of 4 MiB that each span has sweeping to pay for."""

LARGE: Final = (40_000, 40_000, 100_000)
COUNTS: Final = (1, 2, 3, 5, 9, 20)
PROCS: Final = 4
USUAL: Final[tuple[Place, ...]] = ("object", "object", "dead", "dead", "swept")
ALL_PLACES: Final[tuple[Place, ...]] = tuple(PLACES)
MOST_SWITCHES: Final = 30


def allocation(choices: Choices, size: int) -> Task:
    """Allocations that need spans, most of them of one class."""
    if choices.below(6) < 5:
        return Malloc(size, pick(choices, COUNTS), choices.below(PROCS))
    return Malloc(pick(choices, LARGE), between(choices, 1, 3), choices.below(PROCS))


def place(choices: Choices) -> Place:
    """Where an operation looks for an object: mostly where there is one, or was one."""
    return pick(choices, USUAL) if choices.below(3) < 2 else pick(choices, ALL_PLACES)


def task(choices: Choices, size: int) -> Task:
    """What a P may do while others do something else."""
    kind = choices.below(5)
    if kind < 2:
        return allocation(choices, size)
    p = choices.below(PROCS)
    if kind < 4:
        return Sweep(pick(choices, (1, 2, 5)), p)
    match choices.below(8):
        case 0:
            return EnsureSwept(choices.below(100), p, place(choices))
        case 1:
            return AddSpecial(choices.below(10), "finalizer", p, place(choices))
        case 2:
            return RemoveFinalizer(choices.below(10), p, place(choices))
        case 3:
            return TakeManual(pick(choices, (4, 8)), "stack", p)
        case 4:
            return FreeManual(choices.below(4), p)
        case 5:
            return ScavengeAll(p)
        case 6:
            return FreeOsMemory(p)
        case _:
            return PassTime(pick(choices, (1, 1000)), p)


def order(choices: Choices) -> tuple[int, ...]:
    """Draw an order with few switches, or one with many; shorter ones are simpler."""
    if choices.below(3) < 2:
        length = between(choices, 0, MOST_SWITCHES)
        return tuple([pick(choices, (0, 0, 0, 0, 1, 2, 3)) for _ in range(length)])
    length = between(choices, 4, MOST_SWITCHES)
    return tuple([choices.below(4) for _ in range(length)])


def together(choices: Choices, size: int) -> Together:
    """Several tasks at once, on all Ps or some."""
    if choices.below(2):
        tasks = [replace(task(choices, size), p=p) for p in range(PROCS)]
    else:
        tasks = [task(choices, size) for _ in range(between(choices, 2, 6))]
    return Together(tuple(tasks), order(choices))


def once(choices: Choices) -> Steps:
    """A cycle; where most objects are alive, some spans stay full beside others that do not."""
    marks: list[Step] = [MarkEvery(4, 0), MarkEvery(4, 1), MarkEvery(4, 2)]
    if choices.below(2) == 0:
        number = between(choices, 0, 3)
        marks = [MarkEvery(between(choices, 1, 4), choices.below(4)) for _ in range(number)]
    return (StartCycle(), *marks, FinishCycle())


def cycles(choices: Choices) -> Steps:
    """A whole cycle, after which there is something to sweep; or two of them.

    After two, spans that were in caches are unswept, and in the nonempty lists.
    """
    first = once(choices)
    return first if choices.below(3) < 2 else (*first, *once(choices))


def round_of(choices: Choices, size: int) -> Steps:
    """Allocations, a cycle, and several Ps at once while spans are swept."""
    made = [allocation(choices, size) for _ in range(between(choices, 1, 4))]
    cycle, at_once = cycles(choices), together(choices, size)
    after: Steps = ()
    match choices.below(3):
        case 1:
            after = (task(choices, size),)
        case 2:
            after = (together(choices, size),)
        case _:
            pass
    return (*made, *cycle, at_once, *after)


def scheduled_program(choices: Choices) -> HeapProgram:
    """Draw one or two rounds with objects of one size, and large ones."""
    heavy: Steps = (Malloc(HEAVY),) if choices.below(2) else ()
    size, sweepgen = pick(choices, SIZES), pick(choices, (0, 0, *LAST_GENERATIONS))
    steps = [*heavy]
    for _ in range(between(choices, 1, 2)):
        steps += round_of(choices, size)
    return HeapProgram(tuple(steps), PROCS, sweepgen)
