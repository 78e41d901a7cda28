"""A campaign in slices, which several processes run side by side, here or on a cluster.

Each slice has programs of its own, by their numbers, so none is run twice. What they keep goes to a
store that all of them share; a slice whose process is killed is run again.
"""

import tempfile
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Future, wait
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from spanproof.doors.targets import Campaigner, campaign_of
from spanproof.fuzz.campaigns.campaign import CampaignResult, OnProgress
from spanproof.fuzz.campaigns.finding import FoundWith
from spanproof.fuzz.engine.causes import cause_of
from spanproof.fuzz.isolation.ending import Limits
from spanproof.fuzz.isolation.worker import SliceDiverged
from spanproof.fuzz.lockstep.divergence import Divergence
from spanproof.support.files.savedfile import UNDECODABLE, formatted
from spanproof.support.files.stores import FolderStore, Rest, SharedStore
from spanproof.support.processes.pools import pool

PROGRAMS: Final = 1 << 32
"""Numbers that a slice has for its programs: more than it can run."""

SECONDS: Final = 10.0
"""A slice takes so long; then it is known what it has done."""

LOOK: Final = 0.5
"""Seconds between two looks at what slices under way have found."""

ATTEMPTS: Final = 3
"""How often a slice is tried whose process is killed."""


class Slice(NamedTuple):
    """A part of a campaign."""

    number: int
    start: int
    known: tuple[str, ...]
    seconds: float
    limits: Limits
    shrink: float
    corpus: SharedStore

    @property
    def found(self) -> str:
        """The name of what it has found, until the campaign ends."""
        return f"found-{self.start}-{self.number}.json"

    def note(self, divergence: Divergence) -> None:
        """Note what it has found, as it is told before it is made smaller."""
        with suppress(OSError):
            self.corpus.write(self.found, formatted(SliceDiverged(divergence)))

    def noted(self) -> Divergence | None:
        """Return what it has found, if it has noted that. Raises: OSError."""
        text = self.corpus.read(self.found)
        if text is None:
            return None
        try:
            return msgspec.json.decode(text, type=SliceDiverged).divergence
        except UNDECODABLE:
            return None


def run_slice(found_with: FoundWith, one: Slice) -> CampaignResult:
    """Run a part of a campaign."""
    return campaign_of(found_with)(
        start=one.start,
        known=one.known,
        seconds=one.seconds,
        limits=one.limits,
        shrink=one.shrink,
        corpus=one.corpus,
        first=one.number * PROGRAMS,
        on_found=one.note,
    )


class Sliced(NamedTuple):
    """How a campaign is cut: so many processes, of a cluster if one is named, and the store.

    Without a store there is a folder for the time of the campaign.
    """

    jobs: int = 1
    scheduler: str = ""
    corpus: SharedStore | None = None


def campaign_in_slices(
    found_with: FoundWith,
    sliced: Sliced,
    *,
    seconds: float,
    limits: Limits,
    shrink: float,
    start: int = 0,
    known: Collection[str] = (),
    on_progress: OnProgress | None = None,
    on_found: Callable[[Divergence], None] | None = None,
    **_: object,
) -> CampaignResult:
    """Run a campaign for a time, or until a program diverges; an interrupt returns what was done.

    It takes what `run_target` takes.

    Raises: WrongFactory if what is under test cannot be used; Missing without a cluster's package;
        OSError if the store cannot be used, unless something is known already.
    """
    began = time.monotonic()
    done = Counter[str]()
    result = CampaignResult(0, 0.0, done, None, False, ())
    noted: dict[int, Divergence] = {}
    begun: list[Slice] = []

    def is_found(one: Slice, divergence: Divergence) -> None:
        noted.setdefault(one.number, divergence)
        if on_found is not None and len(noted) == 1:
            on_found(divergence)

    with ExitStack() as stack:
        store = sliced.corpus
        if store is None:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="spanspec-"))
            store = FolderStore(Path(folder))
        # What is known was found with this store: then it is done without, if it is gone.
        numbers = slices_of(store, start, needed=not known)

        def cut() -> Slice:
            left = max(0.1, began + seconds - time.monotonic())
            part = min(SECONDS, left)
            one = Slice(next(numbers), start, tuple(known), part, limits, shrink, store)
            begun.append(one)
            return one

        try:
            for piece, one in finished(found_with, sliced, cut, began + seconds, is_found):
                done.update(one.exercised)
                unkept = result.unkept or one.unkept
                result = one._replace(exercised=done, unkept=unkept)
                if on_progress is not None:
                    on_progress(done, time.monotonic() - began)
                if one.divergence is not None:
                    is_found(piece, one.divergence)
                    result = result._replace(beside=other_of(noted, piece, one.divergence))
                    break
        except KeyboardInterrupt:
            # What a slice has found stays found, although it was not made smaller.
            found = result.divergence or next(iter(noted.values()), None)
            result = result._replace(interrupted=True, divergence=found)
        finally:
            forget(begun)
    return result._replace(programs=done["programs"], seconds=time.monotonic() - began)


