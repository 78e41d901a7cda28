"""`spanspec explain`: a rule, the functions that are it, what rests on it, where Go does it."""

from typing import Annotated

import typer
from rich.syntax import Syntax

from spanproof.cli.output import HOLDS, Unusable, out, print_json
from spanproof.mutants import MUTANTS
from spanproof.obligations import all_obligations
from spanspec.rulebook import BY_ID, definitions_of_rules
from spanspec.rules import Rule


def explain(
    rule_id: Annotated[str, typer.Argument(metavar="RULE", help="A rule id, such as SPAN-12.")],
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    """Show a rule, its functions' source, its proofs and mutants, and where Go does it."""
    rule = BY_ID.get(rule_id.upper())
    if rule is None:
        raise Unusable(
            f"no modelled rule {rule_id!r}; the ids look like SPAN-12 or SWP-3{near(rule_id)}"
        )
    functions = definitions_of_rules().get(rule.id, ())
    obligations = [o for o in all_obligations().values() if rule.id in o.rules]
    ids = {o.id for o in obligations}
    mutants = [m for m in MUTANTS.values() if m.killed_by in ids]
    if json:
        print_json(
            {
                **rule._asdict(),
                "functions": [function.qualified for function in functions],
                "obligations": [{"id": o.id, "claim": o.claim} for o in obligations],
                "mutants": [{"name": m.name, "story": m.story} for m in mutants],
            }
        )
        return HOLDS
    heading(rule)
    for function in functions:
        out.print(f"\n[bold]{function.qualified}[/]")
        out.print(Syntax(function.text, "python", background_color="default"))
    if not functions:
        out.print("\nNo function of its own: it is a property, shown by what follows.")
    out.print(
        "\n[bold]obligations that rest on it[/]" if obligations else "\nNo obligation cites it."
    )
    for obligation in obligations:
        out.print(f"  {obligation.id}: {obligation.claim}", markup=False)
    if mutants:
        out.print("\n[bold]mutants that these kill[/]")
        for mutant in mutants:
            out.print(f"  {mutant.name}: {mutant.story}", markup=False)
    return HOLDS


def heading(rule: Rule) -> None:
    """Print what a rule says and where Go does it."""
    out.print(f"[bold]{rule.id}[/]  {rule.says}")
    if rule.where:
        out.print(f"Go 1.13.15: {rule.where}", markup=False)


def near(rule_id: str) -> str:
    """Return a hint with the modelled rules of the same family, if there are any."""
    family = rule_id.upper().split("-")[0] + "-"
    known = [name for name in BY_ID if name.startswith(family)]
    return f"; modelled are {', '.join(known)}" if known else ""
