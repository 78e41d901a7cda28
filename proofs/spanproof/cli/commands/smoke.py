"""`spanspec smoke`: which levels of an implementation work, and what is wrong with a reply."""

import os
from typing import Annotated, Final, NamedTuple, get_args

import typer
from msgspec.structs import replace

from spanproof.cli.campaigning.doors import AnyMalloc, Exec, Library, door_of, long_of, named
from spanproof.cli.options import Json
from spanproof.cli.output import FAILS, HOLDS, INTERRUPTED, Unusable, out, print_json, progress
from spanproof.cli.showing.abridged import abridged
from spanproof.doors.targets import campaign_of, greeting_of
from spanproof.fuzz.campaigns.campaign import CampaignResult
from spanproof.fuzz.campaigns.finding import FoundWith
from spanproof.fuzz.isolation.ending import Limits
from spanproof.fuzz.sides.factories import Scope, WrongFactory
from spanproof.protocol.faults import CannotStart
from spanproof.protocol.messages import LARGEST, Greeting, LackOfContract, LackOfHeap
from spanspec.base.wording import counted

SHRINK: Final = 2.0
"""Seconds in which what is found is made smaller."""


class Level(NamedTuple):
    """What became of a level: programs and steps, and what is wrong."""

    level: str
    works: bool
    programs: int
    steps: int
    wrong: str


def smoke(
    command: Exec = "",
    lib: Library = "",
    malloc: AnyMalloc = "",
    seconds: Annotated[float, typer.Option(min=0.5, help="How long to run.")] = 10.0,
    json: Json = False,
) -> int:
    """Try each level that an implementation says it has, and say what is wrong with it."""
    door, behind = door_of(command, lib, malloc)
    if not door:
        raise Unusable("name an implementation: --exec COMMAND, --lib FILE.so or --malloc FILE.so")
    found_with = FoundWith(Scope.SPAN, folder=os.getcwd(), door=door, command=behind)
    try:
        greeting = greeting_of(found_with)
        results: list[Level] = []
        if not json:
            out.print(introduction(greeting), markup=False)
        share = max(0.3, seconds / len(greeting.levels) - SHRINK / 4)
        with progress("levels", live=False) as display:
            task = display.add_task("trying", total=len(greeting.levels))
            for level in greeting.levels:
                one = replace(found_with, of=Scope(level))
                run = campaign_of(one, long_of(one, 0, 1))
                try:
                    result = run(seconds=share, limits=Limits(), shrink=SHRINK)
                except WrongFactory as problem:
                    # It has said that it has this level; the others may work.
                    results.append(Level(level, False, 0, 0, str(problem)))
                else:
                    if result.interrupted:
                        return INTERRUPTED
                    results.append(judged(level, result))
                display.advance(task)
                if not json:
                    tell(results[-1])
    except CannotStart as problem:
        raise Unusable(f"{named(found_with)}{problem}") from None
    if json:
        print_json({"greeting": greeting, "levels": [one._asdict() for one in results]})
    return HOLDS if all(one.works for one in results) else FAILS


def introduction(greeting: Greeting) -> str:
    """Return who answers, and what it has, in one line; of its contract, what bounds it, too."""
    shown = [one for one in greeting.shows if one != "results"]
    told = [f"has {', '.join(greeting.levels)}", f"shows {', '.join(['results', *shown])}"]
    for level, some in (("contract", LackOfContract), ("heap", LackOfHeap)):
        lacks = [one for one in greeting.lacks if one in get_args(some)]
        if lacks and level in greeting.levels:
            told.append(f"its {level} lacks {', '.join(lacks)}")
    if greeting.largest < LARGEST:
        told.append(f"an object has at most {counted(greeting.largest, 'byte')}")
    if greeting.memory < LARGEST:
        told.append(f"all objects have at most {counted(greeting.memory, 'byte')}")
    return f"{greeting.name}, protocol {greeting.protocol}: {'; '.join(told)}"


def judged(level: str, result: CampaignResult) -> Level:
    """Return what became of a level."""
    divergence = result.divergence
    wrong = "" if divergence is None else abridged(divergence.render())
    steps = result.exercised["steps"]
    return Level(level, divergence is None, result.programs, steps, wrong)


def tell(one: Level) -> None:
    """Print what became of a level."""
    run = f"{counted(one.programs, 'program')}, {counted(one.steps, 'step')}"
    if one.works:
        out.print(f"{one.level}: works; {run}", markup=False)
        return
    out.print(f"{one.level}: is wrong; {counted(one.programs, 'program')}", markup=False)
    for line in one.wrong.splitlines():
        out.print(f"  {line}", markup=False)
