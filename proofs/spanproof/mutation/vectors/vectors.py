"""Vectors: programs with the replies that they must have, which tell wrong from right.

For each wrong variant of a span a program is looked for that it goes wrong on, and is made small;
one that an earlier vector finds needs none of its own.
"""

import hashlib
import random
import sys
import time
from collections.abc import Callable, Container, Iterable, Iterator
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Final, NamedTuple, TypeVar, cast

import spanspec
from spanproof.doors.vectorfile import FORMAT
from spanproof.fuzz.engine.reduce import reduced
from spanproof.fuzz.levels.recorded import Exchange, RecordedSpan, line_of, sizes_asked
from spanproof.fuzz.lockstep.divergence import Divergence
from spanproof.fuzz.lockstep.spanlockstep import run_program
from spanproof.fuzz.program import Allocate, Flush, MarkEvery, Program, Refill, StartCycle, Sweep
from spanproof.fuzz.programs.choices import FromBytes
from spanproof.fuzz.programs.spangrammar import span_program
from spanproof.fuzz.subjects import Path as SearchPath
from spanproof.fuzz.subjects import State, Subject, SubjectFactory, SweepOutcome
from spanproof.mutation.vectors.variants import ModelVariant, model_span_with
from spanproof.symbolic.reading.sources import SourceTree
from spanspec.base.sizeclass import CLASSES

ResultT = TypeVar("ResultT")

TRIES: Final = 150
"""Programs that a variant is tried on before it counts as one that no program shows."""

NOT_SHOWN: Final = {
    "padding bits behind the last slot are handed out": "the fast path then fails as it has to, "
    "with nelems; that it has changed the span is lost, as the slow path begins with the old one",
}
"""Wrong variants that no program can show, with the reason; obligations tell them."""

BY_HAND: Final = (
    Program(0, (Refill(), Allocate(2)), npages=3),
    Program(1, (Refill(), Allocate(33), Flush(), Refill(), Allocate(1))),
    Program(5, (Refill(), Allocate(50), Flush(), StartCycle(), Sweep(), Refill(), Allocate(70))),
    Program(
        1, (Refill(), Allocate(32), MarkEvery(1), StartCycle(), Flush(), Refill(), Allocate(1))
    ),
)

BYTES: Final = 600
"""Bytes that a program is drawn from."""

SHRINK: Final = 2.0
"""Seconds in which a program is made smaller."""


class Vector(NamedTuple):
    """A program, the rules that it is about, the variants that it finds, and what is exchanged."""

    program: Program
    rules: tuple[str, ...]
    finds: tuple[str, ...]
    exchange: Exchange


def exchange_of(program: Program) -> Exchange:
    """Return what the model is asked by a program, and says."""
    exchange: Exchange = []
    run = run_program(program, partial(RecordedSpan, exchange))
    assert run.divergence is None, run.divergence
    return exchange


def drawn(number: int) -> Program:
    """Return the program of a number."""
    return span_program(FromBytes(random.Random(number).randbytes(BYTES)))


def candidates() -> Iterator[Program]:
    """Yield the programs that a variant is tried on: some by hand, of what is seldom drawn."""
    yield from BY_HAND
    yield from map(drawn, range(TRIES))


def difference(make: SubjectFactory, program: Program) -> Divergence | None:
    """Return where a variant parts from the model on a program, if it does."""
    return run_program(program, make).divergence


class Chosen(NamedTuple):
    """The vectors, the shortest first; the variants that none of them finds; and those that no
    program of a span can show, or of functions that none reaches.
    """

    vectors: list[Vector]
    left: list[str]
    out_of_reach: list[str]


