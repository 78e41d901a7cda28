"""`spanspec explain`: a rule, what stands for it, rests on it and shows it; the whole matrix."""

import re
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.syntax import Syntax

from spanproof.cli.options import Json
from spanproof.cli.output import HOLDS, Unusable, out, print_json
from spanproof.cli.showing.coverage import NOT_HERE, coverage_json, print_coverage, replayed
from spanproof.decide.cache import Cache
from spanproof.decide.catalogue import Variation, current
from spanproof.decide.resting import sources_of_claims, what_it_rests_on
from spanproof.decide.schedule import known_reads
from spanproof.fingerprint.units import Unit
from spanproof.report.matrix import RuleRow, matrix
from spanspec.rules import FAMILIES, RULES, Rule
from spanspec.rules.book import BY_ID, Definition, definitions_of_rules

if TYPE_CHECKING:
    from spanproof.prove.proof import Obligation

ID_LIKE: Final = re.compile(r"[A-Z]+-?\d+")
"""What is meant as an id, be there such a rule or not."""


NO_GOAL: Final = "no obligation: that it cannot fire is not proved"
"""What is said of a fatal check that no obligation has as a goal."""

SHOWN: Final = 12
"""Rules that are listed, if there are so many, beside those that speak of all the words."""


def explain(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="RULE|FAMILY|WORDS",
            help="A rule id, such as SPAN-12; a family, such as MC; or words that rules speak of.",
        ),
    ] = None,
    listing: Annotated[bool, typer.Option("--list", help="List rules, with what each says.")] = (
        False
    ),
    coverage: Annotated[
        bool, typer.Option("--coverage", help="Print the matrix of all rules, or of those chosen.")
    ] = False,
    trace: Annotated[
        list[Path] | None,
        typer.Option(help="With --coverage: a trace to replay instead of the bundled ones."),
    ] = None,
    json: Json = False,
) -> int:
    """Show a rule, its functions' source, its proofs, mutants and tests, and where Go does it.

    Of several rules, as a family has, or as words find them, the statements are shown.
    """
    named = [part for word in words or [] for part in word.split()]
    if trace and not coverage:
        raise Unusable("--trace goes with --coverage")
    if not (named or listing or coverage):
        raise Unusable(
            "name a rule, such as SPAN-12, a family, such as MC, or words to look for; "
            "--list has all rules, --coverage what stands for them"
        )
    rules = chosen(named)
    if coverage:
        counts = replayed(trace)
        rows = matrix(counts.rules, rules)
        if json:
            print_json(coverage_json(rows, counts))
        else:
            print_coverage(rows, counts)
    elif listing or any(word.upper() not in BY_ID for word in named):
        if json:
            print_json([rule._asdict() for rule in rules])
        else:
            print_statements(rules)
    else:
        rows = matrix(rules=rules)
        if json:
            print_json(as_json(rows[0]) if len(rows) == 1 else [as_json(row) for row in rows])
        else:
            for row in rows:
                print_rule(row)
    return HOLDS


def chosen(words: Sequence[str]) -> Sequence[Rule]:
    """Return the rules that words name by id or family, or else those that have all the words.

    Without words, all.

    Raises: Unusable if there is none; the message has the ids that are nearest.
    """
    named = [word.upper() for word in words]
    if named and all(name in BY_ID or name in FAMILIES for name in named):
        return [rule for rule in RULES if rule.id in named or family_of(rule) in named]
    if not any(ID_LIKE.fullmatch(name) for name in named):
        found = rules_with(words)
        if found:
            return found
    missing = next(word for word in words if word.upper() not in BY_ID)
    raise Unusable(f"no rule {missing!r}{hint(missing)}")


def rules_with(words: Sequence[str]) -> list[Rule]:
    """Return the rules that speak of words: first those that speak of all, then of some of them.

    What stands for a rule in the model speaks of it, too, by its name and docstring. A word in the
    rule's own statement counts twice.
    """
    if not words:
        return list(RULES)
    wanted = [word.casefold() for word in words]
    standing = definitions_of_rules()
    hits: dict[Rule, tuple[bool, int]] = {}
    for rule in RULES:
        said = f"{rule.id} {rule.says} {rule.where} {FAMILIES[family_of(rule)].about}".casefold()
        told = " ".join(spoken(one) for one in standing.get(rule.id, ())).casefold()
        points = [2 * (word in said) or int(word in told) for word in wanted]
        if any(points):
            hits[rule] = (all(points), sum(points))
    best = sorted(hits, key=lambda rule: hits[rule], reverse=True)
    return best[: max(SHOWN, sum(whole for whole, _ in hits.values()))]


