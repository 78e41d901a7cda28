"""Programs of the model alone, as records: how they read, and how they are saved and run again."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Final, Literal, TypeVar

import msgspec
from msgspec import Meta

from spanproof.fuzz.programs.heapprogram import Answer, PhysicalPage
from spanproof.support.files import savedfile
from spanspec.base.wording import counted
from spanspec.heap import program as inputs
from spanspec.heap.program import AnyInput

ItemT = TypeVar("ItemT")


class SimulatedProgram(msgspec.Struct, frozen=True, tag="simulation", tag_field="kind"):
    """A heap to start from, what the operating system answers, and the inputs.

    `answers` are those to the first requests for addresses; it grants all later ones.
    """

    seed: int
    procs: Annotated[int, Meta(ge=1)]
    physical: PhysicalPage
    answers: tuple[Answer, ...]
    inputs: tuple[AnyInput, ...]
    format: Literal[1] = 1


class SimulatedSchedule(msgspec.Struct, frozen=True, tag="schedule", tag_field="kind"):
    """A random schedule of several threads, which its seed determines, up to a step."""

    seed: int
    threads: Annotated[int, Meta(ge=1, le=64)]
    steps: Annotated[int, Meta(ge=1, le=1 << 32)]
    format: Literal[1] = 1


Saved = SimulatedProgram | SimulatedSchedule

KINDS: Final[dict[str, type[Saved]]] = {
    "simulation": SimulatedProgram,
    "schedule": SimulatedSchedule,
}


class NotSaved(Exception):
    """A file cannot be used; the message is one line with its name."""


def is_one(path: Path) -> bool:
    """Tell whether a file looks like one that `spanspec simulate` has saved."""
    return savedfile.kind_of(path) in KINDS


def load(path: Path) -> Saved:
    """Read a saved program or schedule.

    Raises: NotSaved if the file holds none.
    """
    kind = KINDS[savedfile.kind_of(path)]
    return savedfile.read(path, kind, "not a saved simulation", NotSaved)


def in_words(request: AnyInput) -> str:
    """Return an input in words."""
    on = f" on P {request.p}" if request.p else ""
    match request:
        case inputs.Allocate(size=size, noscan=noscan, zero=zero):
            pointers = ", without pointers" if noscan else ""
            cleared = "" if zero else ", not cleared"
            return f"allocate an object of {counted(size, 'byte')}{pointers}{cleared}{on}"
        case inputs.StartCycle():
            return f"start a cycle{on}"
        case inputs.MarkObject(address=address):
            return f"mark the object at {address:#x}"
        case inputs.FinishCycle(effort=None):
            return f"end marking{on}"
        case inputs.FinishCycle(effort=effort):
            assert effort is not None
            return f"end marking{on}, after {effort.duration} ns, {effort.assists} ns of assists"
        case inputs.SweepOne():
            return f"sweep 1 span{on}"
        case inputs.FinishSweeping():
            return f"sweep all that is left, and wait for those who sweep{on}"
        case inputs.EnsureSwept(address=address):
            return f"have the span at {address:#x} swept{on}"
        case inputs.TakeManual(npages=npages, purpose=purpose):
            return f"take {counted(npages, 'page')} for {purpose}{on}"
        case inputs.FreeManual(span=span):
            return f"give back manual span {span}{on}"
        case inputs.SetProcs(procs=procs):
            return f"set the number of Ps to {procs}{on}"
        case inputs.ScavengeAll():
            return f"return all free memory{on}"
        case inputs.ScavengeLater(nanoseconds=nanoseconds):
            return f"let {nanoseconds} ns pass{on}"
        case inputs.SetGcPercent(percent=percent):
            return f"set GOGC to {percent if percent >= 0 else 'off'}{on}"
        case inputs.AddSpecial(address=address, kind=kind):
            what = "a finalizer" if kind == "finalizer" else "a profile record"
            return f"give the object at {address:#x} {what}{on}"
        case inputs.RemoveFinalizer(address=address):
            return f"take the finalizer of the object at {address:#x} away{on}"
        case inputs.RunFinalizers():
            return "run the finalizers that are due"
        case inputs.FlushMcaches():
            return f"flush all caches{on}"


def describe(program: SimulatedProgram) -> str:
    """Return a program as a text, one line for each input."""
    first = f"the model's heap with {counted(program.procs, 'P')}"
    if program.physical != 4096:
        first += f", physical pages of {program.physical} bytes"
    if program.answers:
        first += f", an operating system that answers {', '.join(program.answers)}"
    lines = [f"{n:3}. {in_words(one)}" for n, one in enumerate(program.inputs, start=1)]
    return "\n".join((first, *lines))


def shrunk(items: Sequence[ItemT], fails: Callable[[Sequence[ItemT]], bool]) -> Sequence[ItemT]:
    """Leave out runs of items, long ones first, without which the rest still fails.

    `fails` decides; it may say no for the rest once enough was tried.
    """
    size = len(items) // 2
    while size > 0:
        start = len(items) - size
        while start >= 0:
            rest = (*items[:start], *items[start + size :])
            if fails(rest):
                items = rest
            start -= size
        size = min(size // 2, len(items))
    return items
