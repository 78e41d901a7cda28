"""`spanspec mutants --generated`: a slow campaign over every function that a proof reads."""

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from itertools import islice
from multiprocessing import active_children, get_context
from os import cpu_count
from typing import TYPE_CHECKING

from spanproof.cache import Cache
from spanproof.cli.output import FAILS, HOLDS, INTERRUPTED, Unusable, err, out, print_json, progress
from spanproof.dependencies import digest_of
from spanproof.schedule import matching

if TYPE_CHECKING:
    from spanproof.generated import Fate, Generated

LEAST_KILLED = 0.85
"""The share of generated mutants that has to be killed."""


def campaign(
    pattern: str, sample: int, seed: int, jobs: int, cache: Cache, world: str, json: bool
) -> int:
    """Judge generated mutants, as many as `sample` (0 for all); what was judged is kept."""
    try:
        from spanproof import generated
    except ImportError as problem:
        raise Unusable(f"{problem.name} is missing: pip install 'spanspec[mutation]'") from None
    users = generated.users_of_functions()
    users = {name: users[name] for name in matching(users, pattern)}
    if not users:
        raise Unusable(f"no function of the model that a proof reads matches {pattern!r}")
    mutants = generated.all_mutants(users, sample, seed)
    started = time.perf_counter()
    fates: list[Fate] = []
    interrupted = False
    with progress("generated mutants") as display:
        task = display.add_task("judging", total=len(mutants))
        waiting = []
        for mutant in mutants:
            known = cache.get(digest_of(mutant.key, world), generated.Fate)
            if known is None:
                waiting.append(mutant)
            else:
                fates.append(known)
                display.advance(task)
        try:
            for mutant, fate in judged(waiting, users, jobs or cpu_count() or 1):
                cache.put(digest_of(mutant.key, world), fate)
                fates.append(fate)
                display.advance(task)
        except KeyboardInterrupt:
            interrupted = True
    show(fates, len(mutants), time.perf_counter() - started, json)
    if interrupted:
        err.print(f"interrupted: {len(fates)} of {len(mutants)} were judged; say it again to go on")
        return INTERRUPTED
    killed = sum(fate.killed for fate in fates)
    return HOLDS if killed >= LEAST_KILLED * len(fates) else FAILS


def judged(
    mutants: Sequence["Generated"], users: dict[str, list[str]], workers: int
) -> "Iterator[tuple[Generated, Fate]]":
    """Yield mutants with what became of them, a few under way at a time."""
    from spanproof.generated import judge

    context = get_context("forkserver")
    context.set_forkserver_preload(["spanproof.generated"])
    upcoming = iter(mutants)
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        running: dict[Future[Fate], Generated] = {}
        try:
            while True:
                for mutant in islice(upcoming, 2 * workers - len(running)):
                    running[pool.submit(judge, mutant, users[mutant.function])] = mutant
                if not running:
                    return
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    yield running.pop(future), future.result()
        except BaseException:
            children = active_children()
            pool.shutdown(wait=False, cancel_futures=True)
            for child in children:
                child.terminate()
            raise


def show(fates: Sequence["Fate"], total: int, wall: float, json: bool) -> None:
    """Print the survivors and the figures."""
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
                "survivors": [fate._asdict() for fate in survivors],
                "wall_seconds": wall,
            }
        )
        return
    for fate in survivors:
        out.print(f"[bold]{fate.function}[/] line {fate.line}: {fate.answer}", highlight=False)
        out.print(f"    - {fate.before}\n    + {fate.after}", markup=False)
    share = 100 * killed / len(fates) if fates else 0.0
    answers = ", ".join(f"{count} {answer}" for answer, count in sorted(tally.items()))
    out.print(
        f"{killed} of {len(fates)} generated mutants killed ({share:.1f} %): {answers}; "
        f"{total - len(fates)} left to judge; wall {wall:.0f} s",
        markup=False,
    )
