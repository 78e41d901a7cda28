"""`spanspec mutants --of spanalloc`: random mutants of the implementation, and who notices them."""

import time
from collections import Counter
from collections.abc import Sequence
from typing import Final

from rich.markup import escape

from spanproof.cli.output import Unusable, err, gathered, out, print_json
from spanproof.decide.cache import Cache
from spanproof.mutation.drawing.ofspanalloc import Efforts, ImplFate, drawn, judge_all
from spanproof.report.tests import folder_of_tests
from spanspec.base.wording import counted

LEAST: Final = 0.95
"""The share that has to be noticed, of the mutants that can be."""


def mutants_of_spanalloc(
    patterns: Sequence[str], number: int, seed: int, jobs: int, cache: Cache, json: bool
) -> int:
    """Draw mutants of the functions that have a pattern in their names, and judge them."""
    chosen = drawn(number, seed, patterns)
    if not chosen:
        raise Unusable(f"no function of spanalloc has {' or '.join(patterns)} in its name")
    efforts = Efforts(tests=folder_of_tests() is not None)
    if not efforts.tests:
        err.print("the tests of spanalloc are not here, only fuzzing judges: use a checkout")
    started = time.perf_counter()
    judged = judge_all(chosen, efforts, jobs or 2, cache)
    all_of = gathered("mutants", "judging", len(chosen), judged)
    fates = sorted(all_of.found, key=lambda fate: (fate.module, fate.line, fate.before, fate.after))
    show(fates, time.perf_counter() - started, json)
    if all_of.interrupted:
        err.print(f"interrupted: {len(fates)} of {len(chosen)} were judged; say it again to go on")
    can_be, noticed = figures_of(fates)
    return all_of.status(noticed >= LEAST * can_be)


def figures_of(fates: Sequence[ImplFate]) -> tuple[int, int]:
    """Return how many of some mutants can be noticed, and how many are."""
    noticed = sum(bool(fate.by) for fate in fates)
    return noticed + sum(not fate.by and not fate.reason for fate in fates), noticed


def show(fates: Sequence[ImplFate], wall: float, json: bool) -> None:
    """Print what survives, with file, line and reason, and who has noticed how many."""
    can_be, noticed = figures_of(fates)
    by = Counter(fate.by or ("nobody can" if fate.reason else "nobody") for fate in fates)
    if json:
        print_json(
            {
                "judged": len(fates),
                "can_be_noticed": can_be,
                "noticed": noticed,
                "by": dict(by),
                "fates": fates,
                "wall_seconds": wall,
            }
        )
        return
    survivors = [fate for fate in fates if not fate.by]
    for fate in sorted(survivors, key=lambda fate: bool(fate.reason)):
        known = f"[green]{escape(fate.reason)}[/]" if fate.reason else "[red]no reason is known[/]"
        out.print(f"[bold]{fate.place}[/] {escape(fate.function)} survives: {known}")
        out.print(f"    {fate.source}", markup=False)
        out.print(f"    {fate.before} -> {fate.after}", markup=False)
    told = ", ".join(f"{number} {who}" for who, number in by.most_common())
    share = 100 * noticed / max(can_be, 1)
    out.print(f"by whom: {told}", markup=False)
    out.print(
        f"{noticed} of {counted(can_be, 'mutant')} noticed that can be ({share:.0f} %), "
        f"of {len(fates)} drawn; wall {wall:.0f} s",
        markup=False,
    )
