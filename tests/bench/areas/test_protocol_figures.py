"""The protocol is searched by SPIN and by the model, and both reach the same states."""

import shutil
from collections.abc import Callable, Mapping
from typing import NamedTuple

import pytest
import z3

from spanbench.areas import protocol
from spanbench.measuring.figure import Settings
from spanproof.search.boundedsearch import search
from spanproof.search.sharingscope import sharing_breach, start_of, steps_of
from spanproof.search.spin import verifier
from spanproof.search.spin.cterms import CTerms
from spanproof.support.tools import Missing
from spanproof.theorems.mutants import MUTANTS
from spanspec.sharing.tables.finite import Size

PRINTED = """
State-vector 92 byte, depth reached 325, errors: 0
   154896 states, stored
  1745049 states, matched
1.8999130e+06 transitions (= stored+matched)
"""


def test_the_verifier_is_understood() -> None:
    read = verifier.parse(PRINTED, 1.5)
    assert read == verifier.Verified(154896, 1899913, 0, True, 1.5)
    assert not verifier.parse(f"Warning: Search not completed\n{PRINTED}", 1.5).complete
    with pytest.raises(RuntimeError, match="states"):
        verifier.parse("a fault", 0.0)


class Unproved(NamedTuple):
    """The part of a verdict that is looked at."""

    proved: bool


def spin_or_skip() -> None:
    try:
        verifier.needed()
    except Missing as reason:
        pytest.skip(str(reason))


def both_reach_equally_many_states(size: Size, cycles: int) -> None:
    start = start_of(size)
    verified = verifier.verify(start, cycles, 60)
    searched = search(start, steps_of(start, cycles), sharing_breach)
    assert (verified.errors, verified.complete) == (0, True)
    assert (verified.states, verified.transitions - 1) == (searched.states, searched.transitions)


def spin_is_stopped_at_its_limit_and_tells_how_far_it_came() -> None:
    verified = verifier.verify(start_of(Size(3, 1, 2)), 1, 0.2)
    assert not verified.complete
    assert verified.states > 0


def spin_finds_what_a_mutant_breaks(name: str) -> None:
    start = start_of(Size(1, 1, 2))
    assert verifier.verify(start, 2, 60, MUTANTS[name].sources()).errors == 1


WITH_SPIN: Mapping[str, Callable[[], None]] = {
    "two cycles of one span": lambda: both_reach_equally_many_states(Size(1, 1, 1), 2),
    "two threads on two Ps": lambda: both_reach_equally_many_states(Size(1, 2, 2), 1),
    "a limit": spin_is_stopped_at_its_limit_and_tells_how_far_it_came,
    "a cycle too early": lambda: spin_finds_what_a_mutant_breaks("24a7252e25-cycle-too-early"),
    "no compare": lambda: spin_finds_what_a_mutant_breaks("swap-without-compare"),
}
"""Each writes and compiles a verifier, which takes seconds."""


@pytest.mark.sampled(1)
@pytest.mark.parametrize("name", WITH_SPIN)
def test_spin_and_the_model_agree(name: str) -> None:
    spin_or_skip()
    WITH_SPIN[name]()


def test_a_rule_that_has_no_c_text_is_refused() -> None:
    word, identity = z3.BitVec("word", 32), z3.Int("identity")
    terms = CTerms("system.", {"system.spans": 2})
    with pytest.raises(NotImplementedError, match="no C text"):
        terms.text(word << 1)
    with pytest.raises(NotImplementedError, match="several identities"):
        terms.text(z3.ForAll([identity, z3.Int("other")], identity == z3.Int("other")))
    with pytest.raises(LookupError, match="says nothing"):
        terms.text(z3.ForAll([identity], identity == identity))


def test_a_term_keeps_its_meaning_as_c() -> None:
    in_use = z3.Function("system.spans.in_use", z3.IntSort(), z3.BoolSort())
    small, identity = z3.BitVec("system.small", 8), z3.Int("identity")
    terms = CTerms("system.", {"system.spans": 2})
    everywhere = z3.ForAll([identity], in_use(identity))
    somewhere = z3.Exists([identity], in_use(identity))
    assert terms.text(everywhere) == "(now.spans_in_use[0U] && now.spans_in_use[1U])"
    assert terms.text(somewhere) == "(now.spans_in_use[0U] || now.spans_in_use[1U])"
    assert terms.text(small + 1) == "(((unsigned)now.small + 1U) & 255U)"
    assert terms.text(z3.simplify(z3.ZeroExt(24, small))) == "(unsigned)now.small"
    assert terms.text(z3.Concat(small, small)) == "((unsigned)now.small << 8 | (unsigned)now.small)"


def test_what_is_not_proved_is_not_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert protocol.prove("protocol.flush")["seconds"] > 0
    monkeypatch.setattr(protocol, "decide", lambda _: Unproved(False))
    with pytest.raises(RuntimeError, match=r"^protocol\.flush is not proved$"):
        protocol.prove("protocol.flush")


def test_without_spin_the_search_of_the_model_still_stands_beside_the_proof(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    monkeypatch.setattr(protocol, "SIZES", protocol.SIZES[:2])
    monkeypatch.setattr(protocol, "proof_seconds", lambda: 1.0)
    protocol.rows.cache_clear()
    grown = protocol.own_search(Settings())
    assert len(grown.pairs) == 1
    shown = protocol.proof(Settings()).details
    assert shown is not None
    assert [row[2] for row in shown.rows] == ["-"] * 2
    assert [row[4] for row in shown.rows] == ["450", "4703"]
    with pytest.raises(Missing, match="install spin"):
        protocol.spin(Settings())
    protocol.rows.cache_clear()


def test_what_holds_an_unfinished_system_is_not_tried() -> None:
    assert protocol.is_part(Size(1, 1, 2), Size(2, 1, 2))
    assert not protocol.is_part(Size(1, 2, 2), Size(2, 1, 2))
    assert protocol.is_one_more(Size(2, 1, 2), Size(1, 1, 2))
    assert not protocol.is_one_more(Size(2, 2, 2), Size(1, 1, 2))
