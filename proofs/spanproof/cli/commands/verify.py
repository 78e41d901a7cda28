"""`spanspec verify`: the main job. Prove everything, check the bundled traces, fuzz for a while."""

import random
import secrets
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import BrokenExecutor
from pathlib import Path
from typing import Annotated, NamedTuple

import typer
from rich.table import Table

import spanalloc
from spanproof.cli.campaigning.rounds import as_json as campaign_json
from spanproof.cli.commands import check
from spanproof.cli.deciding import decide_all
from spanproof.cli.options import Jobs, Json
from spanproof.cli.output import Unusable, complain, err, out, print_json, progress, status_of
from spanproof.cli.showing.proofreport import as_json as proofs_json
from spanproof.cli.showing.proofreport import complaint
from spanproof.cli.showing.readers import changes_as_json, print_changes
from spanproof.cli.showing.tracereports import as_json as trace_json
from spanproof.cli.showing.tracereports import by_cause, kinds_table
from spanproof.decide.cache import Cache, NoCache, in_ci
from spanproof.decide.catalogue import book_for
from spanproof.decide.changes import changes
from spanproof.decide.jobs import Job, Outcome, Summary, summarize
from spanproof.decide.schedule import known_reads, mutant_jobs, obligation_jobs
from spanproof.fuzz.campaigns.campaign import CampaignResult, run, run_target
from spanproof.fuzz.engine.target import of_heap
from spanproof.fuzz.sides import spanalloc_subject, spanallocheap
from spanproof.mutation.corruption import LEAST_NOTICED, Corruption, corruptions, read_trace
from spanproof.replay.check import CheckReport
from spanproof.replay.following.verdict import EventVerdict
from spanproof.support.files.traces import bundled_traces
from spanproof.support.processes.pools import pool
from spanspec.base.wording import counted

HEAP_SHARE = 0.75
"""The part of the time for fuzzing that whole heaps get; single spans need less."""

SAMPLE = 10
"""Mutants that are decided in a run, unless all are; the obligations are all decided."""

CORRUPTIONS = 100
"""Corrupted copies of the small traces that are tried."""


class CheckedTraces(NamedTuple):
    """What the traces said: a report each, corruptions tried, and the seconds it took."""

    reports: Sequence[tuple[CheckReport, float]]
    corruptions: Sequence[Corruption]
    seconds: float

    @property
    def noticed(self) -> int:
        """How many corruptions were noticed."""
        return sum(corruption.noticed for corruption in self.corruptions)

    @property
    def good(self) -> bool:
        """Whether every trace holds and nearly every corruption was noticed."""
        holds = all(report.holds for report, _ in self.reports)
        return holds and self.noticed >= LEAST_NOTICED * len(self.corruptions)


class Mutants(NamedTuple):
    """The mutants that were decided: `seed` determined which, unless all were."""

    killed: int
    decided: int
    known: int
    seed: int | None

    def told(self) -> str:
        """Say how many were killed, of how many, and which."""
        if self.seed is None or self.decided == self.known:
            return f"{self.killed} of {self.known} mutants"
        which = f"{self.decided} of {self.known}, seed {self.seed}"
        return f"{self.killed} of {self.decided} mutants ({which})"


def sampled(jobs: Sequence[Job], seed: int) -> list[Job]:
    """Return as many jobs as fit into the time, another choice for each seed."""
    return random.Random(seed).sample(jobs, min(SAMPLE, len(jobs)))


