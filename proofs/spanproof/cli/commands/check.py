"""`spanspec check`: replay recorded traces against the model."""

import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Annotated, NamedTuple

import typer
from rich.table import Table

from spanproof.cli.cluster import Scheduler, on_cluster
from spanproof.cli.output import complain, err, out, print_json, progress, status_of
from spanproof.cli.showing.watched import history_json, history_lines, subjects
from spanproof.replay.check import CheckReport, check_trace
from spanproof.replay.reader import TraceError, TraceReader
from spanproof.replay.verdict import EventVerdict, TraceDivergence
from spanproof.replay.watched import WatchedThing
from spanproof.support.sidebyside import KILLED, each_result
from spanproof.witness.errors import WitnessError
from spanproof.witness.recording.check import Checked, check_recording
from spanproof.witness.recording.recordings import is_recording
from spanspec.base.wording import counted
from spanspec.rules.book import BY_ID


def check(
    traces: Annotated[
        list[str], typer.Argument(metavar="TRACE...", help="Traces: .jsonl, .jsonl.gz, or - .")
    ],
    watch: Annotated[
        list[str] | None,
        typer.Option(metavar="s=SPAN|b=PAGE", help="Print the life of a span or page; repeatable."),
    ] = None,
    protocol: Annotated[
        bool, typer.Option(help="Count the proved steps, and check their invariant in each cycle.")
    ] = False,
    foreign: Annotated[
        bool, typer.Option(help="Judge traces of another runtime than the model's, too.")
    ] = False,
    jobs: Annotated[int, typer.Option(min=1, help="Traces that are checked at once.")] = 1,
    scheduler: Scheduler = "",
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    """Check traces of the real runtime, and recordings of `spanspec probe`; stop each at its first
    divergence.
    """
    watched = subjects(watch or ())
    reports: list[tuple[CheckReport, float]] = []
    unusable: list[TraceError] = []
    recordings: list[Checked] = []
    refused = 0
    interrupted = False
    asked = Asked(watched, protocol, foreign)
    try:
        for path, judged in each_of(traces, asked, jobs, scheduler):
            if is_recording(path):
                recorded = checked_recording(path)
                recordings += [recorded] if recorded is not None else []
                refused += recorded is None
                if recorded is not None and not json:
                    print_recording(recorded)
                continue
            try:
                report, seconds = judged()
            except TraceError as problem:
                unusable.append(problem)
                complain(str(problem))
                continue
            reports.append((report, seconds))
            if not json:
                print_report(report, seconds)
            if report.problem is not None:
                unusable.append(report.problem)
                complain(str(report.problem))
    except KeyboardInterrupt:
        interrupted = True
        err.print(
            f"interrupted: {len(reports)} of {counted(len(traces), 'trace')} checked", markup=False
        )
    if json:
        documents = [as_json(report, seconds) for report, seconds in reports]
        print_json(documents + [recording_json(one) for one in recordings])
    else:
        for divergence in by_cause([report for report, _ in reports]):
            out.print(divergence, markup=False)
        if len(reports) > 1:
            out.print(kinds_table([report for report, _ in reports]))
            out.print(total_line(reports), markup=False)
    unseen = bool(watched) and not any(was_touched(one, reports) for one in watched)
    if unseen and reports and not interrupted:
        named = ", ".join(map(str, watched))
        complain(f"no event touched what was watched ({named}); watch what a trace names")
    found = any(report.divergence for report, _ in reports)
    found = found or any(recorded.divergence for recorded in recordings)
    return status_of(found, interrupted, unusable=bool(unusable or unseen or refused))


def checked_recording(path: str) -> Checked | None:
    """Check a recording of the probe; None, with a complaint, if it cannot be used."""
    try:
        return check_recording(path)
    except WitnessError as problem:
        complain(str(problem))
        return None


def print_recording(checked: Checked) -> None:
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


def recording_json(checked: Checked) -> dict[str, object]:
    """Return the outcome of a recording of the probe as a JSON document."""
    return {**checked._asdict(), "holds": checked.divergence is None}


def was_touched(subject: WatchedThing, reports: Sequence[tuple[CheckReport, float]]) -> bool:
    """Tell whether some trace had an event of what was watched."""
    histories = (history for report, _ in reports for history in report.histories)
    return any(history.subject == subject and history.entries for history in histories)


class Asked(NamedTuple):
    """What is asked of traces: whose lives are printed, and what `check_trace` is to do."""

    watched: Sequence[WatchedThing] = ()
    protocol: bool = False
    any_runtime: bool = False


Judged = tuple[CheckReport, float]
"""What a trace came to, and the seconds that it took."""


def each_of(
    paths: Sequence[str], asked: Asked, jobs: int, scheduler: str
) -> Iterator[tuple[str, Callable[[], Judged]]]:
    """Yield each trace, in order, with what returns its report, or raises TraceError.

    With more than one job, or a cluster, they are checked side by side, but for standard input,
    and recordings of the probe.
    """
    if jobs == 1 and not scheduler:
        for path in paths:
            yield path, partial(check_one, path, asked)
        return
    apart = dict.fromkeys(path for path in paths if path != "-" and not is_recording(path))
    work = partial(judge_apart, asked=asked)
    with on_cluster(scheduler):
        reached = each_result(list(apart), jobs, ["spanproof.cli.commands.check"], work, killed)
        done: dict[str, Judged | TraceError] = {}
        for path in paths:
            while path in apart and path not in done:
                one, outcome = next(reached)
                done[one] = outcome
            yield path, partial(told, done[path]) if path in done else partial(judge, path, asked)


def judge_apart(path: str, asked: Asked) -> tuple[str, Judged | TraceError]:
    """Check one trace in a worker; return its path, and its report or why there is none."""
    try:
        return path, judge(path, asked)
    except TraceError as problem:
        return path, problem


def killed(path: str) -> tuple[str, TraceError]:
    """Return what is told of a trace whose worker is killed each time."""
    return path, TraceError(path, None, KILLED)


def told(outcome: Judged | TraceError) -> Judged:
    """Return a report that was reached elsewhere.

    Raises: TraceError if there is none.
    """
    if isinstance(outcome, TraceError):
        raise outcome
    return outcome


def check_one(path: str, asked: Asked) -> Judged:
    """Check one trace with a progress display; return the report and the seconds it took.

    Raises: TraceError if the trace cannot be read, or there is nothing in it to judge.
    """
    with progress("events") as display:
        task = display.add_task(f"checking {path}", total=None)

        def hear(done: int, events: int | None) -> None:
            display.update(task, completed=done, total=events)

        return judge(path, asked, hear)


def judge(
    path: str,
    asked: Asked,
    hear: Callable[[int, int | None], None] = lambda done, events: None,
) -> Judged:
    """Check one trace; return the report and the seconds it took.

    `hear` is told of the events that are done, and how many there are, if the trace says so.

    Raises: TraceError if the trace cannot be read, or there is nothing in it to judge.
    """
    started = time.perf_counter()
    with TraceReader(path) as source:
        report = check_trace(
            source,
            lambda done: hear(done, source.header.events),
            **asked._asdict(),
        )
    return report, time.perf_counter() - started


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