def choose(
    variants: Iterable[ModelVariant],
    within: Container[str],
    hear: Callable[[str], None] = lambda name: None,
) -> Chosen:
    """Return vectors that find the variants which a program can show; `hear` is told of each.

    Those of functions that are not `within` those that programs reach are not looked for.
    """
    found: list[tuple[Program, Divergence, list[str]]] = []
    left: list[str] = []
    out_of_reach: list[str] = []
    for variant in variants:
        hear(variant.name)
        if variant.name in NOT_SHOWN or (variant.function and variant.function not in within):
            out_of_reach.append(variant.name)
            continue
        make = cast("SubjectFactory", variant.make())
        for program, _, names in found:
            if difference(make, program) is not None:
                names.append(variant.name)
                break
        else:
            first = next(filter(partial(difference, make), candidates()), None)
            if first is None:
                left.append(variant.name)
                continue
            smaller = reduced(first, partial(parted, make), time.monotonic() + SHRINK)
            told = difference(make, smaller)
            assert told is not None
            found.append((smaller, told, [variant.name]))
    vectors = [
        Vector(program, told.rules, tuple(names), exchange_of(program))
        for program, told, names in found
    ]
    return Chosen(sorted(vectors, key=lambda one: len(one.exchange)), left, out_of_reach)


def reached() -> set[str]:
    """Return the functions of the model that some program of a span runs, by module and name."""
    module = "spanspec.span.mspan"
    make = model_span_with(module, SourceTree().module(module).text)
    found: set[str] = set()
    for program in candidates():
        run_program(program, partial(Profiled, make, found))
    return found


class Profiled:
    """A span of which is noted which functions its calls run."""

    def __init__(self, make: SubjectFactory, found: set[str], program: Program) -> None:
        self._found = found
        self._span: Subject = self._noting(make, program)

    def _noting(self, call: Callable[..., ResultT], *arguments: object) -> ResultT:
        sys.setprofile(self._note)
        try:
            return call(*arguments)
        finally:
            sys.setprofile(None)

    def _note(self, frame: FrameType, event: str, argument: object) -> None:
        if event == "call":
            self._found.add(f"{frame.f_globals.get('__name__')}.{frame.f_code.co_name}")

    def allocate(self) -> tuple[int, SearchPath | None]:
        """Hand out a slot."""
        return self._noting(self._span.allocate)

    def mark(self, slot: int) -> None:
        """Mark a slot."""
        self._noting(self._span.mark, slot)

    def claim_and_sweep(self, sg: int) -> SweepOutcome:
        """Win the span and sweep it."""
        return self._noting(self._span.claim_and_sweep, sg)

    def flush(self, sg: int) -> SweepOutcome | None:
        """Leave the cache; if stale, be swept at once and report it."""
        return self._noting(self._span.flush, sg)

    def retire(self, sg: int) -> None:
        """Leave the cache as a full span."""
        self._noting(self._span.retire, sg)

    def refill(self, sg: int) -> None:
        """Enter a cache."""
        self._noting(self._span.refill, sg)

    def state(self) -> State | None:
        """Return the whole state."""
        return self._noting(self._span.state)


def parted(make: SubjectFactory, program: Program) -> int | None:
    """Return the step in which a variant parts from the model on a program, if it does."""
    found = difference(make, program)
    return None if found is None else found.step


def span_lines(chosen: Chosen) -> list[bytes]:
    """Return the lines of the file of spans."""
    return [
        line_of(one.exchange, level="span", rules=one.rules, finds=one.finds)
        for one in chosen.vectors
    ]


def size_lines() -> list[bytes]:
    """Return the lines of the file of size classes: every edge of a class, and large objects."""
    edges = sorted({entry.size + by for entry in CLASSES[1:] for by in (-1, 0, 1)})
    large = [32769, 40960, 40961, 1 << 20, (1 << 30) + 1]
    rules = ("SC-10", "SC-11", "SC-2", "MAL-11")
    return [line_of(sizes_asked([*edges, *large]), level="sizes", rules=rules, finds=())]


def about(chosen: Chosen) -> dict[str, object]:
    """Return what is said of all vectors: the form, the specification, and what they find."""
    hashed = hashlib.sha256()
    for path in sorted(Path(next(iter(spanspec.__path__))).rglob("*.py")):
        hashed.update(path.read_bytes())
    names = [name for one in chosen.vectors for name in one.finds]
    return {
        "format": FORMAT,
        "specification": {"hash": hashed.hexdigest()},
        "vectors": len(chosen.vectors),
        "finds": len(names),
        "variants": len(names) + len(chosen.left),
        "does not find": chosen.left,
        "out of reach": {name: NOT_SHOWN.get(name, "") for name in chosen.out_of_reach},
    }
