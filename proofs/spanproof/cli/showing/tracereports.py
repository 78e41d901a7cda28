"""What `spanspec check` prints of traces and recordings: a line for each, divergences, tables."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rich.table import Table

from spanproof.cli.output import out
from spanproof.cli.showing.watched import history_json, history_lines
from spanproof.replay.check import CheckReport
from spanproof.replay.following.verdict import EventVerdict, TraceDivergence
from spanspec.base.wording import counted

if TYPE_CHECKING:
    from spanproof.witness.recording.check import Checked


def print_report(report: CheckReport, seconds: float) -> None:
    """Print the outcome of one trace in a line, and what was watched."""
    tally, divergence = report.tally, report.divergence
    verdict = "[green]holds[/]"
    if divergence is not None:
        verdict = "[red]diverges[/]"
    elif report.problem is not None:
        verdict = "[yellow]breaks off[/]"
    counts = ", ".join(f"{tally.total(v)} {v.value}" for v in EventVerdict if tally.total(v))
    if report.steps is not None:
        counts += f"; {counted(report.steps, 'step')} of the protocol"
    out.print(verdict, end=" ")
    out.print(
        f"{report.path}: {counted(tally.events, 'event')}: {counts} ({seconds:.1f} s)", markup=False
    )
    for history in report.histories:
        for line in history_lines(history):
            out.print(line, markup=False)


def print_recording(checked: "Checked") -> None:
    """Print the outcome of one recording of the probe, and its divergence."""
    found = checked.divergence
    out.print("[red]diverges[/]" if found else "[green]holds[/]", end=" ")
    kinds = ", ".join(f"{number} {kind}" for kind, number in sorted(checked.kinds.items()))
    out.print(f"{checked.path}: the probe on {checked.go}: {kinds}", markup=False)
    if found:
        out.print(f"divergence at {checked.path}:{found['line']}", markup=False)
        out.print(f"  rule      {cited(str(found['rule']))}", markup=False)
        for name in ("what", "expected", "seen"):
            out.print(f"  {name:10}{found[name]}", markup=False)


def by_cause(reports: Sequence[CheckReport]) -> Iterator[str]:
    """Yield a text for each cause of divergences: the first of them, and where the others are."""
    causes: dict[str, list[tuple[str, TraceDivergence]]] = {}
    for report in reports:
        if report.divergence is not None:
            causes.setdefault(report.divergence.cause, []).append((report.path, report.divergence))
    for (path, first), *others in causes.values():
        text = render(path, first)
        if others:
            traces = "1 more trace" if len(others) == 1 else f"{len(others)} more traces"
            places = (f"    {where}:{one.line}" for where, one in others)
            text = "\n".join((text, f"  the same cause in {traces}", *places))
        yield text


def render(path: str, divergence: TraceDivergence) -> str:
    """Return a divergence as text: event, rule, expected and seen, history, surroundings."""
    lines = [
        f"divergence at {path}:{divergence.line}",
        f"  event     {divergence.told}",
        *([f"            {divergence.event}"] if divergence.event else []),
        f"  rule      {cited(divergence.rule)}",
        f"  what      {divergence.what}",
        f"  expected  {divergence.expected}",
        f"  seen      {divergence.seen}",
    ]
    if divergence.history:
        lines.append("  the last events of this span")
        lines += [f"    {line}" for line in divergence.history]
    if divergence.state:
        lines.append(f"  the state around it, {divergence.moment}")
        lines += [f"    {line}" for line in divergence.state]
    return "\n".join(lines)


def cited(identifier: str) -> str:
    """Return a rule with what it says, and how to read more about it."""
    # Most checks cite none, and the book takes longer to load than many a trace to check.
    from spanspec.rules.book import BY_ID

    known = BY_ID.get(identifier)
    says = f": {known.says}" if known is not None else ""
    return f"{identifier}{says} (spanspec explain {identifier})"


def kinds_table(reports: list[CheckReport]) -> Table:
    """Return the table of verdicts by kind of event, over some traces."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("kind")
    for verdict in EventVerdict:
        table.add_column(verdict.value, justify="right")
    kinds = sorted({kind for report in reports for kind in report.tally.by_kind})
    for kind in kinds:
        counts = [
            sum(report.tally.by_kind[kind][v] for report in reports if kind in report.tally.by_kind)
            for v in EventVerdict
        ]
        table.add_row(kind, *(str(count) if count else "" for count in counts))
    return table


def total_line(reports: list[tuple[CheckReport, float]]) -> str:
    """Return the sum over all traces in one line."""
    events = sum(report.tally.events for report, _ in reports)
    diverged = sum(report.divergence is not None for report, _ in reports)
    seconds = sum(spent for _, spent in reports)
    steps = sum(report.steps or 0 for report, _ in reports)
    told = f", {counted(steps, 'step')} of the protocol" if steps else ""
    traces, seen = counted(len(reports), "trace"), counted(events, "event")
    return f"{traces}, {seen}{told}, {counted(diverged, 'divergence')} ({seconds:.1f} s)"


def as_json(report: CheckReport, seconds: float) -> dict[str, object]:
    """Return a report as a JSON document."""
    return {
        "path": report.path,
        "program": report.header.program,
        "events": report.tally.events,
        "seconds": seconds,
        "holds": report.holds,
        "problem": str(report.problem) if report.problem else None,
        "protocol_steps": report.steps,
        "kinds": {
            kind: {verdict.value: counts[verdict] for verdict in EventVerdict}
            for kind, counts in sorted(report.tally.by_kind.items())
        },
        "divergence": divergence_json(report.divergence),
        "watched": [history_json(history) for history in report.histories],
    }


def divergence_json(divergence: TraceDivergence | None) -> dict[str, object] | None:
    """Return a divergence as a JSON document; those of one cause have it in common."""
    return None if divergence is None else {**divergence._asdict(), "cause": divergence.cause}


def recording_json(checked: "Checked") -> dict[str, object]:
    """Return the outcome of a recording of the probe as a JSON document."""
    return {**checked._asdict(), "holds": checked.divergence is None}
