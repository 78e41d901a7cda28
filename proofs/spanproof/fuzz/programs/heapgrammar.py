"""Programs of a whole heap, drawn choice by choice, biased to where allocators go wrong."""

from collections.abc import Callable
from typing import Final

from msgspec.structs import replace

from spanproof.fuzz.programs.choices import Choices, between, pick
from spanproof.fuzz.programs.heapprogram import (
    AddSpecial,
    Answer,
    EnsureSwept,
    FinishCycle,
    FlushCaches,
    FreeManual,
    FreeOsMemory,
    HeapProgram,
    LookUp,
    Malloc,
    MarkAt,
    MarkEvery,
    PassTime,
    PhysicalPage,
    RemoveFinalizer,
    RunFinalizers,
    ScavengeAll,
    SetGcPercent,
    SetProcs,
    StartCycle,
    Step,
    Sweep,
    TakeManual,
)
from spanproof.fuzz.programs.places import PLACES, Place
from spanspec.events.heap_events import Purpose
from spanspec.span.specials import SpecialKind

SEAMS: Final = (0, 1, 8, 15, 16, 17, 1016, 1017, 1023, 1024, 1025, 32760, 32767, 32768, 32769)
TINY: Final = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 13, 14, 15)
SPAN_FILLERS: Final = (2048, 8192, 4096, 1024, 16384, 32768)
SMALL: Final = (8, 16, 48, 64, 100, 512)
LARGE: Final = (32769, 40960, 65536, 1 << 20, (1 << 20) + 1, 3 << 20)
ARENAS: Final = ((64 << 20) - 8192, 64 << 20, 65 << 20, 100 << 20)
IMPOSSIBLE: Final = ((1 << 48) - 8192, (1 << 48) + 1, (1 << 64) - 8192, (1 << 64) - 1)
COUNTS: Final = (1, 2, 3, 4, 5, 8, 63, 64, 65, 128, 130)
PERCENTAGES: Final = (-1, 0, 10, 100, 400, (1 << 31) - 1)
TIMES: Final = (-1, -1, -1, 0, 1000, 100_000)
ASSISTS: Final = (0, 0, 500, 1000, 4000, 10**6)
"""Microseconds that a cycle takes, -1 for one that is asked for, and those of assists."""

LAST_GENERATIONS: Final = ((1 << 32) - 2, (1 << 32) - 4)
PS: Final = (0,) * 10 + (1,) * 4 + (2, 3)
"""Mostly the first P, and sometimes one that there may not be."""

KINDS: Final[tuple[SpecialKind, ...]] = ("finalizer", "finalizer", "profile")
EVEN_KINDS: Final[tuple[SpecialKind, ...]] = ("finalizer", "profile")
STRAY_PLACES: Final[tuple[Place, ...]] = (*PLACES, "dead", "dead", "swept")
MARKED_PLACES: Final[tuple[Place, ...]] = ("free slot", "swept", "dead", "free slot", *PLACES)
"""Where something is marked while a cycle marks: mostly where nothing lives."""

PURPOSES: Final[tuple[Purpose, ...]] = ("stack", "other")
ANSWERS: Final[tuple[Answer, ...]] = ("grant", "grant", "refuse", "elsewhere", "below")
PHYSICAL: Final[tuple[PhysicalPage, ...]] = (4096, 4096, 16384, 65536)

Steps = tuple[Step, ...]
Part = Callable[[Choices], Steps]
"""Draws steps that belong together."""


def p_of(choices: Choices) -> int:
    """Choose a P."""
    return pick(choices, PS)


def size_of(choices: Choices) -> int:
    """Choose a size of any kind."""
    match choices.below(8):
        case 0:
            return pick(choices, SPAN_FILLERS)
        case 1:
            return pick(choices, SEAMS)
        case 2:
            return pick(choices, LARGE)
        case 3:
            return between(choices, 1, 1100)
        case 4:
            return between(choices, 1, 32768)
        case 5:
            return between(choices, 32769, 400_000)
        case 6:
            return pick(choices, ARENAS)
        case _:
            return pick(choices, IMPOSSIBLE)


def malloc(choices: Choices) -> Step:
    """Allocations: few of any size, or many small ones."""
    match choices.below(4):
        case 0:
            size, count, p = size_of(choices), between(choices, 1, 4), p_of(choices)
            return Malloc(size, count, p, bool(choices.below(2)), not choices.below(2))
        case 1:
            return Malloc(pick(choices, SMALL), pick(choices, COUNTS), p_of(choices))
        case 2:
            return Malloc(pick(choices, SPAN_FILLERS), pick(choices, COUNTS), p_of(choices))
        case _:
            return Malloc(pick(choices, TINY), between(choices, 1, 8), p_of(choices), True)