def spoken(definition: Definition) -> str:
    """Return what a definition of the model says in words: its name and its docstring."""
    strings = re.findall(r'"""(.*?)"""', definition.text, re.DOTALL)
    return f"{definition.name} {' '.join(strings[:1])}"


def hint(missing: str) -> str:
    """Return how to go on from an id that is none: the ids that are nearest."""
    family, dash, _ = missing.upper().partition("-")
    near = get_close_matches(missing.upper(), BY_ID, n=5, cutoff=0.7)
    told = f"; near are {', '.join(near)}" if near else ""
    if dash and family in FAMILIES:
        members = FAMILIES[family].rules
        return f"; there are {members[0].id} to {members[-1].id}{told}"
    return told or (
        "; the ids look like SPAN-12 or SWP-3, and no rule has the word in it; "
        "spanspec explain --list has all"
    )


def family_of(rule: Rule) -> str:
    """Return the name of a rule's family."""
    return rule.id.partition("-")[0]


def print_statements(rules: Sequence[Rule]) -> None:
    """Print rules, with what each says, under the titles of their families."""
    title = ""
    for rule in rules:
        name = family_of(rule)
        if name != title:
            out.print(f"{name}: {FAMILIES[name].about}", style="bold", markup=False)
            title = name
        out.print(f"  {rule.id:<9} {rule.says}", markup=False)


def mutants_of(row: RuleRow) -> list[Variation]:
    """Return the mutants that the obligations resting on a rule must refute."""
    return [mutant for mutant in current().mutants.values() if mutant.killed_by in row.obligations]


def as_json(row: RuleRow) -> dict[str, object]:
    """Return all about a rule as a JSON document."""
    obligations = current().claims
    return {
        **row.rule._asdict(),
        "functions": [definition.qualified for definition in row.definitions],
        "obligations": [
            {
                "id": name,
                "claim": obligations[name].claim,
                "module": obligations[name].module,
            }
            for name in row.obligations
        ],
        "mutants": [{"name": m.name, "story": m.story} for m in mutants_of(row)],
        "tests": list(row.tests),
        "goal_of": goals_of(row.rule.id) if family_of(row.rule) == "T" else [],
        "not_modelled": row.reason or None,
    }


def print_rule(row: RuleRow) -> None:
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
    if family_of(row.rule) == "T":
        section("as a fatal check, it is a goal of", goals_of(row.rule.id) or [NO_GOAL])
    section("mutants that these kill", [f"{m.name}: {m.story}" for m in mutants_of(row)])
    section("tests that show it", row.tests)


def goals_of(rule: str) -> list[str]:
    """Return the obligations that have a rule's assertions as goals, with the function of each.

    A proof is built only where it may read such a function, by what was proved before or, failing
    that, by the names that its source leads to.
    """
    from spanproof.theorems import all_obligations

    asserts = {
        Unit(one.module, one.name)
        for one in definitions_of_rules().get(rule, ())
        if f'"{rule}: ' in one.text
    }
    if not asserts:
        return []
    reads, sources = known_reads(current(), Cache(), ()), sources_of_claims()

    def may_read(claim: "Obligation") -> bool:
        if claim.id in reads:
            return any(f"{one.module}.{one.name}" in reads[claim.id] for one in asserts)
        return not asserts.isdisjoint(what_it_rests_on(sources, claim))

    return asserting(rule, filter(may_read, all_obligations().values()))


def asserting(rule: str, obligations: Iterable["Obligation"]) -> list[str]:
    """Return which obligations have a rule's assertions as goals, with the function of each.

    A function for which a contract stands in has none there, but where the contract is proved.
    """
    return [
        f"{claim.id}: {said.partition(':')[0]}"
        for claim in obligations
        for said in sorted(claim.proof().asserted)
        if said.partition(": ")[2].startswith(f"{rule}:")
    ]


def claim(obligation: str) -> str:
    """Return an obligation's id, the module where it is claimed, and what it claims."""
    listed = current().claims[obligation]
    return f"{obligation} ({listed.module}): {listed.claim}"


def section(title: str, lines: list[str] | tuple[str, ...]) -> None:
    """Print lines under a title, if there are any."""
    if lines:
        out.print(f"\n[bold]{title}[/]")
        for line in lines:
            out.print(f"  {line}", markup=False)
