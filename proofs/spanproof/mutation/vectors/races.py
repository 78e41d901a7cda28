"""Vectors of races: what was done before, calls of two Ps at once, and what they may come to."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, NamedTuple

import msgspec

from spanproof.fuzz.heapsides import Side, SideFactory
from spanproof.fuzz.levels.answeringheap import ENCODER, program_of
from spanproof.fuzz.levels.atonce import made, said_of, ways, why_none
from spanproof.fuzz.levels.recorded import line_of
from spanproof.fuzz.programs.heapprogram import (
    AddSpecial,
    EnsureSwept,
    FinishCycle,
    FreeOsMemory,
    HeapProgram,
    Malloc,
    MarkEvery,
    RemoveFinalizer,
    StartCycle,
    Step,
    Sweep,
    TakeManual,
    Task,
    Together,
)
from spanproof.mutation.vectors.outcomes import Race, race_of
from spanproof.mutation.vectors.variants import ModelVariant
from spanproof.protocol.messages import HeapCall, NewHeap

DEAD: Final[tuple[Step, ...]] = (StartCycle(), FinishCycle())
ALL: Final[tuple[Step, ...]] = (StartCycle(), MarkEvery(1), FinishCycle())
HALF: Final[tuple[Step, ...]] = (StartCycle(), MarkEvery(2), FinishCycle())
"""A cycle in which nothing stays alive, all does, or every other object."""


class RaceScene(NamedTuple):
    """A race by its name, what is done before, what two Ps then do, and the rules that it is about.

    What is done is few steps, so that every order of them can be gone through.
    """

    name: str
    before: tuple[Step, ...]
    first: Task
    second: Task
    rules: tuple[str, ...]

    def program(self) -> HeapProgram:
        """Return it as a program."""
        return HeapProgram((*self.before, Together((self.first, self.second))), procs=2)


SCENES: Final = (
    RaceScene("two finalizers", (Malloc(64),), AddSpecial(), AddSpecial(p=1), ("SWP-26",)),
    RaceScene(
        "two first spans", (), Malloc(2048), Malloc(2048, p=1), ("CEN-8", "CEN-10", "HEAP-13")
    ),
    RaceScene("two sweepers", (Malloc(8192, 2), *HALF), Sweep(), Sweep(p=1), ("SWP-11", "SWP-15")),
    RaceScene(
        "a sweeper, and one that needs the span swept",
        (Malloc(8192, 2), *HALF),
        Sweep(),
        EnsureSwept(p=1),
        ("SWP-15", "SWP-18"),
    ),
    RaceScene(
        "a sweeper, and a finalizer",
        (Malloc(4096, 3), *HALF),
        Sweep(2),
        AddSpecial(p=1),
        ("SWP-18", "SWP-24"),
    ),
    RaceScene(
        "a sweeper, and a finalizer that is taken away",
        (Malloc(4096, 3), AddSpecial(), *ALL),
        Sweep(),
        RemoveFinalizer(p=1),
        ("SWP-18", "SWP-24"),
    ),
    RaceScene(
        "a refill of unswept spans, and a sweeper",
        (Malloc(8192, 2), *HALF),
        Malloc(8192),
        Sweep(p=1),
        ("CEN-4", "SWP-15"),
    ),
    RaceScene(
        "a refill of spans with free slots, and a sweeper",
        (Malloc(4096, 3), *HALF),
        Malloc(4096),
        Sweep(p=1),
        ("CEN-3", "SWP-15"),
    ),
    RaceScene(
        "a refill from the nonempty list, unswept, and a sweeper",
        (Malloc(4096, 3), *HALF, *HALF),
        Malloc(4096),
        Sweep(p=1),
        ("CEN-3", "SWP-15"),
    ),
    RaceScene(
        "two refills from the nonempty list, unswept",
        (Malloc(4096, 3), *HALF, *HALF),
        Malloc(4096),
        Malloc(4096, p=1),
        ("CEN-3", "CEN-10"),
    ),
    RaceScene(
        "two refills of unswept spans",
        (Malloc(8192, 2), *DEAD),
        Malloc(8192),
        Malloc(8192, p=1),
        ("CEN-4",),
    ),
    RaceScene(
        "a large object, for which pages are reclaimed, and a sweeper",
        (Malloc(8192, 2), Malloc(40_000), *HALF),
        Malloc(40_000),
        Sweep(p=1),
        ("SWP-21", "SWP-15"),
    ),
    RaceScene(
        "a manual span, and a sweeper that frees",
        (Malloc(8192, 2), *DEAD),
        TakeManual(4),
        Sweep(p=1),
        ("HEAP-24",),
    ),
    RaceScene(
        "a sweeper, and FreeOSMemory",
        (Malloc(8192, 2), *DEAD),
        FreeOsMemory(),
        Sweep(p=1),
        ("SWP-38",),
    ),
)


class RaceVector(NamedTuple):
    """A scene, its outcomes, and the wrong variants that it finds."""

    scene: RaceScene
    race: Race
    finds: tuple[str, ...]


def wrong_in(make: SideFactory, race: Race) -> str:
    """Return why a heap does not come to one of the outcomes, "" if it always does."""
    asked = [ask for ask, _ in race.before]
    assert isinstance(asked[0], NewHeap)
    start = program_of(asked[0])

    def begun() -> Side:
        side = make(start)
        for ask in asked:
            if isinstance(ask, HeapCall):
                said_of(side, ask)
        return side

    try:
        for way in ways(race.calls, in_steps=True):
            side = begun()
            said = made(side, race.calls, way, in_steps=True)
            why = why_none(race.outcomes, said, json.loads(ENCODER.encode(side.state())))
            if why:
                return why
    except Exception as problem:  # whatever a wrong variant does is wrong
        return f"raises {type(problem).__name__}: {problem}"
    return ""


def choose_races(
    variants: Iterable[ModelVariant],
    scenes: Sequence[RaceScene] = SCENES,
    hear: Callable[[str], None] = lambda name: None,
) -> tuple[list[RaceVector], list[str]]:
    """Return the vectors of all scenes, the shortest first, and the variants that none finds."""
    races = [(scene, race_of(scene.program())) for scene in scenes]
    finds: dict[str, list[str]] = {scene.name: [] for scene in scenes}
    left: list[str] = []
    for variant in variants:
        hear(variant.name)
        make: SideFactory = variant.make()  # type: ignore[assignment]
        by = [scene.name for scene, race in races if wrong_in(make, race)]
        if not by:
            left.append(variant.name)
        for name in by[:1]:
            finds[name].append(variant.name)
    vectors = [RaceVector(scene, race, tuple(finds[scene.name])) for scene, race in races]
    return sorted(vectors, key=lambda one: len(one.race.before)), left


def race_lines(vectors: Iterable[RaceVector]) -> Iterator[bytes]:
    """Yield the lines of the file of races."""
    for one in vectors:
        yield line_of(
            one.race.before,
            level="heap",
            name=one.scene.name,
            rules=one.scene.rules,
            finds=one.finds,
            **{
                "at once": one.race.calls,
                "outcomes": [
                    {"said": outcome.said, "state": msgspec.Raw(outcome.state)}
                    for outcome in one.race.outcomes
                ],
            },
        )
