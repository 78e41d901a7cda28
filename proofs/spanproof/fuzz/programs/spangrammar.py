"""Programs of one span, drawn choice by choice, biased to edges of words and generations."""

from collections.abc import Callable
from typing import Final

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
from spanproof.fuzz.programs.choices import Choices, between, pick

EDGE_COUNTS: Final = (1, 2, 62, 63, 64, 65, 66, 127, 128, 129, 1024)
EDGE_CLASSES: Final = (1, 2, 5, 9, 7, 8, 4, 50, 66, 0)
"""1024, 512, 128, 64, 85, 73, 170 and 1 slots, and a large span."""
LAST_GENERATIONS: Final = (0, (1 << 32) - 2, (1 << 32) - 4, (1 << 32) - 6)
MOST_PARTS: Final = 12

Steps = tuple[Step, ...]
Part = Callable[[Choices], Steps]
"""Draws steps that belong together."""


def single(choices: Choices) -> Steps:
    """Any step; allocation and the parts of a cycle come up most."""
    match choices.below(8):
        case 0:
            few = choices.below(2)
            count = between(choices, 1, 70) if few else pick(choices, EDGE_COUNTS)
            return (Allocate(count),)
        case 1:
            return (Refill(),)
        case 2:
            return (StartCycle(),)
        case 3:
            return (Flush(),)
        case 4:
            return (Sweep(),)
        case 5:
            return (Retire(),)
        case 6:
            return (MarkEvery(pick(choices, (1, 2, 3, 63, 64, 65)), between(choices, 0, 64)),)
        case _:
            return (MarkFree(between(choices, 0, 70)),)


def mark(choices: Choices) -> Step:
    """Mark some of what is allocated, or all."""
    return MarkEvery(pick(choices, (1, 2, 3, 64)), between(choices, 0, 3))


def cycle(choices: Choices) -> Steps:
    """What a cycle does to a cached span: mark, raise the generation, flush, cache again."""
    count = pick(choices, EDGE_COUNTS)
    return (Allocate(count), mark(choices), StartCycle(), Flush(), Refill())


def retirement(choices: Choices) -> Steps:
    """What happens to a span that is filled: retired, swept by somebody, cached again."""
    return (Allocate(1024), Retire(), mark(choices), StartCycle(), Sweep(), Refill())


def pause(choices: Choices) -> Steps:
    """What a flush between cycles does: the span is cached again where its search had come to."""
    count, more = pick(choices, EDGE_COUNTS), pick(choices, EDGE_COUNTS)
    return (Allocate(count), Flush(), Refill(), Allocate(more))


PARTS: Final[tuple[Part, ...]] = (single, cycle, retirement, pause)


def span_program(choices: Choices) -> Program:
    """Draw a program of up to twelve parts: single steps, and steps that belong together.

    A span starts uncached, so nearly every interesting program begins with a refill.
    """
    size_class = pick(choices, EDGE_CLASSES)
    if choices.below(2):
        size_class = between(choices, 1, 66)
    noscan, sweepgen = bool(choices.below(2)), pick(choices, LAST_GENERATIONS)
    if choices.below(2):
        sweepgen = 2 * choices.below(1 << 31)
    steps: list[Step] = [Refill()]
    for _ in range(between(choices, 0, MOST_PARTS)):
        steps += pick(choices, PARTS)(choices)
    return Program(size_class, tuple(steps), noscan, sweepgen)
