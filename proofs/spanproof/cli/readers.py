"""Which obligations read which functions: of all, and of those that differ from the last commit."""

from collections.abc import Mapping, Sequence

from spanproof.cli.output import out, print_json
from spanproof.cli.proofreport import families
from spanproof.decide.changes import Changes, Piece
from spanproof.decide.jobs import Outcome

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
        return " (all decided before, with this text)"
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


def print_readers(
    modules: Mapping[str, Mapping[str, Piece]], readers: Mapping[str, Sequence[str]], json: bool
) -> None:
    """Print module by module which functions are read, by what, and which by nothing."""
    listed = {
        module: [name for name, piece in made.items() if piece.function]
        for module, made in modules.items()
    }
    if json:
        print_json(
            {
                "modules": {
                    module: {name: readers.get(name, ()) for name in names}
                    for module, names in listed.items()
                }
            }
        )
        return
    for module, names in listed.items():
        if not names:
            continue
        read = [name for name in names if name in readers]
        out.print(f"[bold]{module}[/]  {len(read)} of {len(names)} read", highlight=False)
        for name in read:
            short = name.removeprefix(f"{module}.")
            out.print(f"  {short}: {families(list(readers[name]))}", markup=False)
        unread = [name.removeprefix(f"{module}.") for name in names if name not in readers]
        if unread:
            out.print(f"  by none: {', '.join(unread)}", markup=False)
    every = [name for names in listed.values() for name in names]
    known = sum(name in readers for name in every)
    out.print(f"{known} of {len(every)} functions are read by an obligation", highlight=False)


def shortened(names: Sequence[str]) -> str:
    """Return names in one line, and how many there are besides."""
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"{', '.join(names[:SHOWN])}{more}"


def counted(number: int, what: str) -> str:
    """Return a number with what it counts."""
    return f"{number} {what}{'' if number == 1 else 's'}"
