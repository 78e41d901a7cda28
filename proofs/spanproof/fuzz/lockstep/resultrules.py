"""Which rules fix what a call of a heap comes to."""

from typing import Final

from spanproof.fuzz.programs.heapprogram import Malloc, Step
from spanspec.base.constants import MAX_SMALL_SIZE, TINY_SIZE

OF_STEP: Final[dict[str, tuple[str, ...]]] = {
    "StartCycle": ("SWP-32",),
    "MarkEvery": ("SPAN-19", "SPAN-21"),
    "MarkAt": ("SPAN-19", "SPAN-21"),
    "LookUp": ("SPAN-19",),
    "FinishCycle": ("SWP-34",),
    "Sweep": ("SWP-15",),
    "EnsureSwept": ("SWP-18",),
    "AddSpecial": ("SWP-24",),
    "RemoveFinalizer": ("SWP-24",),
    "RunFinalizers": ("SWP-24",),
    "TakeManual": ("HEAP-24", "HEAP-13"),
    "FreeManual": ("HEAP-27",),
    "SetProcs": ("MC-14",),
    "FlushCaches": ("MC-9",),
    "ScavengeAll": ("SCAV-13",),
    "PassTime": ("SCAV-17",),
    "SetGcPercent": ("SWP-20",),
    "FreeOsMemory": ("SWP-38", "SCAV-13"),
}
"""The rules of the calls of each step but allocation."""

OF_TRIGGER: Final = ("SWP-20",)
"""The rule of the heap at which a cycle is due, which is asked for in several steps."""

OF_GROWTH: Final = ("AR-4", "HEAP-17")
"""The rules of when there is no memory."""


def of_result(step: Step) -> tuple[str, ...]:
    """Return the rules that fix the result of the calls of a step."""
    if not isinstance(step, Malloc):
        return OF_STEP.get(type(step).__name__, ())
    if step.size == 0:
        return ("MAL-1",)
    if step.size > MAX_SMALL_SIZE:
        return ("MAL-11", "HEAP-13")
    if step.noscan and step.size < TINY_SIZE:
        return ("MAL-6", "MAL-8", "MAL-10")
    return ("MAL-10", "HEAP-13")
