"""The rule book is whole: every rule is stated, and covered or explained, and never both."""

import re
from collections import Counter
from pathlib import Path

import pytest

from spanproof.report.matrix import RuleRow, matrix, outdated, unexplained
from spanproof.theorems import all_obligations
from spanspec.rules import FAMILIES, RULES
from spanspec.rules.book import BY_ID, RULE_ID, cited, definitions, definitions_of_rules, rule
from spanspec.rules.uncovered import REASONS, UNCOVERED

ROOT = Path(__file__).resolve().parents[3]


def test_every_family_is_whole_and_in_order() -> None:
    for name, family in FAMILIES.items():
        ids = [rule.id for rule in family.rules]
        assert ids == [f"{name}-{number}" for number in range(1, len(ids) + 1)]
        assert ids


def test_the_overview_says_how_many_rules_there_are() -> None:
    told = re.findall(r"\b(\d+)\s+rules\b", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert set(told) == {str(len(RULES))}, f"README.md says {told}; there are {len(RULES)}"


def test_the_overview_says_how_many_rules_are_not_modelled() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert re.findall(r"\b(\d+)\s+are\s+not\s+modelled", text) == [str(len(UNCOVERED))]


def test_every_rule_is_stated_in_sentences_of_its_own_and_says_where_go_does_it() -> None:
    assert Counter(known.says for known in RULES).most_common(1)[0][1] == 1
    for known in RULES:
        assert RULE_ID.fullmatch(known.id)
        assert known.says.endswith(".")
        assert 20 < len(known.says) < 220, known.id
        assert ".go" in known.where or known.where.startswith("Go "), known.id


def test_a_fatal_check_is_stated_with_its_message() -> None:
    for known in RULES:
        if known.id.startswith("T-"):
            message, _, when = known.says.rpartition('": ')
            assert message.startswith('"'), known.id
            assert when, known.id


def test_every_rule_is_covered_or_the_reason_why_not_is_given() -> None:
    assert unexplained(matrix()) == []


def test_no_reason_is_out_of_date() -> None:
    assert outdated(matrix()) == [], "these are covered: take them out of rules/uncovered.py"


def test_every_reason_is_about_rules_that_exist_and_no_rule_has_two() -> None:
    listed = [name for ids in REASONS.values() for name in ids.split()]
    assert sorted(listed) == sorted(UNCOVERED)
    assert set(listed) <= set(BY_ID)


def row_of(reason: str, tests: tuple[str, ...]) -> RuleRow:
    return RuleRow(RULES[0], (), (), tests, 0, reason)


def test_a_missing_and_a_stale_reason_would_be_noticed() -> None:
    name = RULES[0].id
    assert unexplained([row_of("", ()), row_of("Windows only", ())]) == [name]
    assert outdated([row_of("Windows only", ()), row_of("Windows only", ("a test",))]) == [name]


def test_citations_are_of_rules_that_exist() -> None:
    known = set(BY_ID)
    assert set(definitions_of_rules()) <= known
    assert {name for o in all_obligations().values() for name in o.rules} <= known


def test_rules_are_found_in_any_letter_case_and_unknown_ones_are_not() -> None:
    assert rule("span-12").id == "SPAN-12"
    with pytest.raises(KeyError):
        rule("SPAN-99")


def test_citations_are_read_in_order_and_once() -> None:
    assert cited("Rules: SPAN-12 SWP-3, and SPAN-12 again; not SPANX-1") == ("SPAN-12", "SWP-3")
    assert cited(None) == ()


SOURCE = '''
"""A module that speaks of SC-1 stands for nothing itself."""

FIRST = 1
SECOND: int = 2
"""Two constants (CONST-1)."""

LONELY = "CONST-2"

APART = 3

"""Not the docstring of anything (CONST-3)."""


def cites(n):
    """Return nothing much.

    Rules: SPAN-12 SPAN-13.
    """
    return "SPAN-99 in a string is no citation"


def checks(n):
    """Fail in several ways (SPAN-1)."""
    assert n > 0, "T-1: too small"
    assert n > 1, f"T-2: {n} is too small"
    if n > 5:
        raise ValueError("T-3: too large")
    assert n > 2, "not T-4 in the middle"


@entered("I-5", 1)
@plain
def predicate(n):
    """Hold always."""


class Whole:
    """A class (HEAP-1)."""

    def part(self):
        """Do a part of it (HEAP-2)."""
'''


def test_definitions_stand_for_what_they_cite_check_and_are_entered_as(tmp_path: Path) -> None:
    (tmp_path / "sample.py").write_text(SOURCE)
    found = {one.name: one for one in definitions("sample", tmp_path / "sample.py")}
    assert {name: one.rules for name, one in found.items()} == {
        "cites": ("SPAN-12", "SPAN-13"),
        "checks": ("SPAN-1", "T-1", "T-2", "T-3"),
        "predicate": ("I-5",),
        "Whole": ("HEAP-1",),
        "Whole.part": ("HEAP-2",),
        "FIRST": ("CONST-1",),
        "SECOND": ("CONST-1",),
    }
    assert found["FIRST"].text.startswith("FIRST = 1\nSECOND: int = 2\n")
    assert found["predicate"].text.startswith('@entered("I-5", 1)')
    assert found["Whole.part"].qualified == "sample.Whole.part"
