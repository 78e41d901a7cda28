"""`spanspec mutants --generated`: a slow campaign over every function that a proof reads."""

import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from os import cpu_count
from typing import TYPE_CHECKING

from spanproof.cli.output import Unusable, err, from_extra, gathered, out, print_json
from spanproof.decide.cache import Cache
from spanproof.decide.catalogue import Catalogue
from spanproof.decide.schedule import matching
from spanproof.support.processes.sidebyside import each_result_of, lost
from spanspec.base.wording import counted

if TYPE_CHECKING:
    from spanproof.mutation.drawing.generated import Generated, GeneratedFate

EVERYWHERE = "*"
"""Stands for all functions together, where kills are counted."""

LEAST_KILLED = 0.85
"""The share of generated mutants that has to be killed."""


def campaign(
    patterns: Sequence[str],
    sample: int,
    seed: int,
    jobs: int,
    cache: Cache,
    book: Catalogue,
    json: bool,
) -> int:
    """Judge generated mutants, as many as `sample` (0 for all); what was judged is kept."""
    with from_extra("mutation"):
        from spanproof.mutation.drawing import generated
    users = generated.users_of_functions()
    unread = matching(generated.unread_functions(users), *patterns)
    users = {name: users[name] for name in matching(users, *patterns)}
    if not users:
        raise Unusable(f"no function that a proof reads matches {' or '.join(patterns)}")
    mutants = generated.all_mutants(users, sample, seed)
    started = time.perf_counter()
    judged = judge_all(mutants, users, jobs or cpu_count() or 1, cache, book)
    all_of = gathered("generated mutants", "judging", len(mutants), judged)
    fates = all_of.found
    show(fates, len(mutants), unread, time.perf_counter() - started, json)
    if all_of.interrupted:
        err.print(f"interrupted: {len(fates)} of {len(mutants)} were judged; say it again to go on")
    if not mutants:
        raise Unusable("no function that was chosen has a mutant: nothing was judged")
    killed = sum(fate.killed for fate in fates)
    return all_of.status(killed >= LEAST_KILLED * len(fates))


def judge_all(
    mutants: Sequence["Generated"],
    users: dict[str, list[str]],
    workers: int,
    cache: Cache,
    book: Catalogue,
) -> "Iterator[GeneratedFate]":
    """Yield what becomes of mutants, first of those that were judged before.

    Raises: Lost at the end, with those that have their workers killed.
    """
    from spanproof.mutation.drawing import generated

    waiting = []
    for mutant in mutants:
        kept = cache.get(mutant.key, generated.KeptGeneratedFate)
        judges = users[mutant.function]
        if kept and kept.basis == generated.basis_of(kept.fate, judges, book.claims):
            yield kept.fate
        else:
            waiting.append(mutant)
    for mutant, fate in judged(waiting, users, workers):
        basis = generated.basis_of(fate, users[mutant.function], book.claims)
        cache.put(mutant.key, generated.KeptGeneratedFate(fate, basis))
        yield fate


def judged(
    mutants: Sequence["Generated"], users: dict[str, list[str]], workers: int
) -> "Iterator[tuple[Generated, GeneratedFate]]":
    """Yield mutants with what became of them, a few under way at a time.

    Obligations that killed mutants of the same function before are asked first, then those that
    killed others.

    Raises: Lost at the end, with those that have their workers killed.
    """
    from spanproof.mutation.drawing.generated import judge_one

    kills: defaultdict[str, Counter[str]] = defaultdict(Counter)

    def given(mutant: "Generated") -> "tuple[Generated, list[str]]":
        return mutant, likeliest_first(users[mutant.function], kills, mutant.function)

    def killed(mutant: "Generated") -> "tuple[Generated, GeneratedFate]":
        lost(f"{mutant.function} line {mutant.line}: {mutant.after}")

    preload = ["spanproof.mutation.drawing.generated"]
    for mutant, fate in each_result_of(mutants, workers, preload, judge_one, killed, given):
        for group in (fate.function, EVERYWHERE):
            kills[group][fate.by] += fate.killed
        yield mutant, fate


def likeliest_first(
    judges: Sequence[str], kills: Mapping[str, Counter[str]], function: str
) -> list[str]:
    """Return obligations in the order of how many mutants they killed, of this function first."""
    near, far = kills[function], kills[EVERYWHERE]
    return sorted(judges, key=lambda one: (-near[one], -far[one]))


def show(
    fates: Sequence["GeneratedFate"], total: int, unread: Sequence[str], wall: float, json: bool
) -> None:
    """Print the survivors, the figures, and which functions no proof reads."""
    tally = Counter(fate.answer for fate in fates)
    killed = sum(fate.killed for fate in fates)
    survivors = sorted(fate for fate in fates if not fate.killed)
    if json:
        print_json(
            {
                "mutants": total,
                "judged": len(fates),
                "killed": killed,
                "answers": dict(tally),
                "unread": unread,
                "survivors": [fate._asdict() for fate in survivors],
                "wall_seconds": wall,
            }
        )
        return
    for fate in survivors:
        out.print(f"[bold]{fate.function}[/] line {fate.line}: {fate.answer}", highlight=False)
        out.print(f"    - {fate.before}\n    + {fate.after}", markup=False)
    if unread:
        out.print(f"read by no proof: {counted(len(unread), 'function')}: --json names them")
    share = 100 * killed / len(fates) if fates else 0.0
    answers = ", ".join(f"{count} {answer}" for answer, count in sorted(tally.items()))
    out.print(
        f"{killed} of {len(fates)} generated mutants killed ({share:.1f} %): {answers}; "
        f"{total - len(fates)} left to judge; wall {wall:.0f} s",
        markup=False,
    )
