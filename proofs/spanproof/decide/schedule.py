"""What to decide, and deciding what no earlier run has decided.

This module loads no solver unless there is something left to decide.
"""

import difflib
import fnmatch
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Final

from spanproof.decide.cache import Cache
from spanproof.decide.catalogue import Catalogue
from spanproof.decide.jobs import Job, Outcome
from spanproof.decide.resting import DECIDING
from spanproof.decide.verdict import DEFAULT_TIMEOUT, Answer, Verdict
from spanproof.fingerprint.units import digest_of
from spanproof.support.processes import pools

LONGEST: Final = (
    "objects.layout.index",
    "treap.rotations",
    "count.allocate",
    "kernels.slow",
    "trees.store",
    "sizeclass.find-object",
    "treap.insert",
    "kernels.cut",
    "sizeclass.division",
    "trees.move",
    "methods.malloc",
    "large.layout",
    "objects.malloc-large",
    "courses.free-and-take",
    "courses.pages",
    "courses.refill-and-sweep",
    "kernels.fast",
    "memory.growth",
    "objects.layout.slots",
    "treap.remove",
    "objects.slot.fresh-large",
    "courses.scavenger",
    "methods.fast",
    "span.slow.takes-lowest",
    "methods.addresses",
    "sizeclass.obj-index",
    "objects.pages.scavenge-part",
    "courses.tiny",
    "objects.pages.take-from-arena",
    "span.refines-abstract",
    "objects.pages.take-part",
    "protocol.uncache",
    "protocol.pop",
    "objects.sweep",
    "progress.operation",
    "treap.sums",
    "objects.layout.serves",
    "objects.pages.merge-lower",
    "objects.mark",
    "objects.slot.fresh",
)
"""The obligations that take half a second or more, longest first, as `prove --jobs 1 --json` says.

They are begun first, so that at the end no worker is left alone with one. A stale order costs a
second or two, and nothing else.
"""


def matching(names: Iterable[str], *patterns: str) -> list[str]:
    """Return the names that match one of some shell patterns, or contain it."""
    return [
        name
        for name in names
        if any(fnmatch.fnmatchcase(name, pattern) or pattern in name for pattern in patterns)
    ]


def unmatched(names: Collection[str], patterns: Iterable[str]) -> Iterator[tuple[str, list[str]]]:
    """Yield the patterns that no name matches, each with the names that are most like it."""
    for pattern in patterns:
        if not matching(names, pattern):
            yield pattern, difflib.get_close_matches(pattern, names, n=3, cutoff=0.5)


def obligation_jobs(
    book: Catalogue,
    *patterns: str,
    timeout: float = DEFAULT_TIMEOUT,
    solvers: Sequence[str] = ("z3",),
) -> list[Job]:
    """Return the jobs for all obligations whose id matches a pattern, by each solver."""
    chosen = matching(book.claims, *(patterns or ("*",)))
    return [Job(name, None, timeout, solver) for solver in solvers for name in chosen]


def _place(obligation: str) -> int:
    """Return where in the order an obligation, or a mutant that it has to kill, is begun."""
    return LONGEST.index(obligation) if obligation in LONGEST else len(LONGEST)


def with_lemmas(work: Sequence[Job], book: Catalogue) -> list[Job]:
    """Return jobs, and after them those of the obligations whose claims they build on."""
    needed = [
        job._replace(obligation=name) for job in work for name in book.rests_on(job.obligation)
    ]
    return list(dict.fromkeys([*work, *needed]))


def founded(outcomes: Sequence[Outcome], book: Catalogue) -> list[Outcome]:
    """Return outcomes; who rests on an obligation that is not proved is not proved either."""
    claims = [outcome for outcome in outcomes if outcome.job.mutant is None]
    failed = {one.job.obligation: one.verdict.answer for one in claims if not one.good}

    def judged(outcome: Outcome) -> Outcome:
        if outcome.job.mutant is not None or not outcome.verdict.proved:
            return outcome
        below = [name for name in book.rests_on(outcome.job.obligation) if name in failed]
        if not below:
            return outcome
        # That something below was not asked says nothing of what rests on it, unless it fails.
        name = next((one for one in below if failed[one] != "unasked"), below[0])
        answer: Answer = "unasked" if failed[name] == "unasked" else "unfounded"
        detail = f"rests on {name}, which is {failed[name]}"
        return outcome._replace(verdict=outcome.verdict._replace(answer=answer, detail=detail))

    return [judged(outcome) for outcome in outcomes] if failed else list(outcomes)


