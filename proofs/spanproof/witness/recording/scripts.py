"""What a probe is told to do: operations at random, and programs of the fuzz engine."""

import random
from collections.abc import Iterator
from typing import Final

from spanproof.fuzz.program import Allocate, MarkEvery, Program, StartCycle
from spanproof.fuzz.programs.choices import FromBytes
from spanproof.fuzz.programs.spangrammar import span_program

ROOTS: Final = 1 << 16
"""Objects that the probe can keep."""

MOST_AT_ONCE: Final = 40
"""Objects that one step of a program allocates at most: more shows nothing new."""

SIZES: Final = (1, 2, 3, 4, 5, 7, 8, 9, 12, 15, 16, 17, 24, 32, 33, 48, 64, 96, 128, 200, 512, 513,
                520, 1024, 1152, 2048, 4096, 8192, 16384, 32760, 32768, 40000)  # fmt: skip


def operations(seed: int, number: int) -> Iterator[str]:
    """Yield operations at random: sizes at the edges of classes, drops, and collections."""
    draw = random.Random(seed)
    live: list[int] = []
    fresh = 0
    for _ in range(number):
        choice = draw.random()
        if choice < 0.004:
            yield "g"
        elif (choice < 0.45 and live) or len(live) >= ROOTS - 2:
            yield f"d {live.pop(draw.randrange(len(live)))}"
        else:
            size = draw.choice(SIZES)
            if draw.random() < 0.3:
                size = draw.randrange(1, 2048)
            noscan = draw.random() < 0.6
            size = size if noscan else max(8, size // 8 * 8)
            live.append(fresh % ROOTS)
            yield f"a {fresh % ROOTS} {size} {'n' if noscan else 'p'}"
            fresh += 1
            while fresh % ROOTS in live:
                fresh += 1


def program_operations(program: Program, size: int) -> Iterator[str]:
    """Yield what a program of the fuzz engine means for a live Go: allocate, keep some, collect.

    Go decides itself when a span is cached, flushed and swept; what a program says of it is left
    out. `size` is the slot size of the program's class.
    """
    live: list[int] = []
    fresh = 0
    kind = "n" if program.noscan or size < 8 else "p"
    for step in program.steps:
        match step:
            case Allocate(count=count):
                for _ in range(min(count, MOST_AT_ONCE)):
                    yield f"a {fresh} {size} {kind}"
                    live.append(fresh)
                    fresh += 1
            case MarkEvery(n=n, k=k):
                for place, one in enumerate(live):
                    if place % n != k % n:
                        yield f"d {one}"
                live = [one for place, one in enumerate(live) if place % n == k % n]
            case StartCycle():
                yield "g"
            case _:
                pass
    for one in live:
        yield f"d {one}"


def fuzz_programs(seed: int, number: int, sizes: tuple[int, ...]) -> Iterator[tuple[str, ...]]:
    """Yield the operations of programs of the fuzz engine."""
    draw = random.Random(seed)
    for _ in range(number):
        program = span_program(FromBytes(draw.randbytes(64)))
        size = sizes[program.size_class % len(sizes)] or 40000
        yield tuple(program_operations(program, size))
