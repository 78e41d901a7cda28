"""Which obligations read which functions: of all, and of those that differ from the last commit."""

from collections.abc import Mapping, Sequence

from spanproof.cli.output import out
from spanproof.cli.showing.proofreport import families
from spanproof.decide.changes import Changes
from spanproof.decide.jobs import Outcome
from spanproof.report.deciding import ReadBy
from spanproof.report.implread import ReadShare

SHOWN = 12
"""Functions that are named in one line; of more, the number is told."""


def print_changes(found: Changes | None, outcomes: Sequence[Outcome]) -> None:
    """Print what differs from the last commit, and who reads it; nothing if nothing differs."""
    if found is None:
        return
    total = len(found.functions)
    of_which = f", among {found.asked} obligations" if found.unasked else ""
    verb = "differs" if total == 1 else "differ"
    what = f"{counted(total, 'function')} {verb} from {found.since}"
    out.print(f"{what}{of_which}:", markup=False)
    for change in found.read:
        readers = families(list(change.read_by))
        cached = cached_readers(change.read_by, outcomes)
        out.print(f"  {change.function}: read by {readers}{cached}", markup=False)
    by_judge: dict[tuple[str, ...], list[str]] = {}
    for change in found.unread:
        by_judge.setdefault(change.judged_by, []).append(change.function)
    for commands, names in by_judge.items():
        none = "none of those" if found.unasked else "no obligation"
        out.print(f"  read by {none}: {shortened(names)}", markup=False)
        out.print(f"    judged by {', '.join(commands)}", markup=False)
    if found.others:
        out.print(f"  besides, no functions: {shortened(found.others)}", markup=False)
    if found.unasked:
        known = f"{counted(found.unasked, 'obligation')} not counted"
        out.print(f"  {known}: what they read is not known before they are decided", markup=False)


def cached_readers(read_by: Sequence[str], outcomes: Sequence[Outcome]) -> str:
    """Say so if a function that differs is read by nothing that was decided in this run."""
    readers = [o for o in outcomes if o.job.mutant is None and o.job.obligation in read_by]
    if readers and all(outcome.cached for outcome in readers):
        return " (all decided before, with this text or one that means the same)"
    return ""


def changes_as_json(found: Changes | None, outcomes: Sequence[Outcome]) -> dict[str, object] | None:
    """Return what differs as a part of a JSON document; null if nothing does."""
    if found is None:
        return None
    cached = {o.job.obligation: o.cached for o in outcomes if o.job.mutant is None}
    return {
        "since": found.since,
        "functions": [
            {
                "function": change.function,
                "read_by": change.read_by,
                "judged_by": change.judged_by,
                "cached": [name for name in change.read_by if cached.get(name)],
            }
            for change in found.functions
        ],
        "others": found.others,
        "unasked": found.unasked,
    }


def print_readers(found: Mapping[str, Sequence[ReadBy]], outdated: Sequence[str]) -> None:
    """Print module by module who reads what decides, and what none reads, with the reason."""
    wing = ""
    for module, made in found.items():
        beginning = ".".join(module.split(".")[:2])
        if beginning != wing:
            wing = beginning
            out.print(f"\n[bold]{wing}[/]", highlight=False)
        read = [one for one in made if one.is_read]
        out.print(f"  {module}  {len(read)} of {len(made)}", highlight=False)
        for one in made:
            out.print(f"    {one.function.removeprefix(f'{module}.')}: {_says(one)}", markup=False)
    every = [one for made in found.values() for one in made]
    formula, run = (sum(map(bool, which)) for which in zip(*map(_by, every), strict=True))
    reasons = sum(bool(one.reason) for one in every)
    gaps = unexplained(every)
    out.print(
        f"\n{len(every)} functions change the state or decide what changes: {formula} are read as "
        f"a formula, {run} are run, {reasons} have a reason, {len(gaps)} are read by none",
        highlight=False,
    )
    for name in outdated:
        out.print(f"the reason for {name} is out of date", markup=False)


def print_shares(found: Sequence[ReadShare]) -> None:
    """Print how many lines of spanalloc's spans and pages are read, module by module."""
    out.print("\n[bold]spanalloc[/], lines of code in functions that are read", highlight=False)
    for one in found:
        out.print(f"  {one.module}  {one.read} of {one.lines}", highlight=False)
        if one.unread:
            names = [name.removeprefix(f"spanalloc.{one.module}.") for name in one.unread]
            out.print(f"    by none: {shortened(names)}", markup=False)
    read, lines = sum(one.read for one in found), sum(one.lines for one in found)
    share = 100 * read / max(lines, 1)
    out.print(f"  {read} of {lines} lines are read ({share:.0f} %)", highlight=False)


def _by(one: ReadBy) -> tuple[bool, bool]:
    return bool(one.read_by), bool(one.run_by)


def _says(one: ReadBy) -> str:
    if one.reason:
        return f"by none: {one.reason}"
    parts = [families(list(one.read_by))] if one.read_by else []
    parts += [f"run by {families(list(one.run_by))}"] if one.run_by else []
    return "; ".join(parts) or "READ BY NONE"


def unexplained(every: Sequence[ReadBy]) -> list[str]:
    """Return what is read by no obligation, and no reason is known."""
    return [one.function for one in every if not (one.is_read or one.reason)]


def readings_as_json(
    found: Mapping[str, Sequence[ReadBy]], outdated: Sequence[str]
) -> dict[str, object]:
    """Return who reads what decides as a JSON document."""
    every = [one for made in found.values() for one in made]
    return {
        "modules": {
            module: {
                one.function: {
                    "read_by": one.read_by,
                    "run_by": one.run_by,
                    "reason": one.reason,
                }
                for one in made
            }
            for module, made in found.items()
        },
        "unexplained": unexplained(every),
        "outdated": outdated,
    }


def shortened(names: Sequence[str]) -> str:
    """Return names in one line, and how many there are besides."""
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"{', '.join(names[:SHOWN])}{more}"


def counted(number: int, what: str) -> str:
    """Return a number with what it counts."""
    return f"{number} {what}{'' if number == 1 else 's'}"
