"""The matrix: for each rule, what stands for it, what shows it, and what exercised it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from spanproof.decide.catalogue import current
from spanproof.report.tests import folder_of_tests, shown_by_tests
from spanspec.rules import RULES, Rule
from spanspec.rules.book import Definition, definitions_of_rules
from spanspec.rules.uncovered import UNCOVERED


class RuleRow(NamedTuple):
    """One rule of the matrix.

    `definitions` of the model stand for it, `obligations` rest on it, `tests` show it, and
    `events` recorded ones exercised it. `reason` says why nothing of the kind is there.
    """

    rule: Rule
    definitions: tuple[Definition, ...]
    obligations: tuple[str, ...]
    tests: tuple[str, ...]
    events: int
    reason: str

    @property
    def covered(self) -> bool:
        """Whether anything stands for the rule or shows it."""
        return bool(self.definitions or self.obligations or self.tests)


def matrix(
    events: Mapping[str, int] | None = None, rules: Sequence[Rule] = RULES
) -> tuple[RuleRow, ...]:
    """Return a row for each rule; `events` tells how many recorded ones exercised which rule."""
    definitions = definitions_of_rules()
    folder = folder_of_tests()
    tests = shown_by_tests(folder, frozenset(one.id for one in rules)) if folder is not None else {}
    obligations: dict[str, list[str]] = {}
    for obligation in current().claims.values():
        for identifier in obligation.rules:
            obligations.setdefault(identifier, []).append(obligation.id)
    return tuple(
        RuleRow(
            rule,
            definitions.get(rule.id, ()),
            tuple(obligations.get(rule.id, ())),
            tests.get(rule.id, ()),
            (events or {}).get(rule.id, 0),
            UNCOVERED.get(rule.id, ""),
        )
        for rule in rules
    )


def unexplained(rows: Iterable[RuleRow]) -> list[str]:
    """Return the rules that nothing covers, and for which no reason is given either."""
    return [row.rule.id for row in rows if not row.covered and not row.reason]


def outdated(rows: Iterable[RuleRow]) -> list[str]:
    """Return the rules that are covered although a reason says that they are not."""
    return [row.rule.id for row in rows if row.covered and row.reason]
