"""All planted bugs, the campaign against each, and what earlier campaigns have found."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import as_completed
from pathlib import Path

import msgspec

import spanalloc
import spanspec
from spanproof import fuzz, patch
from spanproof.decide.cache import Cache
from spanproof.fuzz.campaign import CampaignResult
from spanproof.fuzz.divergence import length_of
from spanproof.fuzz.planted import droppedlocks
from spanproof.fuzz.planted import heap as heaps
from spanproof.fuzz.planted import schedule as schedules
from spanproof.fuzz.planted import span as spans
from spanproof.fuzz.planted.span import PlantedBug
from spanproof.support.processes import pool

Campaign = Callable[..., CampaignResult]


class Campaigned(msgspec.Struct, frozen=True):
    """What a campaign against a planted bug came to; `steps` is None if it was not found."""

    name: str
    programs: int
    steps: int | None
    what: str


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


def look_for(name: str, seed: int, examples: int) -> Campaigned:
    """Run the campaign against one planted bug."""
    bug, find = campaigns()[name]
    result = find(bug, start=seed, examples=examples)
    if result.divergence is None:
        return Campaigned(name, result.programs, None, "")
    steps = length_of(result.divergence.program)
    return Campaigned(name, result.programs, steps, result.divergence.what)


def look_for_all(
    names: Sequence[str], seed: int, examples: int, jobs: int, cache: Cache
) -> Iterator[Campaigned]:
    """Yield what each campaign comes to, first those that were run before on the same sources.

    An interrupt is passed on; what was found is kept.
    """
    sources = hash_of_sources()
    keys = {name: key_of(sources, name, seed, examples) for name in names}
    known, left = cache.split(keys, Campaigned)
    for _, found in known:
        yield found
    if not left:
        return
    # Workers start afresh: a bug is planted by importing the package once more.
    with pool(jobs) as processes:
        futures = [processes.submit(look_for, name, seed, examples) for name in left]
        for done in as_completed(futures):
            found = done.result()
            if found.steps is not None:
                cache.put(keys[found.name], found)
            yield found


def hash_of_sources() -> str:
    """Return a hash of all that a campaign depends on: both sides, the patches, and the fuzzer."""
    hashed = hashlib.sha256()
    for package in (spanspec, spanalloc, patch, fuzz):
        for path in sorted(Path(next(iter(package.__path__))).rglob("*.py")):
            hashed.update(path.name.encode() + b"\0" + path.read_bytes())
    return hashed.hexdigest()


def key_of(sources: str, name: str, seed: int, examples: int) -> str:
    """Return the name under which the outcome of a campaign is kept."""
    return hashlib.sha256(f"planted {sources} {name} {seed} {examples}".encode()).hexdigest()
