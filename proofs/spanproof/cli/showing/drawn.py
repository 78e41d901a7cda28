"""`spanspec mutants --random N`: how many mutants that nobody chose are killed, and by whom."""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

from rich.table import Table

from spanproof.cli.output import Unusable, err, gathered, out, print_json
from spanproof.decide.cache import Cache
from spanproof.decide.catalogue import Catalogue
from spanproof.decide.jobs import Job
from spanproof.decide.schedule import known_reads, known_runs, matching
from spanproof.decide.verdict import Verdict
from spanproof.fingerprint.units import digest_of
from spanproof.mutation.drawing.drawn import Drawn, all_drawn, draw, drawable, drawn_of_structures
from spanproof.mutation.drawing.fates import Fate, Judges, MutantJudge
from spanproof.theorems import all_obligations
from spanspec.base.wording import counted

LEAST: Final[dict[str, float]] = {"proofs": 0.80, "all": 0.97, "structures": 0.85}
"""The share of the mutants that can be noticed that has to be killed, by who judges; of those of
spanalloc's structures obligations alone are the judges.
"""


def random_mutants(
    patterns: Sequence[str],
    number: int,
    seed: int,
    judges: Judges,
    cache: Cache,
    book: Catalogue,
    json: bool,
) -> int:
    """Draw mutants of functions that match a pattern, and judge them; what was judged is kept."""
    mutants = draw(all_drawn(set(matching(drawable(), *patterns))), number, seed)
    if not mutants:
        raise Unusable(f"no function that cites a rule matches {' or '.join(patterns)}")
    return judged_and_told(mutants, judges, LEAST["proofs"], cache, book, json)


def mutants_of_structures(
    patterns: Sequence[str], number: int, seed: int, cache: Cache, book: Catalogue, json: bool
) -> int:
    """Draw mutants of spanalloc's spans, trees and page map; obligations alone judge them."""
    mutants = draw(
        drawn_of_structures(lambda name: bool(matching([name], *patterns))), number, seed
    )
    if not mutants:
        raise Unusable(f"no function of these structures matches {' or '.join(patterns)}")
    return judged_and_told(mutants, "proofs", LEAST["structures"], cache, book, json)


def judged_and_told(
    mutants: Sequence[Drawn],
    judges: Judges,
    least: float,
    cache: Cache,
    book: Catalogue,
    json: bool,
) -> int:
    """Judge mutants, of which proofs are to kill at least a share, and tell what came of them."""
    reads = read_by_formulas(known_reads(book, cache, ()), book, cache)
    runs = quickest_first(book, cache)
    # The formulas about spanalloc's vectors are the slowest of all.
    first = mutants[0].module.startswith("spanalloc")
    judge = MutantJudge(book, cache, reads, runs, judges, running_first=first)
    started = time.perf_counter()
    judged = (judge.known(mutant) or judge.judge(mutant) for mutant in mutants)
    all_of = gathered("random mutants", "judging", len(mutants), judged)
    fates = all_of.found
    show(mutants, fates, judges, time.perf_counter() - started, json)
    if all_of.interrupted:
        err.print(f"interrupted: {len(fates)} of {len(mutants)} were judged; say it again to go on")
    proved, killed = sum(fate.proved for fate in fates), sum(fate.killed for fate in fates)
    noticeable = len(fates) - sum(bool(fate.reason) for fate in fates)
    by_proofs = proved >= least * noticeable
    by_all = judges == "proofs" or killed >= LEAST["all"] * noticeable
    return all_of.status(by_proofs and by_all)


def read_by_formulas(
    known: Mapping[str, Sequence[str]], book: Catalogue, cache: Cache
) -> dict[str, Sequence[str]]:
    """Return what each formula reads; what no run has told, it is built to tell, and kept."""
    found: dict[str, Sequence[str]] = {}
    for name, claim in all_obligations().items():
        key = digest_of("reads", book.claims[name].rests_on, name)
        there = known.get(name) or cache.get(key, tuple[str, ...])
        found[name] = there or tuple(claim.proof().reached)
        if not there and book.claims[name].rests_on:
            cache.put(key, found[name])
    return found


def quickest_first(book: Catalogue, cache: Cache) -> dict[str, tuple[str, ...]]:
    """Return what each obligation runs that is decided by running, of the fewest states first."""
    runs = known_runs(book, cache)
    kept = {name: cache.get(book.key(Job(name)), Verdict) for name in runs}
    states = {name: 0 if one is None else one.queries for name, one in kept.items()}
    return {name: runs[name] for name in sorted(runs, key=lambda name: states[name])}


def show(
    mutants: Sequence[Drawn], fates: Sequence[Fate], judges: Judges, wall: float, json: bool
) -> None:
    """Print what survives, by function, and who has killed how many."""
    by = Counter(family(fate) for fate in fates)
    survivors = sorted(fate for fate in fates if not fate.killed)
    proved = sum(fate.proved for fate in fates)
    killed = sum(fate.killed for fate in fates)
    excused = [fate for fate in survivors if fate.reason]
    if json:
        print_json(
            {
                "mutants": len(mutants),
                "judged": len(fates),
                "killed_by_proofs": proved,
                "killed": killed,
                "judges": judges,
                "by": dict(by),
                "survivors": [fate._asdict() for fate in survivors if not fate.reason],
                "unnoticeable": [fate._asdict() | {"why": fate.reason} for fate in excused],
                "fates": [fate._asdict() for fate in fates],
                "wall_seconds": wall,
            }
        )
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("survives in", "line", "what", "was", "is"):
        table.add_column(heading)
    for fate in survivors:
        if fate.reason:
            continue
        name = fate.function.removeprefix("spanspec.")
        table.add_row(name, str(fate.line), fate.kind, fate.before, fate.after)
    if len(survivors) > len(excused):
        out.print(table, markup=False)
    for fate in excused:
        name = fate.function.removeprefix("spanspec.")
        out.print(f"nobody can notice {name}:{fate.line}: {fate.reason}", markup=False)
    told = ", ".join(f"{number} {who}" for who, number in by.most_common())
    out.print(f"by whom: {told}", markup=False)
    noticeable = len(fates) - len(excused)
    share = 100 * proved / max(noticeable, 1)
    of = f" of {noticeable} that can be noticed" if excused else ""
    more = f", {killed} by all judges" if judges == "all" else ""
    out.print(
        f"{proved} of {counted(len(fates), 'random mutant')} killed by obligations "
        f"({share:.0f} %{of}){more}; wall {wall:.0f} s",
        markup=False,
    )


def family(fate: Fate) -> str:
    """Return who killed a mutant, in a word or two."""
    if not fate.killed:
        return "nobody"
    return f"{fate.by.partition('.')[0]}.*" if fate.proved else fate.by.split(",")[0]