def verify(
    seconds: Annotated[float, typer.Option(min=1, help="Seconds of fuzzing.")] = 10.0,
    jobs: Jobs = 0,
    seed: Annotated[
        int | None,
        typer.Option(min=0, help="Determines every program and which mutants; else 0, and any."),
    ] = None,
    full: Annotated[bool, typer.Option("--full", help="Decide all mutants, not a sample.")] = False,
    cache: Annotated[
        bool, typer.Option(help="Take over what earlier runs proved; never where CI is set.")
    ] = True,
    json: Json = False,
) -> int:
    """Prove, check the bundled real traces, fuzz; one table, and the figures."""
    started = time.perf_counter()
    if not json:
        how = (
            "compiled (mypyc)" if spanalloc.COMPILED else f"interpreted: {spanalloc.RUNNING.reason}"
        )
        out.print(f"spanalloc runs {how}", markup=False)
    store = Cache() if cache and not in_ci() else NoCache()
    book = book_for(store)
    drawn = secrets.randbelow(2**32) if seed is None else seed
    chosen = mutant_jobs(book) if full else sampled(mutant_jobs(book), drawn)
    work = obligation_jobs(book) + chosen
    outcomes, interrupted = decide_all(work, book, store, jobs, "obligations and mutants")
    proving = time.perf_counter() - started
    summary = summarize(outcomes)
    mutants = Mutants(summary.killed, len(chosen), len(book.mutants), None if full else drawn)
    differing = changes(store, known_reads(book, store, outcomes), book.claims)
    checked = CheckedTraces([], [], 0.0)
    campaigns: Mapping[str, CampaignResult] = {}
    if interrupted:
        err.print(f"interrupted: {len(outcomes)} of {len(work)} queries were decided")
    else:
        checked, campaigns = judged(seconds, seed or 0, jobs)
        interrupted = any(campaign.interrupted for campaign in campaigns.values())
        if interrupted:
            err.print("interrupted while fuzzing, after everything was proved")
    wall = time.perf_counter() - started
    # One that was interrupted has not had the time to exercise enough.
    fuzzed = all(
        campaign.good or (interrupted and campaign.divergence is None)
        for campaign in campaigns.values()
    )
    idle = idle_parts(summary, checked, campaigns)
    fails = summary.undone > 0 or not checked.good or not fuzzed
    good = not fails and not idle and not interrupted
    if json:
        print_json(
            {
                "proofs": proofs_json(outcomes, book, summary, proving, interrupted),
                "mutants": mutants._asdict(),
                "changes": changes_as_json(differing, outcomes),
                "traces": [trace_json(report, spent) for report, spent in checked.reports],
                "corruptions": {
                    "tried": len(checked.corruptions),
                    "noticed": checked.noticed,
                },
                "fuzzing": {name: campaign_json(one, None) for name, one in campaigns.items()},
                "wall_seconds": wall,
                "interrupted": interrupted,
            }
        )
    else:
        out.print(kinds_table([report for report, _ in checked.reports]))
        out.print()
        out.print(overview(summary, mutants, proving, checked, campaigns))
        print_changes(differing, outcomes)
        for line in complaints(outcomes, checked, campaigns):
            out.print(line, markup=False)
        verdict = "[green]everything holds[/]" if good else "[red]something does not hold[/]"
        if fails or not interrupted:
            out.print(f"\n{verdict} ({wall:.0f} s)")
    if idle and not fails and not interrupted:
        raise Unusable(f"nothing was judged of: {', '.join(idle)}")
    return status_of(fails, interrupted)


def idle_parts(
    summary: Summary, checked: CheckedTraces, campaigns: Mapping[str, CampaignResult]
) -> list[str]:
    """Return the parts that had nothing to judge, and so say nothing."""
    counts = {
        "obligations": summary.obligations,
        "mutants": summary.mutants,
        "traces": sum(report.tally.events for report, _ in checked.reports),
        "corruptions": len(checked.corruptions),
        **{f"programs of {name}": one.programs for name, one in campaigns.items()},
    }
    return [name for name, count in counts.items() if count == 0]


def judged(
    seconds: float, seed: int, jobs: int
) -> tuple[CheckedTraces, Mapping[str, CampaignResult]]:
    """Check the bundled traces in a process of their own while this one fuzzes.

    With one job they are checked first. An interrupt is told by the campaigns; then nothing was
    checked.
    """
    if jobs == 1:
        return check_bundled(), fuzz_for(seconds, seed)
    with pool(1, preload=("spanproof.cli.commands.verify",)) as processes:
        checking = processes.submit(check_quietly)
        campaigns = fuzz_for(seconds, seed)
        if any(campaign.interrupted for campaign in campaigns.values()):
            return CheckedTraces([], [], 0.0), campaigns
        try:
            return checking.result(), campaigns
        except BrokenExecutor:  # what was found meanwhile stays found
            complain("the process that checks traces was killed, perhaps for want of memory")
            return CheckedTraces([], [], 0.0), campaigns


def check_quietly() -> CheckedTraces:
    """Check the bundled traces, and leave the terminal to the command."""
    err.quiet = True
    return check_bundled()


