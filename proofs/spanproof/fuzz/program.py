"""Programs for one span: what they can do, how they read, and how they are saved.

Any list of steps is a valid program: a step that is not enabled when its turn comes does nothing,
on both sides. So shrinking may drop whatever it likes.
"""

from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from spanproof.support.files import savedfile
from spanspec.base.constants import NUM_SIZE_CLASSES
from spanspec.base.sizeclass import CLASSES
from spanspec.base.wording import counted, ordinal

Slots = Annotated[int, Meta(ge=1, le=1024)]
Share = Annotated[int, Meta(ge=1, le=1024)]


class Allocate(msgspec.Struct, frozen=True, tag="allocate"):
    """Allocate so many slots one after another, or until the span is full."""

    count: Slots


class MarkEvery(msgspec.Struct, frozen=True, tag="mark every"):
    """Mark every n-th allocated slot, from the k-th on (k below n); n = 1 marks all."""

    n: Share
    k: Annotated[int, Meta(ge=0, le=1023)] = 0


class MarkFree(msgspec.Struct, frozen=True, tag="mark free"):
    """Try to mark a free slot, the k-th one: both sides must refuse and change nothing."""

    k: Annotated[int, Meta(ge=0, le=1023)] = 0


class StartCycle(msgspec.Struct, frozen=True, tag="start cycle"):
    """Raise the heap's sweepgen by two; a swept span then needs sweeping, a cached one is stale."""


class Sweep(msgspec.Struct, frozen=True, tag="sweep"):
    """Claim an unswept, uncached span and sweep it."""


class Flush(msgspec.Struct, frozen=True, tag="flush"):
    """Take the span out of the cache; a stale one is swept by its flusher."""


class Retire(msgspec.Struct, frozen=True, tag="retire"):
    """Let go of the full cached span, as refill does first."""


class Refill(msgspec.Struct, frozen=True, tag="refill"):
    """Put a swept span with a free slot into the cache, as refill does last."""


Step = Allocate | MarkEvery | MarkFree | StartCycle | Sweep | Flush | Retire | Refill


class Program(msgspec.Struct, frozen=True, tag="span", tag_field="kind"):
    """A span to start from, and what happens to it.

    `size_class` is 1..66, or 0 for a large span of `npages` pages; `sweepgen` is even.
    """

    size_class: Annotated[int, Meta(ge=0, lt=NUM_SIZE_CLASSES)]
    steps: tuple[Step, ...]
    noscan: bool = False
    sweepgen: Annotated[int, Meta(ge=0, le=0xFFFF_FFFE, multiple_of=2)] = 0
    npages: Annotated[int, Meta(ge=1, le=1 << 20)] = 1
    format: Literal[1] = 1

    @property
    def pages(self) -> int:
        """Pages of the span: those of its class, or as stated for a large one."""
        return CLASSES[self.size_class].npages if self.size_class else self.npages


class ProgramError(Exception):
    """A saved program cannot be used; the message is one line with the file's name."""


def save(program: Program, path: Path) -> None:
    """Write a program as JSON."""
    savedfile.write(program, path)


def load(path: Path) -> Program:
    """Read a saved program.

    Raises: ProgramError if the file is missing or holds no program.
    """
    return savedfile.read(path, Program, "not a saved program", ProgramError)


def describe_step(step: Step) -> str:
    """Return a step in words."""
    match step:
        case Allocate(count=count):
            return f"allocate {counted(count, 'slot')}"
        case MarkEvery(n=1):
            return "mark every allocated slot"
        case MarkEvery(n=n, k=k):
            return f"mark every {ordinal(n)} allocated slot, starting with number {k % n}"
        case MarkFree(k=k):
            return f"try to mark free slot number {k}"
        case StartCycle():
            return "start a cycle"
        case Sweep():
            return "claim the span and sweep it"
        case Flush():
            return "flush the cache"
        case Retire():
            return "retire the full span"
        case Refill():
            return "refill the cache with the span"


def describe(program: Program) -> str:
    """Return a program as a short text, one line for each step."""
    if program.size_class:
        entry = CLASSES[program.size_class]
        kind = (
            f"class {program.size_class} ({counted(entry.objects, 'slot')} of {entry.size} bytes)"
        )
    else:
        kind = f"a large object of {counted(program.npages, 'page')}"
    lines = [f"a span of {kind}, sweepgen {program.sweepgen}"]
    lines += [f"{n:3}. {describe_step(step)}" for n, step in enumerate(program.steps, start=1)]
    return "\n".join(lines)
