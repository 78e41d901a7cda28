"""`spanspec vectors`: programs with the replies that they must have, for those without Python."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final, Protocol

import msgspec
import typer

from spanproof.cli.doors import Exec, Library, door_of, named
from spanproof.cli.output import FAILS, HOLDS, Unusable, out, progress
from spanproof.doors.consuming import consume
from spanproof.doors.targets import answerer_of
from spanproof.fuzz.factories import Scope
from spanproof.fuzz.finding import FoundWith
from spanproof.protocol.faults import Broken, CannotStart
from spanproof.support import savedfile
from spanspec.base.wording import counted
from spanspec.rules.book import in_words


class Finds(Protocol):
    """A vector of any kind."""

    @property
    def finds(self) -> tuple[str, ...]:
        """The names of the wrong variants that it finds."""
        ...


LEAST_FOUND = 0.9
"""The share of the wrong variants that vectors have to find."""


FILES: Final = ("sizes.jsonl", "span.jsonl", "heap.jsonl", "races.jsonl")
"""What has vectors in a folder; a folder of another version may have fewer."""

FIRST: Final = FILES[:2]
"""What each has."""

PATIENCE: Final = 60.0
"""Seconds in which an implementation has to give all its replies."""


def vectors(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Where to write them; or where they are.")
    ],
    command: Exec = "",
    lib: Library = "",
) -> int:
    """Write programs with expected replies as JSON lines, which find the known wrong variants.

    With an implementation, ask it what those of a folder ask, and compare its replies.
    """
    door, behind = door_of(command, lib, "")
    if door:
        return ask_all(folder, FoundWith(Scope.SPAN, folder=os.getcwd(), door=door, command=behind))
    from spanproof.mutation.heapvectors import choose_heaps, heap_lines
    from spanproof.mutation.races import choose_races, race_lines
    from spanproof.mutation.variants import of_heap, of_schedule, of_span
    from spanproof.mutation.vectors import about, choose, reached, size_lines, span_lines

    folder.mkdir(parents=True, exist_ok=True)
    spans, heaps, schedules = list(of_span()), list(of_heap()), list(of_schedule())
    with progress("variants") as display:
        total = len(spans) + len(heaps) + len(schedules)
        task = display.add_task("looking for programs", total=total)

        def hear(name: str) -> None:
            display.advance(task)

        chosen = choose(spans, reached(), hear)
        of_heaps = choose_heaps(heaps, hear)
        races, missed = choose_races(schedules, hear=hear)
    told = about(chosen)
    told["heaps"] = told_of(of_heaps.vectors, of_heaps.left)
    told["races"] = told_of(races, missed)
    for name, lines in (
        ("span.jsonl", span_lines(chosen)),
        ("sizes.jsonl", size_lines()),
        ("heap.jsonl", list(heap_lines(of_heaps.vectors))),
        ("races.jsonl", list(race_lines(races))),
    ):
        savedfile.write_bytes(b"".join(line + b"\n" for line in lines), folder / name)
    text = msgspec.json.format(msgspec.json.encode(told), indent=2) + b"\n"
    savedfile.write_bytes(text, folder / "vectors.json")
    found = sum(len(one.finds) for one in chosen.vectors)
    can_be = found + len(chosen.left)
    found_heaps = sum(len(one.finds) for one in of_heaps.vectors)
    found_races = sum(len(one.finds) for one in races)
    out.print(
        f"{counted(len(chosen.vectors), 'vector')} of spans find {found} of "
        f"{counted(can_be, 'wrong variant')}; {len(chosen.out_of_reach)} more are of functions "
        f"that no program of a span reaches\n"
        f"{counted(len(of_heaps.vectors), 'vector')} of heaps find {found_heaps} of {len(heaps)}\n"
        f"{counted(len(races), 'vector')} of races find {found_races} of {len(schedules)}\n"
        f"written to {folder}",
        markup=False,
    )
    for name in (*chosen.left, *of_heaps.left, *missed):
        out.print(f"  not found: {name}", markup=False)
    good = found >= LEAST_FOUND * can_be and found_heaps >= LEAST_FOUND * len(heaps)
    return HOLDS if good else FAILS


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
    for name in FILES:
        if name not in FIRST and not (folder / name).exists():
            continue
        try:
            lines += (folder / name).read_bytes().splitlines()
        except OSError as problem:
            why = f"{folder / name}: {problem.strerror}; spanspec vectors {folder} writes it"
            raise Unusable(why) from None
    try:
        answerer = answerer_of(found_with)
        answerer.limit = PATIENCE
        try:
            done = consume(answerer, lines)
        finally:
            answerer.close()
    except (CannotStart, Broken) as problem:
        raise Unusable(f"{named(found_with)}{problem}") from None
    except (ValueError, LookupError, TypeError) as problem:
        raise Unusable(f"{folder} has a line that is no vector: {problem}") from None
    if not done.vectors:
        raise Unusable(f"{named(found_with)}it has none of the levels that vectors are of")
    for one in done.wrong:
        out.print(f"vector {one.vector}: wrong reply to {one.asked}", markup=False)
        out.print(f"  must be {one.wanted}", markup=False)
        out.print(f"  is      {one.seen}", markup=False)
        for line in in_words(one.rules):
            out.print(f"  {line}", markup=False)
    out.print(
        f"{counted(done.vectors, 'vector')}, {done.replies} replies, {len(done.wrong)} wrong",
        markup=False,
    )
    return FAILS if done.wrong else HOLDS
