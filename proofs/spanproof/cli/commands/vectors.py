"""`spanspec vectors`: programs with the replies that they must have, for those without Python."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final, Protocol

import msgspec
import typer
from rich.progress import Progress

from spanproof.cli.campaigning.doors import Exec, Library, door_of, named
from spanproof.cli.output import FAILS, HOLDS, Unusable, out, progress
from spanproof.doors.consuming import NO_VECTOR, Consumed, consume
from spanproof.doors.targets import answerer_of
from spanproof.doors.vectorfile import file_of, lines_of
from spanproof.fuzz.campaigns.finding import FoundWith
from spanproof.fuzz.isolation.apart import apart
from spanproof.fuzz.isolation.ending import Limits
from spanproof.fuzz.sides.factories import Scope
from spanproof.protocol.faults import Broken, CannotStart
from spanproof.support.files import savedfile
from spanspec.base.wording import counted
from spanspec.rules.book import in_words


class Finds(Protocol):
    """A vector of any kind."""

    @property
    def finds(self) -> tuple[str, ...]:
        """The names of the wrong variants that it finds."""
        ...


LEAST_FOUND: Final = 0.9
"""The share of the wrong variants that vectors have to find."""


PATIENCE: Final = 60.0
"""Seconds in which an implementation has to give all its replies."""


LEVELS: Final = {
    Scope.SIZES: "sizes.jsonl",
    Scope.SPAN: "span.jsonl",
    Scope.HEAP: "heap.jsonl",
    Scope.SCHEDULE: "races.jsonl",
}
"""The file of each level that has vectors."""


def vectors(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Where to write them; or where they are.")
    ],
    command: Exec = "",
    lib: Library = "",
    of: Annotated[
        list[Scope] | None,
        typer.Option(help="Levels to write; all but the contract, which has none, by default."),
    ] = None,
) -> int:
    """Write programs with expected replies as JSON lines, which find the known wrong variants.

    With an implementation, ask it what those of a folder ask, and compare its replies. Those of
    heaps and races take minutes to write.
    """
    door, behind = door_of(command, lib, "")
    if door:
        return ask_all(folder, FoundWith(Scope.SPAN, folder=os.getcwd(), door=door, command=behind))
    wanted = of or list(LEVELS)
    if Scope.CONTRACT in wanted:
        raise Unusable("there are no vectors of the contract")
    folder.mkdir(parents=True, exist_ok=True)
    with progress("variants") as display:
        written = Writing(folder, wanted, display)
        for level in wanted:
            written.write(level)
    text = msgspec.json.format(msgspec.json.encode(written.told), indent=2) + b"\n"
    savedfile.write_bytes(text, folder / "vectors.json")
    for line in (*written.lines, f"written to {folder}", *written.missed):
        out.print(line, markup=False)
    return HOLDS if written.good else FAILS


class Writing:
    """Writes the vectors of some levels into a folder.

    `told` is what is said of them, `lines` the same in words; `missed` what none finds; `good`
    whether they find enough.
    """

    def __init__(self, folder: Path, wanted: Sequence[Scope], display: Progress) -> None:
        from spanproof.mutation.vectors.variants import of_heap, of_schedule, of_span

        self._folder = folder
        self._variants = {Scope.SPAN: of_span, Scope.HEAP: of_heap, Scope.SCHEDULE: of_schedule}
        self._display = display
        number = sum(len(list(self._variants[one]())) for one in wanted if one in self._variants)
        self._task = display.add_task("looking for programs", total=number)
        self.told: dict[str, object] = {}
        self.lines: list[str] = []
        self.missed: list[str] = []
        self.good = True

    def write(self, level: Scope) -> None:
        """Write the vectors of a level."""
        from spanproof.mutation.vectors.heapvectors import choose_heaps, heap_lines
        from spanproof.mutation.vectors.races import choose_races, race_lines
        from spanproof.mutation.vectors.vectors import (
            about,
            choose,
            reached,
            size_lines,
            span_lines,
        )

        match level:
            case Scope.SIZES:
                lines = size_lines()
            case Scope.SPAN:
                chosen = choose(self._variants[level](), reached(), self._hear)
                lines = span_lines(chosen)
                self.told |= about(chosen)
                self._tell("spans", chosen.vectors, chosen.left)
                self.lines[-1] += (
                    f"; {len(chosen.out_of_reach)} more are of functions that no program of a span "
                    "reaches"
                )
            case Scope.HEAP:
                of_heaps = choose_heaps(self._variants[level](), self._hear)
                lines = list(heap_lines(of_heaps.vectors))
                self.told["heaps"] = told_of(of_heaps.vectors, of_heaps.left)
                self._tell("heaps", of_heaps.vectors, of_heaps.left)
            case _:
                races, left = choose_races(self._variants[level](), hear=self._hear)
                lines = list(race_lines(races))
                self.told["races"] = told_of(races, left)
                self._tell("races", races, left, least=0.0)
        savedfile.write_bytes(file_of(lines), self._folder / LEVELS[level])

    def _hear(self, name: str) -> None:
        self._display.advance(self._task)

    def _tell(
        self, what: str, vectors: Sequence[Finds], left: Sequence[str], least: float = LEAST_FOUND
    ) -> None:
        found = sum(len(one.finds) for one in vectors)
        variants = counted(found + len(left), "wrong variant")
        self.lines.append(f"{counted(len(vectors), 'vector')} of {what} find {found} of {variants}")
        self.missed += [f"  not found: {name}" for name in left]
        self.good = self.good and found >= least * (found + len(left))


def told_of(vectors: Sequence[Finds], left: Sequence[str]) -> dict[str, object]:
    """Return what is said of some vectors: what they find, and what not."""
    found = sum(len(one.finds) for one in vectors)
    return {
        "vectors": len(vectors),
        "finds": found,
        "variants": found + len(left),
        "does not find": list(left),
    }


def ask_all(folder: Path, found_with: FoundWith) -> int:
    """Ask an implementation what the vectors of a folder ask, and print what is wrong."""
    lines: list[bytes] = []
    there = [folder / name for name in LEVELS.values() if (folder / name).exists()]
    for path in there:
        try:
            lines += lines_of(savedfile.content_of(path))
        except OSError as problem:
            raise Unusable(f"{path}: {problem.strerror}") from None
        except ValueError as problem:
            raise Unusable(f"{path} {problem}") from None
    if not lines:
        raise Unusable(
            f"{folder} has no vectors; spanspec vectors {savedfile.as_argument(folder)} writes them"
        )
    try:
        answerer = answerer_of(found_with)
        answerer.limit = PATIENCE

        def consumed() -> Consumed:
            try:
                return consume(answerer, lines)
            finally:
                answerer.close()

        done = apart(consumed, Consumed, Limits(2 * PATIENCE), (CannotStart, Broken, *NO_VECTOR))
    except (CannotStart, Broken) as problem:
        raise Unusable(f"{named(found_with)}{problem}") from None
    except NO_VECTOR as problem:
        raise Unusable(f"{folder} has a line that is no vector: {problem}") from None
    except OSError as problem:
        raise Unusable(f"{named(found_with)}{problem.strerror}") from None
    if not done.vectors:
        raise Unusable(f"{named(found_with)}it has none of the levels that vectors are of")
    for one in done.wrong:
        out.print(f"vector {one.vector}: wrong reply to {one.asked}", markup=False)
        out.print(f"  must be {one.wanted}", markup=False)
        out.print(f"  is      {one.seen}", markup=False)
        for line in in_words(one.rules):
            out.print(f"  {line}", markup=False)
    out.print(
        f"{counted(done.vectors, 'vector')}, {counted(done.replies, 'reply', 'replies')}, "
        f"{len(done.wrong)} wrong",
        markup=False,
    )
    return FAILS if done.wrong else HOLDS