def special(choices: Choices) -> Step:
    """Finalizers and profile records, of the first objects mostly."""
    kind = choices.below(4)
    which = between(choices, 0, 3) if choices.below(2) == 0 else between(choices, 0, 99)
    if kind < 2:
        return AddSpecial(which, pick(choices, KINDS), p_of(choices))
    return RemoveFinalizer(which, p_of(choices)) if kind == 2 else RunFinalizers()


def elsewhere(choices: Choices) -> Step:
    """An operation on an address of any kind."""
    operation, at = choices.below(6), pick(choices, STRAY_PLACES)
    k = between(choices, 0, 3) if choices.below(2) == 0 else between(choices, 0, 99)
    match operation:
        case 0:
            return LookUp(k, at)
        case 1:
            return MarkAt(k, at)
        case 2:
            return EnsureSwept(k, p_of(choices), at)
        case 3:
            return AddSpecial(k, pick(choices, EVEN_KINDS), p_of(choices), at)
        case 4:
            return RemoveFinalizer(k, p_of(choices), at)
        case _:
            return FreeManual(k, p_of(choices), at)


def other(choices: Choices) -> Step:
    """Any other step."""
    match choices.below(16):
        case 0:
            return Sweep(pick(choices, (1, 1, 2, 1024)), p_of(choices))
        case 1:
            return StartCycle(p_of(choices))
        case 2:
            return MarkEvery(between(choices, 1, 4), between(choices, 0, 4), choices.below(2))
        case 3:
            return FinishCycle(p_of(choices))
        case 4:
            return MarkAt(between(choices, 0, 9))
        case 5:
            return EnsureSwept(between(choices, 0, 99), p_of(choices))
        case 6:
            return elsewhere(choices)
        case 7:
            return special(choices)
        case 8:
            return TakeManual(
                pick(choices, (4, 8, 256, 512)), pick(choices, PURPOSES), p_of(choices)
            )
        case 9:
            return FreeManual(between(choices, 0, 9), p_of(choices))
        case 10:
            return SetProcs(between(choices, 1, 4), p_of(choices))
        case 11:
            return FlushCaches(p_of(choices))
        case 12:
            return ScavengeAll(p_of(choices))
        case 13:
            return FreeOsMemory(p_of(choices))
        case 14:
            return SetGcPercent(pick(choices, PERCENTAGES), p_of(choices))
        case _:
            return PassTime(pick(choices, (1, 10, 1000, 100_000)), p_of(choices))


def single(choices: Choices) -> Steps:
    """One step."""
    return (malloc(choices) if choices.below(3) < 2 else other(choices),)


def end_of_cycle(choices: Choices, p: int = 0) -> FinishCycle:
    """The end of a cycle that was asked for, or of one that took its time, with assists or none."""
    took = pick(choices, TIMES)
    return FinishCycle(p, took, pick(choices, ASSISTS) if took >= 0 else 0)


def cycle(choices: Choices) -> Steps:
    """A whole cycle; of what lives, all, none, or a share."""
    p = p_of(choices)
    mark: Steps = ()
    if choices.below(2):
        mark = (MarkEvery(pick(choices, (1, 2, 3)), between(choices, 0, 2)),)
    born: Steps = (malloc(choices),) if choices.below(2) else ()
    # While it is marked, what is marked may be anywhere.
    stray: Steps = ()
    if choices.below(2):
        stray = (MarkAt(choices.below(10), pick(choices, MARKED_PLACES)),)
    after: Steps = (other(choices),) if choices.below(2) else ()
    return (StartCycle(p), *mark, *born, *stray, end_of_cycle(choices, p), *after)


def churn(choices: Choices) -> Steps:
    """A span or more is filled, loses some objects in a cycle, and is filled again."""
    size = pick(choices, (2048, 1024, 5000, 64, 700, 8192, 100))
    return (
        Malloc(size, pick(choices, COUNTS)),
        StartCycle(),
        MarkEvery(pick(choices, (1, 2, 3, 64)), between(choices, 0, 3)),
        FinishCycle(),
        Malloc(size, pick(choices, COUNTS)),
    )


def due(choices: Choices) -> Steps:
    """The finalizers that are due run, or stay due."""
    return (RunFinalizers(),) if choices.below(2) else ()


def ending(choices: Choices) -> Steps:
    """An object gets special records, and a cycle in which it may be found dead; or two cycles."""
    size, k, p = pick(choices, (64, 2048, 40_000)), between(choices, 0, 4), p_of(choices)
    kinds = [pick(choices, EVEN_KINDS) for _ in range(between(choices, 1, 2))]
    mark: Steps = (MarkEvery(between(choices, 2, 3)),) if choices.below(2) else ()
    again: Steps = ()
    if choices.below(2):
        again = (*due(choices), StartCycle(), FinishCycle(), Sweep(1024))
    return (
        Malloc(size, 4, p),
        *(AddSpecial(k, kind, p) for kind in kinds),
        StartCycle(p),
        *mark,
        FinishCycle(p),
        Sweep(1024, p),
        *again,
    )


