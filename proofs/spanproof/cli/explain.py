"""`spanspec explain`: a rule, what stands for it, rests on it and shows it; the whole matrix."""

from difflib import get_close_matches
from pathlib import Path
from typing import Annotated

import typer
from rich.syntax import Syntax

from spanproof.catalogue import Variation, current
from spanproof.cli.coverage import NOT_HERE, coverage_json, print_coverage, replayed
from spanproof.cli.output import HOLDS, Unusable, out, print_json
from spanproof.coverage.matrix import Row, matrix
from spanspec.rulebook import BY_ID
from spanspec.rules import Rule


def explain(
    rule_id: Annotated[
        str | None, typer.Argument(metavar="RULE", help="A rule id, such as SPAN-12.")
    ] = None,
    coverage: Annotated[
        bool, typer.Option("--coverage", help="Print the matrix of all rules, or of RULE.")
    ] = False,
    trace: Annotated[
        list[Path] | None,
        typer.Option(help="With --coverage: a trace to replay instead of the bundled ones."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    """Show a rule, its functions' source, its proofs, mutants and tests, and where Go does it."""
    rule = None if rule_id is None else known(rule_id)
    if coverage:
        counts = replayed(trace)
        rows = [row for row in matrix(counts.rules) if rule is None or row.rule == rule]
        if json:
            print_json(coverage_json(rows, counts))
        else:
            print_coverage(rows, counts)
        return HOLDS
    if trace:
        raise Unusable("--trace goes with --coverage")
    if rule is None:
        raise Unusable("name a rule, such as SPAN-12, or say --coverage for all of them")
    row = next(row for row in matrix() if row.rule == rule)
    if json:
        print_json(as_json(row))
    else:
        print_rule(row)
    return HOLDS


def known(rule_id: str) -> Rule:
    """Return a rule by its id, in any letter case.

    Raises: Unusable if there is none; the message has the ids that are nearest.
    """
    rule = BY_ID.get(rule_id.upper())
    if rule is not None:
        return rule
    family, dash, _ = rule_id.upper().partition("-")
    members = [name for name in BY_ID if name.startswith(f"{family}-")] if dash else []
    near = get_close_matches(rule_id.upper(), BY_ID, n=5, cutoff=0.7)
    hint = f"; near are {', '.join(near)}" if near else "; the ids look like SPAN-12 or SWP-3"
    if members:
        hint = f"; there are {members[0]} to {members[-1]}{hint if near else ''}"
    raise Unusable(f"no rule {rule_id!r}{hint}")


def mutants_of(row: Row) -> list[Variation]:
    """Return the mutants that the obligations resting on a rule must refute."""
    return [mutant for mutant in current().mutants.values() if mutant.killed_by in row.obligations]


def as_json(row: Row) -> dict[str, object]:
    """Return all about a rule as a JSON document."""
    obligations = current().claims
    return {
        **row.rule._asdict(),
        "functions": [definition.qualified for definition in row.definitions],
        "obligations": [{"id": name, "claim": obligations[name].claim} for name in row.obligations],
        "mutants": [{"name": m.name, "story": m.story} for m in mutants_of(row)],
        "tests": list(row.tests),
        "not_modelled": row.reason or None,
    }


def print_rule(row: Row) -> None:
    """Print all about a rule."""
    out.print(f"[bold]{row.rule.id}[/]  ", end="")
    out.print(row.rule.says, markup=False)
    version = "" if row.rule.where.startswith("Go ") else "Go 1.13.15: "
    out.print(f"{version}{row.rule.where}", markup=False)
    if row.reason:
        out.print(f"\nNot modelled: {row.reason}.", markup=False)
        return
    texts = dict.fromkeys((definition.module, definition.text) for definition in row.definitions)
    for module, text in texts:
        names = [d.name for d in row.definitions if (d.module, d.text) == (module, text)]
        out.print(f"\n[bold]{module}.{', '.join(names)}[/]")
        out.print(Syntax(text, "python", background_color="default"))
    if not row.covered:
        out.print(f"\n{NOT_HERE}", markup=False)
    elif not texts:
        out.print("\nNo function of its own: it is a property, shown by what follows.")
    section("obligations that rest on it", [claim(name) for name in row.obligations])
    section("mutants that these kill", [f"{m.name}: {m.story}" for m in mutants_of(row)])
    section("tests that show it", row.tests)


def claim(obligation: str) -> str:
    """Return an obligation's id and what it claims."""
    return f"{obligation}: {current().claims[obligation].claim}"


def section(title: str, lines: list[str] | tuple[str, ...]) -> None:
    """Print lines under a title, if there are any."""
    if lines:
        out.print(f"\n[bold]{title}[/]")
        for line in lines:
            out.print(f"  {line}", markup=False)
