"""Claims that compose: contracts ask for what they need, and nothing circles."""

import pytest
import z3

from spanproof.lemmas import Circular, rests_on
from spanproof.obligations import all_obligations
from spanproof.obligations.span import SLOW, ZEROS, may_search
from spanproof.proof import Obligation, Proof, obligation
from spanproof.prover import decide
from spanproof.symbolic.bitvectors import Words
from spanproof.symbolic.frames import Contract
from spanspec.alloccache import Found, next_free_index
from spanspec.freeslots import ends_search
from spanspec.mspan import Mspan, bounds_hold
from spanspec.words import U16, U64, is_trailing_zeros, trailing_zeros

OBLIGATIONS = all_obligations()
WORDS = Words(64)


def any_search(p: Proof) -> tuple[Mspan, z3.BoolRef]:
    p.arbitrary("below", U16)
    span = p.fresh(Mspan, "span")
    assert isinstance(span, Mspan)
    p.assume(p.holds(bounds_hold, span))
    return span, p.holds(may_search, span)


def search_with_any_cache(p: Proof) -> None:
    span, _ = any_search(p)
    found = p.call(next_free_index, span)
    assert isinstance(found, Found)
    p.show("the search finds a free slot", p.holds(ends_search, span, found.slot))
    p.possible("a search")


def search_with_an_exact_cache(p: Proof) -> None:
    span, exact = any_search(p)
    found = p.call_given(exact, next_free_index, span)
    assert isinstance(found, Found)
    p.show("the search finds a free slot", p.holds(ends_search, span, found.slot), exact)
    p.possible("a search", exact)


def test_a_contract_asks_for_what_it_needs_on_the_path_of_the_call() -> None:
    wrong = Obligation("test", ("I-3",), "a claim", WORDS, search_with_any_cache, {}, SLOW)
    verdict = decide(wrong)
    assert (verdict.answer, verdict.failed) == ("refuted", "next_free_index needs may_search")
    right = Obligation("test", ("I-3",), "a claim", WORDS, search_with_an_exact_cache, {}, SLOW)
    assert decide(right).proved


def out_of_range(p: Proof) -> None:
    number = p.number(int, "number")
    p.show("at most 64", z3.ULE(p.integer(trailing_zeros, number & 0xFFFF), 64))
    p.show("also", z3.ULE(p.integer(narrow, number), 64))
    p.possible("a number")


def narrow(word: U16) -> U16:
    return trailing_zeros(word)


def test_a_contract_asks_for_the_ranges_of_the_arguments() -> None:
    contracts = {f"{__name__}.narrow": Contract(is_trailing_zeros, proved_by="words.x"), **ZEROS}
    claim = Obligation("test", ("I-3",), "a claim", WORDS, out_of_range, {}, contracts)
    claim = claim._replace(contracts={k: v._replace(proved_by="") for k, v in contracts.items()})
    verdict = decide(claim)
    assert (verdict.answer, verdict.failed) == ("refuted", "narrow needs word in its range")


def test_every_contract_is_established_by_the_obligation_that_it_names() -> None:
    stated = {
        (contract, claim.arithmetic.name)
        for claim in OBLIGATIONS.values()
        for contract in claim.contracts.values()
    }
    for contract, arithmetic in stated:
        prover = OBLIGATIONS[contract.proved_by]
        assert contract in prover.proof().established, contract
        assert prover.arithmetic.name == arithmetic


def test_what_others_use_is_established_from_what_they_are_asked_for() -> None:
    p, contract = Proof(WORDS), ZEROS["spanspec.words.trailing_zeros"]
    word = p.number(U64, "word")
    p.establish(contract, word, p.integer(trailing_zeros, word))
    p.assume(word != 0)
    with pytest.raises(ValueError, match="from nothing else"):
        p.establish(contract, word, p.integer(trailing_zeros, word))


def test_a_contract_names_the_obligation_that_proves_it() -> None:
    def claim(p: Proof) -> None:
        """A claim."""

    with pytest.raises(ValueError, match="no obligation proves"):
        obligation("test.contract", "I-3", WORDS, contracts={"a.b": Contract(is_trailing_zeros)})(
            claim
        )


def test_references_form_no_circle() -> None:
    uses = {name: claim.uses for name, claim in OBLIGATIONS.items()}
    assert sum(map(bool, uses.values())) > 5
    for name in uses:
        assert name not in rests_on(name, uses)
    with pytest.raises(Circular, match=r"a -> b -> c -> a"):
        rests_on("a", {"a": ["b"], "b": ["c"], "c": ["a"]})
    with pytest.raises(ValueError, match="a rests on b, which is no obligation"):
        rests_on("a", {"a": ["b"]})


def test_an_obligation_that_rests_on_itself_is_refused() -> None:
    name = "span.slow.takes-lowest"
    claim = OBLIGATIONS[name]._replace(contracts=SLOW)
    with pytest.raises(Circular, match=f"{name} -> {name}"):
        claim.proof()