def tiny_ending(choices: Choices) -> Steps:
    """Objects in one tiny block get special records, each of its own, before some or all die."""
    size = pick(choices, (2, 4, 5, 8))
    records: list[Step] = []
    for _ in range(between(choices, 1, 4)):
        which = between(choices, 0, 5)
        if choices.below(3) < 2:
            records.append(AddSpecial(which, pick(choices, KINDS)))
        else:
            records.append(RemoveFinalizer(which))
    mark: Steps = (MarkEvery(6, between(choices, 0, 5)),) if choices.below(2) else ()
    # What was there before is dead, so that the numbers are those of the new objects.
    return (
        StartCycle(),
        FinishCycle(),
        Malloc(size, 6, noscan=True),
        *records,
        StartCycle(),
        *mark,
        FinishCycle(),
        Sweep(1024),
    )


def stray(choices: Choices) -> Steps:
    """A cycle in which objects die, and operations on what is dead, free, or nothing at all."""
    return (
        Malloc(
            pick(choices, (8, 48, 96, 2048, 2688, 40_000)),
            pick(choices, (1, 2, 5, 64)),
        ),
        StartCycle(),
        MarkEvery(pick(choices, (2, 3)), between(choices, 0, 2)),
        FinishCycle(),
        *(elsewhere(choices) for _ in range(between(choices, 1, 3))),
    )


def tinies(choices: Choices) -> Steps:
    """Tiny objects of several sizes that share blocks."""
    p = p_of(choices)
    sizes = [pick(choices, TINY) for _ in range(between(choices, 2, 6))]
    return tuple([Malloc(size, between(choices, 1, 2), p, noscan=True) for size in sizes])


def growth(choices: Choices) -> Steps:
    """Objects for which the heap asks the system for arenas, one after another.

    What no system has makes it give up all its hints: then it grows wherever it is granted, up or
    down from there.
    """
    last = (Malloc(IMPOSSIBLE[0]),) if choices.below(4) == 0 else ()
    arenas = [Malloc(pick(choices, ARENAS)) for _ in range(between(choices, 1, 4))]
    return (*last, *arenas)


def paced(choices: Choices) -> Steps:
    """A cycle by whose end another GOGC paces, and objects that pay the debt of sweeping."""
    size = pick(choices, SPAN_FILLERS)
    percent = SetGcPercent(pick(choices, (-1, *PERCENTAGES)))
    mark: Steps = (MarkEvery(pick(choices, (1, 2, 3))),) if choices.below(2) else ()
    return (
        Malloc(size, pick(choices, COUNTS)),
        percent,
        StartCycle(),
        *mark,
        end_of_cycle(choices),
        Malloc(size, pick(choices, COUNTS)),
    )


def manuals(choices: Choices) -> Steps:
    """A manual span is taken, and one is given back."""
    taken = TakeManual(pick(choices, (4, 8, 256, 512)), pick(choices, PURPOSES), p_of(choices))
    return (taken, FreeManual(between(choices, 0, 3), p_of(choices)))


def odd(choices: Choices) -> Steps:
    """A step that is no allocation."""
    return (other(choices),)


PARTS: Final[tuple[Part, ...]] = (
    single,
    single,
    single,
    odd,
    odd,
    cycle,
    cycle,
    churn,
    churn,
    ending,
    tiny_ending,
    stray,
    tinies,
    tinies,
    growth,
    paced,
    manuals,
)
"""What programs are made of; what stands here twice comes up twice as often."""


def beginning(choices: Choices) -> HeapProgram:
    """Choose the heap that a program starts with."""
    answers: tuple[Answer, ...] = ()
    if choices.below(2):
        answers = tuple([pick(choices, ANSWERS) for _ in range(choices.below(7))])
    return HeapProgram(
        (),
        pick(choices, (1, 1, 2, 4)),
        pick(choices, (0, 0, *LAST_GENERATIONS)),
        pick(choices, PHYSICAL),
        answers,
    )


def heap_program(choices: Choices) -> HeapProgram:
    """Draw a program of up to 24 parts: allocations, single steps, whole cycles."""
    first = beginning(choices)
    number = between(choices, 0, 16) if choices.below(2) == 0 else between(choices, 8, 24)
    steps: list[Step] = []
    for _ in range(number):
        steps += pick(choices, PARTS)(choices)
    return replace(first, steps=tuple(steps))
