"""From a name of Go's runtime to ours: the table in docs/design.md, made from the rule book.

`python -m spanproof.report.gonames docs/design.md` writes it anew.
"""

import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from spanspec.rules import RULES
from spanspec.rules.book import Definition, definitions_of_rules

BEGINS: Final = "<!-- Go names: made by `python -m spanproof.report.gonames docs/design.md` -->"
ENDS: Final = "<!-- end of Go names -->"

MOST: Final = 3
"""Definitions that are named for one of Go's; `spanspec explain RULE` shows all."""

NOT_THE_ALLOCATOR: Final = ("spanspec.invariants",)
"""Modules that judge: not what somebody looks for by a name of Go's."""


class GoName(NamedTuple):
    """A function or type of the runtime, the rules that speak of it, and ours that stand for them.

    Those of ours come first that bear the same name, then those that stand for most of the rules.
    """

    file: str
    name: str
    rules: tuple[str, ...]
    ours: tuple[str, ...]


def go_names() -> tuple[GoName, ...]:
    """Return all names of Go's that rules cite, by file and name."""
    rules: dict[tuple[str, str], list[str]] = {}
    for rule in RULES:
        for place in places(rule.where):
            rules.setdefault(place, []).append(rule.id)
    return tuple(
        GoName(file, name, tuple(cited), ours(name, cited))
        for (file, name), cited in sorted(rules.items())
    )


def places(where: str) -> Iterator[tuple[str, str]]:
    """Yield the files and names of a text such as `mheap.go: init, alloc; proc.go: acquirep`."""
    for part in where.split("; "):
        file, colon, names = part.partition(": ")
        if colon and re.fullmatch(r"\w+\.go", file):
            yield from ((file, name) for name in names.split(", "))


def ours(name: str, rules: list[str]) -> tuple[str, ...]:
    """Return the definitions that stand for rules, the likeliest first."""
    found: Counter[Definition] = Counter()
    for rule in rules:
        for one in definitions_of_rules().get(rule, ()):
            if not one.module.startswith(NOT_THE_ALLOCATOR):
                found[one] += 1
    same = snake(name)

    def order(one: Definition) -> tuple[bool, int, str]:
        return one.name.rpartition(".")[2].lower() != same, -found[one], one.qualified

    return tuple(one.qualified.removeprefix("spanspec.") for one in sorted(found, key=order)[:MOST])


def snake(name: str) -> str:
    """Return a name of Go's as ours would be: `mcentral.cacheSpan` is `cache_span`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name.rpartition(".")[2]).lower()


def table() -> str:
    """Return the table as Markdown."""
    rows = [BEGINS, "", "| Go 1.13 | in `spanspec` | rules |", "|---|---|---|"]
    for one in go_names():
        here = ", ".join(f"`{name}`" for name in one.ours) or "not modelled"
        shown = ", ".join(one.rules[:MOST]) + (", ..." if len(one.rules) > MOST else "")
        rows.append(f"| {one.file} `{one.name}` | {here} | {shown} |")
    return "\n".join((*rows, "", ENDS))


def with_table(page: str) -> str:
    """Return a page with the table in the place of the one that it has.

    Raises: ValueError if it has no place for one.
    """
    before, begins, rest = page.partition(BEGINS)
    _, ends, after = rest.partition(ENDS)
    if not begins or not ends:
        raise ValueError("the page has no place for the table of Go names")
    return f"{before}{table()}{after}"


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(with_table(path.read_text(encoding="utf-8")), encoding="utf-8")
