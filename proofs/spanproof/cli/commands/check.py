"""`spanspec check`: replay recorded traces against the model."""

import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from spanproof.cli.cluster import Scheduler, on_cluster
from spanproof.cli.options import Json
from spanproof.cli.output import complain, err, out, print_json, progress, status_of
from spanproof.cli.showing.tracereports import (
    as_json,
    by_cause,
    kinds_table,
    print_recording,
    print_report,
    recording_json,
    total_line,
)
from spanproof.cli.showing.watched import subjects
from spanproof.replay.check import CheckReport, check_trace
from spanproof.replay.format.reader import TraceError, TraceReader
from spanproof.replay.watched import WatchedThing
from spanproof.witness.errors import WitnessError
from spanproof.witness.recording.recordings import is_recording
from spanspec.base.wording import counted

if TYPE_CHECKING:
    from spanproof.witness.recording.check import Checked

# What judges recordings, and pools of processes, take as long to load as many a trace to check:
# where they are needed, and not here.


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
    json: Json = False,
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
    if unseen and reports and not (interrupted or unusable):
        named = ", ".join(map(str, watched))
        complain(f"no event touched what was watched ({named}); watch what a trace names")
    found = any(report.divergence for report, _ in reports)
    found = found or any(recorded.divergence for recorded in recordings)
    return status_of(found, interrupted, unusable=bool(unusable or unseen or refused))


def checked_recording(path: str) -> "Checked | None":
    """Check a recording of the probe; None, with a complaint, if it cannot be used."""
    from spanproof.witness.recording.check import check_recording

    try:
        return check_recording(path)
    except WitnessError as problem:
        complain(str(problem))
        return None


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
    what else this process has open, and recordings of the probe.
    """
    if jobs == 1 and not scheduler:
        for path in paths:
            yield path, partial(check_one, path, asked)
        return
    from spanproof.support.processes.sidebyside import each_result

    apart = dict.fromkeys(
        path for path in paths if not is_of_this_process(path) and not is_recording(path)
    )
    work = partial(judge_apart, asked=asked)
    with on_cluster(scheduler):
        reached = each_result(list(apart), jobs, ["spanproof.cli.commands.check"], work, killed)
        done: dict[str, Judged | TraceError] = {}
        for path in paths:
            while path in apart and path not in done:
                one, outcome = next(reached)
                done[one] = outcome
            yield path, partial(told, done[path]) if path in done else partial(judge, path, asked)


def is_of_this_process(path: str) -> bool:
    """Tell whether a trace is named by what this process has open, as `<(zcat TRACE)` names it."""
    return path == "-" or path.startswith(("/dev/", "/proc/"))


def judge_apart(path: str, asked: Asked) -> tuple[str, Judged | TraceError]:
    """Check one trace in a worker; return its path, and its report or why there is none."""
    try:
        return path, judge(path, asked)
    except TraceError as problem:
        return path, problem


def killed(path: str) -> tuple[str, TraceError]:
    """Return what is told of a trace whose worker is killed each time."""
    from spanproof.support.processes.sidebyside import KILLED

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
