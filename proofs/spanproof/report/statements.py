"""The rule book as a page of the documentation: what each rule says, and where Go does it."""

from collections.abc import Iterator

from spanspec.rules import FAMILIES, RULES
from spanspec.rules.uncovered import UNCOVERED

TITLE = "# What each rule says"


def statements() -> str:
    """Return the page as Markdown; `make docs` puts it among the others."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield f"{TITLE}\n"
    yield f"{len(RULES)} rules, as `spanspec explain --list` prints them."
    yield "`spanspec explain` of an id shows what stands for the rule. A rule that is not modelled"
    yield "has the reason below it."
    for name, family in FAMILIES.items():
        yield f"\n## {name}: {family.about}\n"
        yield "| rule | says | in Go |\n|---|---|---|"
        for rule in family.rules:
            reason = UNCOVERED.get(rule.id)
            left_out = f"<br>*Not modelled: {_cell(reason)}.*" if reason else ""
            yield f"| {rule.id} | {_cell(rule.says)}{left_out} | {_cell(rule.where)} |"


def _cell(text: str) -> str:
    """Return a text that stands in a cell as it is, whatever marks are in it."""
    for mark in "\\`*_[]<>|":
        text = text.replace(mark, f"\\{mark}" if mark not in "<>" else f"&{'lg'[mark == '>']}t;")
    return text
