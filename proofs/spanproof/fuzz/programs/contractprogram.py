"""Programs for anything that is a malloc: objects are made, resized, looked at, and freed.

Any list of steps is a program: one that needs a living object does nothing where there is none.
"""

import random
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from spanproof.fuzz.programs.choices import Choices, between, pick
from spanspec.base.wording import counted

Bytes = Annotated[int, Meta(ge=0, le=1 << 40)]
Pick = Annotated[int, Meta(ge=0, le=1 << 16)]
Thread = Annotated[int, Meta(ge=0, le=63)]
Align = Literal[0, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096]


class Malloc(msgspec.Struct, frozen=True, tag="malloc"):
    """Make an object; `align` is 0 for what is promised anyway, `zero` asks for zeroed memory."""

    bytes: Bytes = 1
    align: Align = 0
    zero: bool = False
    thread: Thread = 0


class Realloc(msgspec.Struct, frozen=True, tag="realloc"):
    """Give the k-th living object another size."""

    k: Pick = 0
    bytes: Annotated[int, Meta(ge=1, le=1 << 40)] = 1
    thread: Thread = 0


class Free(msgspec.Struct, frozen=True, tag="free"):
    """Free the k-th living object."""

    k: Pick = 0
    thread: Thread = 0


class Show(msgspec.Struct, frozen=True, tag="show"):
    """Look at the contents of the k-th living object."""

    k: Pick = 0
    thread: Thread = 0


Step = Malloc | Realloc | Free | Show


class ContractProgram(msgspec.Struct, frozen=True, tag="contract", tag_field="kind"):
    """What happens to an allocator, in which nothing lives; on so many threads at once."""

    steps: tuple[Step, ...]
    threads: Annotated[int, Meta(ge=1, le=64)] = 1
    format: Literal[1] = 1


def describe_step(step: Step) -> str:
    """Return a step in words."""
    on = f", on thread {step.thread}" if step.thread else ""
    match step:
        case Malloc(bytes=size, align=align, zero=zero):
            kind = " of zeroed memory" if zero else ""
            at = f", aligned to {align}" if align else ""
            return f"allocate {counted(size, 'byte')}{kind}{at}{on}"
        case Realloc(k=k, bytes=size):
            return f"resize living object {k} to {counted(size, 'byte')}{on}"
        case Free(k=k):
            return f"free living object {k}{on}"
        case Show(k=k):
            return f"look at living object {k}{on}"


def describe(program: ContractProgram) -> str:
    """Return a program as a short text, one line for each step."""
    at_once = f", on {program.threads} threads at once" if program.threads > 1 else ""
    lines = [f"{n:3}. {describe_step(step)}" for n, step in enumerate(program.steps, start=1)]
    return "\n".join([f"an allocator without objects{at_once}", *lines])


LIVING: Final = 600
"""Objects that live, more or less, in the middle of a long program."""

ALIGNS: Final[tuple[Align, ...]] = (16, 32, 64, 128, 256, 512, 1024, 2048, 4096)


def drawn(seed: str, steps: int, threads: int = 1) -> ContractProgram:
    """Return a long program of a seed: it fills an allocator, uses it, and empties it again."""
    draw = random.Random(seed)
    made: list[Step] = []
    living = 0
    for number in range(steps):
        thread = draw.randrange(threads)
        filling = number < steps * 2 // 3 and living < LIVING
        choice = draw.random()
        if living == 0 or choice < (0.55 if filling else 0.40):
            zero = draw.random() < 0.25
            align: Align = 0 if zero or draw.random() < 0.9 else draw.choice(ALIGNS)
            made.append(Malloc(drawn_size(draw), align, zero, thread))
            living += 1
        elif choice < 0.85:
            made.append(Free(draw.randrange(living), thread))
            living -= 1
        elif choice < 0.95:
            made.append(Realloc(draw.randrange(living), max(1, drawn_size(draw)), thread))
        else:
            made.append(Show(draw.randrange(living), thread))
    return ContractProgram(tuple(made), threads)


def drawn_size(draw: random.Random) -> int:
    """Return a size in bytes: most are small, few large, and some next to a power of two."""
    choice = draw.random()
    if choice < 0.6:
        return draw.randrange(0, 257)
    if choice < 0.8:
        return max(0, (1 << draw.randrange(3, 16)) + draw.randrange(-1, 2))
    if choice < 0.995:
        return draw.randrange(1, 4097)
    return draw.randrange(1, 1 << draw.randrange(13, 21))


def size_of(choices: Choices) -> int:
    """Choose a size in bytes: small, of the many classes below a page, next to a power of two, or
    any.
    """
    match choices.below(4):
        case 0:
            return between(choices, 0, 64)
        case 1:
            return between(choices, 65, 1088)
        case 2:
            return (1 << between(choices, 3, 15)) + between(choices, -1, 1)
        case _:
            return between(choices, 1, 70_000)


def step_of(choices: Choices) -> Step:
    """Choose a step; a third of them makes an object of no particular kind."""
    match choices.below(6):
        case 0 | 1:
            return Malloc(size_of(choices), 0, bool(choices.below(2)))
        case 2:
            return Free(choices.below(21))
        case 3:
            return Show(choices.below(21))
        case 4:
            return Realloc(choices.below(21), max(1, size_of(choices)))
        case _:
            return Malloc(size_of(choices), pick(choices, ALIGNS))


def contract_program(choices: Choices) -> ContractProgram:
    """Draw a program of some dozen steps."""
    return ContractProgram(tuple([step_of(choices) for _ in range(choices.below(31))]))