def mutant_jobs(book: Catalogue, *patterns: str, timeout: float = DEFAULT_TIMEOUT) -> list[Job]:
    """Return the jobs for all mutants whose name, or whose obligation's id, matches a pattern."""
    patterns = patterns or ("*",)
    names = set(matching(book.mutants, *patterns))
    killers = set(matching(book.claims, *patterns))
    return [
        Job(mutant.killed_by, mutant.name, timeout)
        for mutant in book.mutants.values()
        if mutant.name in names or mutant.killed_by in killers
    ]


def known_reads(
    book: Catalogue, cache: Cache, outcomes: Iterable[Outcome]
) -> dict[str, tuple[str, ...]]:
    """Return which functions obligations read, as far as this run or earlier ones know it.

    Of what is decided by running, it is what ran when `known_runs` last looked, perhaps before an
    edit: noting it takes three times as long as running.
    """
    reads = {o.job.obligation: o.verdict.reads for o in outcomes if o.job.mutant is None}
    others = [job for job in obligation_jobs(book) if job.obligation not in reads]
    entries, _ = cache.split({job: book.key(job) for job in others}, Verdict)
    reads |= {job.obligation: verdict.reads for job, verdict in entries}
    unsaid = [name for name, functions in reads.items() if not functions]
    ran, _ = cache.split({name: _key_of_last_run(name) for name in unsaid}, tuple[str, ...])
    return {name: functions for name, functions in reads.items() if functions} | dict(ran)


def known_runs(book: Catalogue, cache: Cache) -> dict[str, tuple[str, ...]]:
    """Return which functions each obligation runs that is decided by running.

    What no earlier run has told is found out by running them with a plain copy of the model.
    """
    from spanproof.decide.copies import functions_run_by
    from spanproof.theorems import all_explorations

    keys = {name: digest_of("runs", book.claims[name].rests_on) for name in all_explorations()}
    entries, unknown = cache.split(keys, tuple[str, ...])
    found = functions_run_by(unknown)
    for name, functions in found.items():
        cache.put(_key_of_last_run(name), functions)
        if book.claims[name].rests_on and not book.claims[name].unknown:
            cache.put(keys[name], functions)
    return dict(entries) | found


def _key_of_last_run(obligation: str) -> str:
    return digest_of("ran last", obligation)


def get_ready() -> None:
    """Start what workers are forked from, where there will be something to decide.

    It loads the solver and the obligations while this process finds out what that is.
    """
    pools.get_ready((DECIDING,))


def run(
    jobs: Sequence[Job],
    book: Catalogue,
    cache: Cache,
    workers: int | None = None,
    *,
    keep_going: bool = False,
) -> Iterator[Outcome]:
    """Yield outcomes: first those of earlier runs, then others as they are reached and kept.

    On an interrupt the running jobs are abandoned and the interrupt is passed on; what was decided
    is kept. With `keep_going` all are asked in full, whatever fails.
    """
    keys = {job: book.key(job) for job in jobs}
    kept = {job: key for job, key in keys.items() if book.keeps(job)}
    entries, others = cache.split(kept, Verdict)
    before = {job: key for job in others if (key := book.key_before(job)) is not None}
    carried, _ = cache.split(before, Verdict)
    decided = [Outcome(job, verdict, cached=True) for job, verdict in (*entries, *carried)]
    decided = [outcome for outcome in decided if outcome.credible]
    for outcome in decided:
        if outcome.job in before:
            cache.put(keys[outcome.job], outcome.verdict)
    known = {outcome.job for outcome in decided}
    undecided = [job for job in jobs if job not in known]
    yield from decided
    if not undecided:
        return
    from spanproof.decide import suite

    undecided.sort(key=lambda job: _place(job.obligation))
    for outcome in suite.run(undecided, workers, keep_going=keep_going):
        if outcome.good and outcome.job in kept:
            cache.put(keys[outcome.job], outcome.verdict)
        yield outcome
