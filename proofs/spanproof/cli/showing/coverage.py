"""The matrix of the rule book, printed: `spanspec explain --coverage`."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from spanproof.cli.output import Unusable, complain, err, out, progress
from spanproof.replay.check import expect_usable
from spanproof.replay.format.reader import TraceReader
from spanproof.report.exercised import Unexercised, exercised
from spanproof.report.matrix import RuleRow
from spanproof.report.recorder import Exercised
from spanproof.report.tests import folder_of_tests
from spanproof.support.files.traces import bundled_traces
from spanspec.base.wording import counted

HEADINGS = (
    f"{'rule':<9}{'functions':>10}{'obligations':>13}{'tests':>7}{'events':>10}  in the model"
)

NOT_HERE = "the tests are not part of an installed package: run this in a checkout to see them"


def replayed(traces: Sequence[Path] | None) -> Exercised:
    """Replay traces, or the bundled ones, and count the events that exercise each rule.

    Raises: Unusable if a trace cannot be read, or has nothing to judge, or is of another runtime.
    """
    paths = list(traces or bundled_traces())
    total = 0
    for path in paths:
        with TraceReader(str(path)) as source:
            expect_usable(source)
            total += source.header.events
    with progress("events") as display:
        task = display.add_task(f"replaying {counted(len(paths), 'trace')}", total=total)
        try:
            counts = exercised(paths, lambda done: display.update(task, completed=done))
        except Unexercised as problem:
            raise Unusable(str(problem)) from None
    for place in counts.diverged:
        complain(f"{place}: the trace diverges here; its events up to this one are counted")
    return counts


def print_coverage(rows: Sequence[RuleRow], counts: Exercised) -> None:
    """Print the matrix, then the rules that the model does not cover by reason, then the sums."""
    out.print(HEADINGS, style="bold")
    covered = [row for row in rows if not uncovered(row)]
    for row in covered:
        out.print(line_of(row), markup=False)
    missing: dict[str, list[str]] = {}
    for row in rows:
        if uncovered(row):
            missing.setdefault(row.reason, []).append(row.rule.id)
    if missing:
        out.print("\n[bold]not modelled[/]")
        for reason, ids in missing.items():
            out.print(f"  {' '.join(ids)}: {reason}", markup=False)
    out.print()
    for line in sums(rows, counts):
        out.print(line, markup=False)
    if folder_of_tests() is None:
        err.print(NOT_HERE, markup=False)


def uncovered(row: RuleRow) -> bool:
    """Tell whether the matrix lists a rule as not modelled."""
    return not row.covered and bool(row.reason)


def line_of(row: RuleRow) -> str:
    """Return one line of the matrix: counts, and the names of what stands for the rule."""
    names = dict.fromkeys(one.qualified.partition(".")[2] for one in row.definitions)
    where = ", ".join(list(names)[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    line = (
        f"{row.rule.id:<9}{len(names) or '':>10}{len(row.obligations) or '':>13}"
        f"{len(row.tests) or '':>7}{row.events or '':>10}  {where}"
    )
    return line.rstrip()


def sums(rows: Sequence[RuleRow], counts: Exercised) -> Iterator[str]:
    """Yield what the matrix comes to."""
    functions = sum(bool(row.definitions) for row in rows)
    proved = sum(bool(row.obligations) for row in rows)
    tested = sum(bool(row.tests) for row in rows)
    seen = sum(bool(row.events) for row in rows)
    missing = sum(uncovered(row) for row in rows)
    yield (
        f"{counted(len(rows), 'rule')}: {functions} with a function, {proved} with an obligation, "
        f"{tested} with a test, {seen} exercised by {counted(counts.events, 'recorded event')}, "
        f"{missing} not modelled"
    )


def coverage_json(rows: Sequence[RuleRow], counts: Exercised) -> dict[str, object]:
    """Return the matrix as a JSON document."""
    return {
        "events": counts.events,
        "diverged": counts.diverged,
        "tests_scanned": folder_of_tests() is not None,
        "rules": [
            {
                **row.rule._asdict(),
                "functions": [definition.qualified for definition in row.definitions],
                "obligations": row.obligations,
                "tests": row.tests,
                "events": row.events,
                "not_modelled": row.reason or None,
            }
            for row in rows
        ],
    }
