"""Rules, functions, obligations and mutants refer to each other by ids that exist."""

import pytest

from spanproof.obligations import all_obligations
from spanspec.rulebook import BY_ID, RULE_ID, cited, definitions_of_rules, rule


def test_every_rule_is_stated_once_and_in_a_sentence() -> None:
    for known in BY_ID.values():
        assert RULE_ID.fullmatch(known.id)
        assert known.says.endswith(".")


def test_every_rule_has_a_function_or_an_obligation() -> None:
    shown = {name for o in all_obligations().values() for name in o.rules}
    without = set(BY_ID) - set(definitions_of_rules()) - shown
    assert without <= {"CONST-2", "CONST-3", "SPAN-2"}, "rules that only constants stand for"


def test_rules_are_found_in_any_letter_case_and_unknown_ones_are_not() -> None:
    assert rule("span-12").id == "SPAN-12"
    with pytest.raises(KeyError):
        rule("SPAN-99")


def test_citations_are_read_in_order_and_once() -> None:
    assert cited("Rules: SPAN-12 SWP-3, and SPAN-12 again; not SPANX-1") == ("SPAN-12", "SWP-3")
    assert cited(None) == ()
