"""All planted bugs, the campaign against each, and what earlier campaigns have found."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Final

import msgspec

import spanalloc
import spanspec
from spanproof import fuzz, patch, protocol, replay
from spanproof.decide.cache import Cache
from spanproof.fuzz.campaigns.campaign import CampaignResult
from spanproof.fuzz.lockstep.divergence import length_of
from spanproof.fuzz.planted import droppedlocks
from spanproof.fuzz.planted import heap as heaps
from spanproof.fuzz.planted import schedule as schedules
from spanproof.fuzz.planted import span as spans
from spanproof.fuzz.planted.planting import Effort, PlantedBug
from spanproof.support.processes.sidebyside import each_result, lost

Campaign = Callable[[PlantedBug, Effort], CampaignResult]


class Campaigned(msgspec.Struct, frozen=True):
    """What a campaign against a planted bug came to; `steps` is None if it was not found.

    `operations` are the calls that were made of both sides until it was found, or given up. `blind`
    are those of a search that is not guided; None if there was none.
    """

    name: str
    programs: int
    operations: int
    steps: int | None
    what: str
    blind: int | None = None


def campaigns() -> dict[str, tuple[PlantedBug, Campaign]]:
    """Return the planted bugs by name, each with the campaign that looks for it."""
    found: dict[str, tuple[PlantedBug, Campaign]] = {}
    for bug in spans.PLANTED:
        found[f"one span: {bug.name}"] = (bug, spans.find)
    for bug in heaps.BUGS:
        found[bug.name] = (bug, heaps.find_in_heap)
    for bug in schedules.RACES:
        found[f"several Ps: {bug.name}"] = (bug, schedules.find_in_schedule)
    for bug in droppedlocks.dropped_locks():
        found[bug.name] = (bug, heaps.find_in_heap)
    return found


def look_for(name: str, effort: Effort, blind: bool) -> Campaigned:
    """Run the campaign against one planted bug, and one that is not guided if that is asked for."""
    bug, find = campaigns()[name]
    result = find(bug, effort)
    alone = None
    if blind:
        alone = find(bug, effort._replace(guided=False, shrink=0.0)).exercised["calls"]
    found = result.divergence
    return Campaigned(
        name,
        result.programs,
        result.exercised["calls"],
        None if found is None else length_of(found.program),
        "" if found is None else found.what,
        alone,
    )


def look_for_all(
    names: Sequence[str], effort: Effort, blind: bool, jobs: int, cache: Cache
) -> Iterator[Campaigned]:
    """Yield what each campaign comes to, first those that were run before on the same sources.

    An interrupt is passed on; what was found is kept.

    Raises: Lost at the end, with those that have their workers killed.
    """
    sources = hash_of_sources()
    keys = {name: key_of(sources, name, effort, blind) for name in names}
    known, left = cache.split(keys, Campaigned)
    for _, found in known:
        yield found
    if not left:
        return
    # Workers start afresh: a bug is planted by importing the package once more.
    work = partial(look_for, effort=effort, blind=blind)
    for found in each_result(list(left), jobs, (), work, lost):
        if found.steps is not None:
            cache.put(keys[found.name], found)
        yield found


DEPENDED_ON: Final = (spanspec, spanalloc, patch, replay, protocol, fuzz)
"""The packages of both sides, of the patches, and of the fuzzer with the forms that it reads."""


def hash_of_sources() -> str:
    """Return a hash of all that a campaign depends on."""
    hashed = hashlib.sha256()
    for package in DEPENDED_ON:
        folder = Path(next(iter(package.__path__)))
        for path in sorted(folder.rglob("*.py")):
            name = path.relative_to(folder).as_posix()
            hashed.update(f"{package.__name__} {name}\0".encode() + path.read_bytes())
    return hashed.hexdigest()


def key_of(sources: str, name: str, effort: Effort, blind: bool) -> str:
    """Return the name under which the outcome of a campaign is kept."""
    return hashlib.sha256(f"planted {sources} {name} {effort} {blind}".encode()).hexdigest()