def check_bundled() -> CheckedTraces:
    """Replay the bundled traces, then corrupted copies of the small ones."""
    started = time.perf_counter()
    paths = bundled_traces()
    reports = [check.check_one(str(path), check.Asked(protocol=True)) for path in paths]
    reports = [(report._replace(path=Path(report.path).name), spent) for report, spent in reports]
    small = [read_trace(path) for path in paths if path.name.startswith("small")]
    tried: list[Corruption] = []
    with progress("corruptions") as display:
        task = display.add_task("corrupting traces", total=CORRUPTIONS)
        for corruption in corruptions(small, CORRUPTIONS, seed=1):
            tried.append(corruption)
            display.advance(task)
    return CheckedTraces(reports, tried, time.perf_counter() - started)


def fuzz_for(seconds: float, seed: int) -> Mapping[str, CampaignResult]:
    """Fuzz the installed implementation: whole heaps for most of the time, single spans at last."""
    results: dict[str, CampaignResult] = {}
    with progress("seconds") as display:
        task = display.add_task("fuzzing", total=round(seconds))

        def advance(_: Counter[str], spent: float) -> None:
            before = sum(result.seconds for result in results.values())
            display.update(task, completed=min(round(before + spent), round(seconds)))

        heaps = of_heap(spanallocheap.installed)
        results["heaps"] = run_target(
            heaps, start=seed, seconds=seconds * HEAP_SHARE, on_progress=advance
        )
        results["spans"] = run(
            spanalloc_subject.installed,
            start=seed,
            seconds=seconds * (1 - HEAP_SHARE),
            on_progress=advance,
        )
    return results


def overview(
    summary: Summary,
    mutants: Mutants,
    proving: float,
    checked: CheckedTraces,
    campaigns: Mapping[str, CampaignResult],
) -> Table:
    """Return the table of what was proved, checked and fuzzed."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("what", "result", "figures", "seconds"):
        table.add_column(heading, justify="right" if heading == "seconds" else "left")

    def row(what: str, good: bool, figures: str, spent: float) -> None:
        result = "[green]holds[/]" if good else "[red]fails[/]"
        table.add_row(what, result, figures, f"{spent:.1f}")

    queries = counted(summary.queries, "query", "queries")
    row(
        "proved",
        summary.good,
        f"{summary.proved} of {counted(summary.obligations, 'obligation')} ({queries}), "
        f"{mutants.told()} killed, "
        f"{counted(summary.cached, 'answer') + ' cached, ' if summary.cached else ''}"
        f"solver {summary.solver_seconds:.1f} s",
        proving,
    )
    tallies = [report.tally for report, _ in checked.reports]
    counts = ", ".join(
        f"{sum(tally.total(verdict) for tally in tallies)} {verdict.value}"
        for verdict in EventVerdict
    )
    events = counted(sum(tally.events for tally in tallies), "event")
    steps = sum(report.steps or 0 for report, _ in checked.reports)
    row(
        "checked",
        checked.good,
        f"{counted(len(tallies), 'trace')} of Go 1.13.15, {events}: {counts}; "
        f"{counted(steps, 'step')} of the proved protocol; "
        f"{checked.noticed} of {counted(len(checked.corruptions), 'corruption')} noticed",
        checked.seconds,
    )
    for name, campaign in campaigns.items():
        met = campaign.exercised
        row(
            "fuzzed",
            campaign.good,
            f"{name}: {counted(campaign.programs, 'program')}, {counted(met['steps'], 'step')}, "
            f"{counted(met['sweeps'] + met['se'], 'sweep')}, "
            f"{counted(int(campaign.divergence is not None), 'divergence')}",
            campaign.seconds,
        )
    return table


def complaints(
    outcomes: Sequence[Outcome], checked: CheckedTraces, campaigns: Mapping[str, CampaignResult]
) -> list[str]:
    """Return what does not hold, in full."""
    lines = [complaint(outcome) for outcome in outcomes if not outcome.good]
    lines += by_cause([report for report, _ in checked.reports])
    for report, _ in checked.reports:
        if report.problem is not None:
            lines.append(str(report.problem))
    if not checked.good:
        unnoticed = (one for one in checked.corruptions if not one.noticed)
        lines += [f"not noticed: {one.before} became {one.after}" for one in unnoticed]
    for name, campaign in campaigns.items():
        if campaign.divergence is not None:
            lines.append(campaign.divergence.render())
        if campaign.missing:
            missing = ", no ".join(campaign.missing)
            lines.append(f"fuzzing {name} exercised too little: no {missing}")
    return lines
