"""Programs that random ones hardly ever come to, written out."""

from typing import Final

from spanproof.simulate.program import SimulatedProgram
from spanspec.base.constants import ARENA_BASE, PAGE_SIZE
from spanspec.heap.program import (
    Allocate,
    AnyInput,
    FinishCycle,
    MarkObject,
    SetGcPercent,
    StartCycle,
)

FULL_SPANS: Final = 104


def many_full_spans() -> SimulatedProgram:
    """Return a program that searches many spans, each full before and after its sweep."""
    fill = [Allocate(0, PAGE_SIZE)] * FULL_SPANS
    marks = [MarkObject(0, ARENA_BASE + number * PAGE_SIZE) for number in range(FULL_SPANS)]
    inputs: list[AnyInput] = [*fill, StartCycle(), *marks, FinishCycle(), Allocate(0, PAGE_SIZE)]
    return SimulatedProgram(0, 1, 4096, (), tuple(inputs))


def never_collected() -> SimulatedProgram:
    """Return a program that switches collection off before a cycle leaves spans to sweep.

    The trigger is the highest word then, which as an int64 lies behind the heap: all is to be swept
    within a page of growth (SWP-20).
    """
    fill = [Allocate(0, PAGE_SIZE)] * FULL_SPANS
    inputs: list[AnyInput] = [*fill, SetGcPercent(0, -1), StartCycle(), FinishCycle()]
    return SimulatedProgram(0, 1, 4096, (), tuple(inputs))


SCRIPTS: Final = (
    ("many full spans", many_full_spans),
    ("collection switched off", never_collected),
)
"""Each with its name."""
