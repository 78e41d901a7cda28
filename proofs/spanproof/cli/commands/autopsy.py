"""`spanspec autopsy`: judge the heap of a Go process, a core, or a saved heap."""

from collections import Counter
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from spanproof.cli.files import kept
from spanproof.cli.options import Json
from spanproof.cli.output import Unusable, from_extra, out, print_json, status_of
from spanspec.rules.book import in_words

if TYPE_CHECKING:
    from spanproof.witness.judging.finding import Finding, JudgedImage
    from spanproof.witness.report import Report

MOST_STOPS: Final = 1000

MOST_SHOWN: Final = 10
"""Findings of one rule and verdict that are shown in words."""

WAIT: Final = 0.02
"""Seconds between two stops of a process, at least."""


def autopsy(
    what: Annotated[
        str, typer.Argument(metavar="PID|CORE|SNAPSHOT", help="A process, a core, a saved heap.")
    ],
    exe: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The program, if it is not found.")
    ] = None,
    layout_from: Annotated[
        str,
        typer.Option(
            metavar="BINARY|go",
            help="Where the layout of a stripped program comes from: an unstripped one that the "
            "same Go built, or `go` to have one built.",
        ),
    ] = "",
    stops: Annotated[
        int, typer.Option(min=1, max=MOST_STOPS, help="How often a process is stopped.")
    ] = 1,
    save: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Save what the findings are about.")
    ] = None,
    redact: Annotated[
        bool, typer.Option(help="Leave out addresses of the program's own data.")
    ] = False,
    json: Json = False,
) -> int:
    """Judge the heap of an unmodified Go program by the rules: what is damaged, and what is not.

    A process goes on after each stop, which takes some milliseconds.
    """
    with from_extra("witness"):
        from spanproof.witness.errors import WitnessError
        from spanproof.witness.report import examined
        from spanproof.witness.snapshots import concerned, redacted
        from spanproof.witness.snapshots import save as save_image
    try:
        report = examined(what, exe, layout_from, stops, WAIT)
        if redact:
            report = report.rejudged(redacted(report.image))
    except WitnessError as problem:
        raise Unusable(str(problem)) from None
    if json:
        print_json(report.document())
    else:
        print_report(report)
    whole = True
    if save is not None:  # what was found is told before, whatever becomes of it
        part = concerned(report.image, report.profile, report.findings)
        write = partial(save_image, part, report.profile, save)
        whole = kept(write, "the heap", save) is not None
    return status_of(report.damaged, unusable=not whole)


def print_report(report: "Report") -> None:
    """Print what was found, and what was not looked at."""
    from spanproof.witness.judging.finding import FindingVerdict, JudgedImage
    from spanproof.witness.judging.thrown import diagnosis

    for line in report.headline():
        out.print(line, markup=False)
    scene = JudgedImage(report.image, report.profile)
    error = report.fatal_error()
    if error is not None:
        for line in diagnosis(scene, report.findings, error):
            out.print(line, markup=False)
    shown = Counter[tuple[FindingVerdict, str]]()
    for finding in report.findings:
        kind = (finding.verdict, finding.rule)
        shown[kind] += 1
        if shown[kind] <= MOST_SHOWN:
            print_finding(scene, finding)
    for (verdict, rule), number in shown.items():
        if number > MOST_SHOWN:
            out.print(f"{number - MOST_SHOWN} more: {verdict.value} {rule}", markup=False)
    for line in report.image.unknown:
        out.print(f"not checked: {line}", markup=False)
    out.print(report.summary(), markup=False)


def print_finding(scene: "JudgedImage", finding: "Finding") -> None:
    """Print one finding: the verdict, the rule in words, what is seen, and why."""
    from spanproof.witness.judging.finding import FindingVerdict, told

    colour = {
        FindingVerdict.DAMAGE: "red",
        FindingVerdict.IN_FLIGHT: "green",
        FindingVerdict.UNDECIDED: "yellow",
    }
    out.print(f"[{colour[finding.verdict]}]{finding.verdict.value}[/]", end=" ")
    out.print(" ".join(in_words([finding.rule])) or finding.rule, markup=False)
    span = scene.by_descriptor.get(finding.descriptor)
    if span is not None:
        out.print(f"    {told(scene, span)}", markup=False)
    where = f"P {scene.image.procs[finding.proc].id}: " if finding.proc is not None else ""
    out.print(f"    seen  {where}{finding.what}", markup=False)
    if finding.why:
        out.print(f"    why   {finding.why}", markup=False)