def other_of(noted: Mapping[int, Divergence], ended: Slice, found: Divergence) -> Divergence | None:
    """Return what was heard of first, if that is of another slice than the one that ended first.

    None if it has the same cause: then the smaller one stands for both.
    """
    number, first = next(iter(noted.items()))
    same = number == ended.number or cause_of(first) == cause_of(found)
    return None if same else first


def campaigner_in_slices(found_with: FoundWith, sliced: Sliced) -> Campaigner:
    """Return what runs campaigns in slices."""
    return partial(campaign_in_slices, found_with, sliced)


def slices_of(store: SharedStore, seed: int, *, needed: bool = True) -> Iterator[int]:
    """Yield the numbers of slices that were not begun in a store; each is noted there first.

    Raises: OSError if the first cannot be noted, and it is `needed`; others, on a full disk or as
        a database is gone, are done without.
    """
    least = 0
    rest = Rest()
    while True:
        number = least
        try:
            with rest.asked() as is_asked:
                if is_asked:
                    number = max(least, store.next_number(str(seed)))
        except OSError:
            if needed and least == 0:
                raise
        least = number + 1
        yield number


def finished(
    found_with: FoundWith,
    sliced: Sliced,
    cut: Callable[[], Slice],
    until: float,
    on_found: Callable[[Slice, Divergence], None],
) -> Iterator[tuple[Slice, CampaignResult]]:
    """Yield each slice with what it comes to, of as many at once as there are jobs, until a time.

    `on_found` hears of what a slice has found that is under way.

    Raises: BrokenExecutor if a slice ends its process again and again.
    """
    again: list[tuple[Slice, int]] = []
    rest = Rest()
    while again or time.monotonic() < until:
        with pool(sliced.jobs, scheduler=sliced.scheduler) as processes:
            running: dict[Future[CampaignResult], tuple[Slice, int]] = {}
            broken = False
            while not broken:
                while len(running) < sliced.jobs and (again or time.monotonic() < until):
                    one, tries = again.pop() if again else (cut(), 1)
                    running[processes.submit(run_slice, found_with, one)] = one, tries
                if not running:
                    return
                ended = set[Future[CampaignResult]]()
                try:
                    ended = wait(running, LOOK, FIRST_COMPLETED).done
                finally:
                    under_way = [one for future, one in running.items() if future not in ended]
                    look_at(under_way, on_found, rest)
                for future in ended:
                    one, tries = running.pop(future)
                    try:
                        result = future.result()
                    except BrokenExecutor as problem:
                        if tries == ATTEMPTS:
                            says = f"slice {one.number} ends its process"
                            raise BrokenExecutor(says) from problem
                        again.append((one, tries + 1))
                        broken = True
                    else:
                        yield one, result
            again += [(one, tries + 1) for one, tries in running.values()]


def look_at(
    slices: Iterable[tuple[Slice, int]],
    on_found: Callable[[Slice, Divergence], None],
    rest: Rest,
) -> None:
    """Tell of what slices under way have found, as far as their store can be asked."""
    try:
        with rest.asked() as is_asked:
            found = [(one, one.noted()) for one, _ in slices] if is_asked else []
    except OSError:
        # A database that is gone may be waited for each time, and there may be many slices.
        return
    for one, divergence in found:
        if divergence is not None:
            on_found(one, divergence)


def forget(slices: Iterable[Slice]) -> None:
    """Remove what slices have noted, as far as that is possible."""
    # As above, the first failure is the last: an hour of 64 jobs has 23000 slices.
    with suppress(OSError):
        for one in slices:
            one.corpus.remove(one.found)
