"""Programs for a whole heap: what they can do, how they read, and how they are saved.

Any list of steps is a program: what the state of the heap forbids, both sides must refuse.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta
from msgspec.structs import replace

from spanproof.fuzz.program import ProgramError
from spanproof.fuzz.programs.places import PLACES, Place
from spanproof.support.files import savedfile
from spanspec.base.wording import counted, ordinal
from spanspec.events.heap_events import Purpose
from spanspec.span.specials import SpecialKind

P = Annotated[int, Meta(ge=0, le=7)]
Pick = Annotated[int, Meta(ge=0, le=1 << 16)]
Answer = Literal["grant", "refuse", "elsewhere", "below"]
"""What the operating system says to a request for addresses."""

PhysicalPage = Literal[4096, 16384, 65536]
"""Bytes of a page of the operating system: where they exceed 8 KiB, two runs may share one."""


class Malloc(msgspec.Struct, frozen=True, tag="malloc"):
    """Allocate `count` objects of `size` bytes on a P."""

    size: Annotated[int, Meta(ge=0)]
    count: Annotated[int, Meta(ge=1, le=1024)] = 1
    p: P = 0
    noscan: bool = False
    zero: bool = True

    def __post_init__(self) -> None:
        """Check what the decoder cannot: a size has 64 bits."""
        if self.size >= 1 << 64:
            raise ValueError(f"a size of {self.size} bytes")


class StartCycle(msgspec.Struct, frozen=True, tag="start cycle"):
    """Begin to mark."""

    p: P = 0


class MarkEvery(msgspec.Struct, frozen=True, tag="mark every"):
    """Mark every n-th living object, from the k-th on; n = 1 marks all."""

    n: Annotated[int, Meta(ge=1, le=1024)] = 1
    k: Pick = 0
    inside: Annotated[int, Meta(ge=0, le=7)] = 0


class MarkAt(msgspec.Struct, frozen=True, tag="mark at"):
    """Mark what is at an address of any kind, a free slot for example."""

    k: Pick = 0
    at: Place = "free slot"


class LookUp(msgspec.Struct, frozen=True, tag="look up"):
    """Ask which object holds an address, if any does."""

    k: Pick = 0
    at: Place = "object"


class FinishCycle(msgspec.Struct, frozen=True, tag="finish cycle"):
    """End marking: what has no mark is dead.

    A cycle that began by itself took `took_us`, and assists so much of all Ps' time; one that was
    asked for took -1.
    """

    p: P = 0
    took_us: Annotated[int, Meta(ge=-1, le=10**9)] = -1
    assist_us: Annotated[int, Meta(ge=0, le=10**9)] = 0


class Sweep(msgspec.Struct, frozen=True, tag="sweep"):
    """Sweep `count` spans."""

    count: Annotated[int, Meta(ge=1, le=1024)] = 1
    p: P = 0


class EnsureSwept(msgspec.Struct, frozen=True, tag="ensure swept"):
    """Have the span of the k-th living object swept, or the one at another address."""

    k: Pick = 0
    p: P = 0
    at: Place = "object"


class AddSpecial(msgspec.Struct, frozen=True, tag="add special"):
    """Give the k-th living object a finalizer, or a profile record; or what is elsewhere."""

    k: Pick = 0
    kind: SpecialKind = "finalizer"
    p: P = 0
    at: Place = "object"


class RemoveFinalizer(msgspec.Struct, frozen=True, tag="remove finalizer"):
    """Take the finalizer of the k-th living object away, or of what is elsewhere."""

    k: Pick = 0
    p: P = 0
    at: Place = "object"


class RunFinalizers(msgspec.Struct, frozen=True, tag="run finalizers"):
    """Run the finalizers that are due."""


class TakeManual(msgspec.Struct, frozen=True, tag="take manual"):
    """Take a span that is managed by hand."""

    npages: Annotated[int, Meta(ge=1, le=1 << 16)] = 4
    purpose: Purpose = "other"
    p: P = 0


class FreeManual(msgspec.Struct, frozen=True, tag="free manual"):
    """Give back the k-th manual span, or try to give back what is at another address."""

    k: Pick = 0
    p: P = 0
    at: Place = "manual"


class SetProcs(msgspec.Struct, frozen=True, tag="set procs"):
    """Set the number of Ps."""

    procs: Annotated[int, Meta(ge=1, le=8)] = 1
    p: P = 0


class FlushCaches(msgspec.Struct, frozen=True, tag="flush caches"):
    """Flush the caches of all Ps, as ReadMemStats does."""

    p: P = 0


class ScavengeAll(msgspec.Struct, frozen=True, tag="scavenge all"):
    """Return all free memory to the operating system."""

    p: P = 0


class PassTime(msgspec.Struct, frozen=True, tag="pass time"):
    """Let time pass, and the background scavenger work."""

    milliseconds: Annotated[int, Meta(ge=1, le=100_000)] = 1000
    p: P = 0


class SetGcPercent(msgspec.Struct, frozen=True, tag="set gc percent"):
    """Set by how many percent the heap may grow before it is collected; below 0: never."""

    percent: Annotated[int, Meta(ge=-(1 << 31), lt=1 << 31)] = 100
    p: P = 0


class FreeOsMemory(msgspec.Struct, frozen=True, tag="free os memory"):
    """Sweep all that is unswept, wait for those who sweep, and return all free memory."""

    p: P = 0


Task = (
    Malloc
    | Sweep
    | EnsureSwept
    | AddSpecial
    | RemoveFinalizer
    | TakeManual
    | FreeManual
    | ScavengeAll
    | FreeOsMemory
    | PassTime
)
"""What a P may do while other Ps do something else."""


class Together(msgspec.Struct, frozen=True, tag="together"):
    """Take several steps at once, each on its P; those of the same P one after the other.

    Whenever a thread has taken a step, at the grain of lock sections and atomics, a number of
    `order` says who goes on: 0 the same thread, 1 the next one that can, and so on. It is gone
    through again and again; an empty one is all 0.
    """

    tasks: tuple[Task, ...]
    order: tuple[Annotated[int, Meta(ge=0, le=7)], ...] = ()


Step = (
    Task
    | StartCycle
    | MarkEvery
    | MarkAt
    | LookUp
    | FinishCycle
    | RunFinalizers
    | SetProcs
    | FlushCaches
    | SetGcPercent
    | Together
)

MOST_BYTES: Final = 1 << 38
"""Bytes that a saved program may ask for: the tables of the pages take half a GiB then."""

NO_ADDRESS_SPACE: Final = (1 << 48) - 8192
"""A size that no address space has, so that it is refused at once."""


class HeapProgram(msgspec.Struct, frozen=True, tag="heap", tag_field="kind"):
    """A heap to start from, and what happens to it.

    `sweepgen` is even. `answers` are what the operating system says to the first requests for
    addresses; it grants all later ones.
    """

    steps: tuple[Step, ...]
    procs: Annotated[int, Meta(ge=1, le=8)] = 1
    sweepgen: Annotated[int, Meta(ge=0, le=0xFFFF_FFFE, multiple_of=2)] = 0
    physical: PhysicalPage = 4096
    answers: tuple[Answer, ...] = ()
    format: Literal[1] = 1


def save(program: HeapProgram, path: Path) -> None:
    """Write a program as JSON."""
    savedfile.write(program, path)


def is_one(path: Path) -> bool:
    """Tell whether a file looks like a saved program of a heap, rather than of a span."""
    return savedfile.kind_of(path) == "heap"


def load(path: Path) -> HeapProgram:
    """Read a saved program.

    Raises: ProgramError if the file is missing or holds no program of a heap.
    """
    return savedfile.read(path, HeapProgram, "not a saved program", ProgramError)


def check_bounds(program: HeapProgram) -> None:
    """Require that a program does not ask for more than both sides can keep books of.

    They note the span of each page, as Go does. What no address space has is refused at once.

    Raises: ProgramError.
    """
    asked = sum(
        task.size * task.count
        for step in program.steps
        for task in (step.tasks if isinstance(step, Together) else (step,))
        if isinstance(task, Malloc) and task.size < NO_ADDRESS_SPACE
    )
    if asked > MOST_BYTES:
        raise ProgramError(f"it asks for {asked} bytes, and {MOST_BYTES} are the most")


def describe_step(step: Step) -> str:
    """Return a step in words."""
    p = step.p if hasattr(step, "p") else 0
    on = f" on P {p}" if p else ""
    match step:
        case Malloc(size=size, count=count, noscan=noscan):
            many = f"{count} objects" if count > 1 else "an object"
            size_told = counted(size, "byte")
            return f"allocate {many} of {size_told}{', without pointers' if noscan else ''}{on}"
        case StartCycle():
            return f"start a cycle{on}"
        case MarkEvery(n=1, inside=0):
            return "mark every living object"
        case MarkEvery(n=n, k=k):
            return f"mark every {ordinal(n)} living object, starting with number {k % n}"
        case MarkAt(k=k, at=at):
            return f"try to mark {in_words(at, k)}"
        case LookUp(k=k, at=at):
            return f"look {in_words(at, k)} up"
        case FinishCycle(took_us=-1):
            return f"end marking{on}"
        case FinishCycle(took_us=took, assist_us=assist):
            return f"end marking{on}, after {took} us, with {assist} us of assists"
        case Sweep(count=count):
            return f"sweep {counted(count, 'span')}{on}"
        case EnsureSwept(k=k, at=at):
            return f"have the span of {in_words(at, k)} swept{on}"
        case AddSpecial(k=k, kind=kind, at=at):
            what = "a finalizer" if kind == "finalizer" else "a profile record"
            return f"give {in_words(at, k)} {what}{on}"
        case RemoveFinalizer(k=k, at=at):
            return f"take the finalizer of {in_words(at, k)} away{on}"
        case RunFinalizers():
            return "run the finalizers that are due"
        case TakeManual(npages=npages, purpose=purpose):
            use = {"stack": "a stack", "gc": "work buffers", "other": "other uses"}[purpose]
            return f"take {counted(npages, 'page')} for {use}{on}"
        case FreeManual(k=k, at=at):
            return f"give back {in_words(at, k)}{on}"
        case SetProcs(procs=procs):
            return f"set the number of Ps to {procs}{on}"
        case FlushCaches():
            return f"flush all caches{on}"
        case SetGcPercent(percent=percent):
            return f"set GOGC to {percent if percent >= 0 else 'off'}{on}"
        case ScavengeAll():
            return f"return all free memory{on}"
        case FreeOsMemory():
            return f"sweep what is unswept, and return all free memory{on}"
        case PassTime(milliseconds=milliseconds):
            return f"let {milliseconds} ms pass{on}"
        case Together(tasks=tasks, order=order):
            both = "; ".join(describe_step(task) for task in tasks)
            return f"at once: {both}; order {' '.join(map(str, order)) or '0'}"


def in_words(at: Place, k: int) -> str:
    """Return which address a step is about."""
    return PLACES[at].format(k=k)


def length(program: HeapProgram) -> int:
    """Return the number of steps, those that are taken together counted one by one."""
    return sum(len(one.tasks) if isinstance(one, Together) else 1 for one in program.steps)


def with_less_at_once(program: HeapProgram) -> Iterator[HeapProgram]:
    """Return each program in which one task less is done together with others, or in turn."""
    for place, step in enumerate(program.steps):
        if not isinstance(step, Together):
            continue
        several = range(len(step.tasks)) if len(step.tasks) > 1 else ()
        fewer = [replace(step, tasks=step.tasks[:at] + step.tasks[at + 1 :]) for at in several]
        lengths = {len(step.order) // 2, len(step.order) - 1} if step.order else ()
        fewer += [replace(step, order=step.order[:length]) for length in sorted(lengths)]
        for less in fewer:
            yield replace(
                program, steps=(*program.steps[:place], less, *program.steps[place + 1 :])
            )


def describe(program: HeapProgram) -> str:
    """Return a program as a short text, one line for each step."""
    first = f"a heap with {counted(program.procs, 'P')}"
    if program.sweepgen:
        first += f", sweepgen {program.sweepgen}"
    if program.physical != 4096:
        first += f", physical pages of {program.physical} bytes"
    if program.answers:
        first += f", an operating system that answers {', '.join(program.answers)}"
    lines = [first]
    lines += [f"{n:3}. {describe_step(step)}" for n, step in enumerate(program.steps, start=1)]
    return "\n".join(lines)
