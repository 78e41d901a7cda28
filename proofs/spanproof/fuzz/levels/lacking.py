"""What is left out of programs for a heap that lacks something: so one can begin with little."""

from typing import Final

from msgspec.structs import replace

from spanproof.fuzz.programs.heapprogram import (
    AddSpecial,
    EnsureSwept,
    FinishCycle,
    FreeManual,
    FreeOsMemory,
    HeapProgram,
    LookUp,
    Malloc,
    MarkAt,
    MarkEvery,
    PassTime,
    RemoveFinalizer,
    RunFinalizers,
    ScavengeAll,
    SetGcPercent,
    SetProcs,
    StartCycle,
    Step,
    Sweep,
    TakeManual,
    Together,
)
from spanproof.protocol.lacks import ONE_SIZE
from spanproof.protocol.messages import LARGEST, Greeting
from spanspec.base.constants import PAGE_SIZE

STEPS: Final[dict[str, tuple[type[Step], ...]]] = {
    "cycles": (
        StartCycle,
        MarkEvery,
        MarkAt,
        LookUp,
        FinishCycle,
        Sweep,
        EnsureSwept,
        SetGcPercent,
        FreeOsMemory,
    ),
    "specials": (AddSpecial, RemoveFinalizer, RunFinalizers),
    "manual": (TakeManual, FreeManual),
    "procs": (SetProcs, Together),
    "scavenger": (ScavengeAll, PassTime, FreeOsMemory),
}
"""The steps that are left out for a heap that lacks something."""

NEVER: Final = {"cycles": ("se", "sg", "refusals")}
"""What a campaign cannot exercise then."""


def without(program: HeapProgram, greeting: Greeting) -> HeapProgram:
    """Return what of a program can be asked of a heap that lacks something, or is bounded."""
    lacks = greeting.lacks
    if not lacks and greeting.largest == LARGEST:
        return program
    left_out = tuple(kind for one in lacks for kind in STEPS.get(one, ()))
    steps = tuple(step for step in program.steps if not isinstance(step, left_out))
    if "procs" in lacks:
        steps = tuple(replace(one, p=0) if hasattr(one, "p") else one for one in steps)
        program = replace(program, procs=1)
    if "physical" in lacks:
        program = replace(program, physical=ONE_SIZE)
    if "answers" in lacks:
        program = replace(program, answers=())
    return replace(program, steps=tuple(bounded(one, greeting.largest) for one in steps))


def bounded(step: Step, largest: int) -> Step:
    """Return a step that asks for no object, and no manual span, of more bytes."""
    match step:
        case Malloc(size=size) if size > largest:
            return replace(step, size=largest)
        case TakeManual(npages=npages) if npages * PAGE_SIZE > largest:
            return replace(step, npages=max(1, largest // PAGE_SIZE))
        case Together(tasks=tasks):
            # A bounded task is a task.
            return replace(step, tasks=tuple(bounded(one, largest) for one in tasks))
        case _:
            return step
