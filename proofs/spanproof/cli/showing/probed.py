"""What a toolchain's allocator did under script: a line for each, and version by rule."""

import msgspec
from rich.table import Table

from spanproof.cli.output import out
from spanspec.base.wording import counted
from spanspec.rules.book import in_words


class ProbeOutcome(msgspec.Struct):
    """What a toolchain did: its version, operations, events by kind, programs, and a divergence.

    `checked` tells how often each rule was held against an event, `heaps` how often the whole heap
    was judged.
    """

    go: str
    operations: int
    events: dict[str, int]
    programs: int
    seconds: float
    divergence: dict[str, str] | None = None
    checked: dict[str, int] = {}
    heaps: int = 0


def print_outcome(outcome: ProbeOutcome, interrupted: bool) -> None:
    """Print what one toolchain did, of what it was asked to do."""
    verdict = "[yellow]interrupted[/]" if interrupted else "[green]holds[/]"
    if outcome.divergence:
        verdict = "[red]diverges[/]"
    out.print(verdict, end=" ")
    kinds = ", ".join(f"{number} {kind}" for kind, number in sorted(outcome.events.items()))
    out.print(
        f"{outcome.go}: {counted(outcome.operations, 'operation')}, "
        f"{counted(outcome.programs, 'program')}: {kinds}, {counted(outcome.heaps, 'whole heap')} "
        f"({outcome.seconds:.1f} s)",
        markup=False,
    )
    if outcome.divergence:
        for line in divergence_lines(outcome.divergence):
            out.print(line, markup=False)


def divergence_lines(divergence: dict[str, str]) -> list[str]:
    """Return a divergence in lines."""
    said = " ".join(in_words([divergence["rule"]])) or divergence["rule"]
    return [
        f"  rule      {said}",
        *(f"  {name:10}{divergence[name]}" for name in ("what", "expected", "seen")),
    ]


def print_matrix(outcomes: list[ProbeOutcome]) -> None:
    """Print version by rule: how often a rule was held against an event, or where it diverges."""
    table = Table(title="how often each rule was checked", box=None, pad_edge=False)
    table.add_column("rule")
    for outcome in outcomes:
        table.add_column(outcome.go, justify="right")
    broken = {one.divergence["rule"] for one in outcomes if one.divergence}
    for rule in sorted(broken.union(*(one.checked for one in outcomes)), key=rule_order):
        cells = [
            "diverges"
            if outcome.divergence and outcome.divergence["rule"] == rule
            else str(outcome.checked.get(rule, "-"))
            for outcome in outcomes
        ]
        table.add_row(rule, *cells)
    out.print(table)


def rule_order(rule: str) -> tuple[str, int]:
    """Return what rules are sorted by: their family, then their number."""
    family, _, number = rule.rpartition("-")
    return family, int(number) if number.isdecimal() else 0
