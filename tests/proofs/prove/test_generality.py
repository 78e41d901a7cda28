"""What others use of any values is shown of any: not of a constant, nor of one way through."""

from collections.abc import Callable

import pytest
import z3
from msgspec.structs import replace

from spanproof.decide.prover import decide
from spanproof.prove.lemmas import Lemma
from spanproof.prove.proof import Obligation, Proof
from spanproof.symbolic.bitvectors import Words
from spanspec.base.words import U8, U16, U64
from spanspec.span.mspan import Mspan

WORDS = Words(64)


def is_small(word: U64) -> bool:
    """A word is below 256."""
    return word < 256


def fits_two_bytes(word: U64) -> bool:
    """A word has at most 16 bits."""
    return word < 65536


def differ_by_less(one: U64, other: U64) -> bool:
    """Two words differ by less than 2**16."""
    return one - other < 65536 if one >= other else other - one < 65536


def is_cached(span: Mspan) -> bool:
    """A span's state is 1."""
    return span.state == 1


SMALL = Lemma("test", is_small)
SMALL_OF_BYTES = Lemma("test", fits_two_bytes, given=(is_small,))
NEAR = Lemma("test", differ_by_less)
CACHED = Lemma("test", is_cached)


def of_a_constant(p: Proof) -> None:
    p.establish(SMALL, 7)


def of_a_numeral(p: Proof) -> None:
    p.establish(SMALL, z3.BitVecVal(7, 64))


def of_one_value_twice(p: Proof) -> None:
    word = p.number(U64, "word")
    p.establish(NEAR, word, word)


def of_a_term(p: Proof) -> None:
    p.establish(SMALL, p.number(U64, "word") & 255)


def of_a_record_with_a_constant(p: Proof) -> None:
    span = p.fresh(Mspan, "span")
    assert isinstance(span, Mspan)
    p.establish(CACHED, replace(span, state=1))


@pytest.mark.parametrize(
    ("build", "why"),
    [
        (of_a_constant, "word is 7"),
        (of_a_numeral, "word is made of other values"),
        (of_one_value_twice, "other is one"),
        (of_a_term, "word is made of other values"),
        (of_a_record_with_a_constant, "span.state is 1"),
    ],
)
def test_a_special_case_is_no_proof(build: Callable[[Proof], None], why: str) -> None:
    with pytest.raises(ValueError, match=f"established of a special case: {why}"):
        build(Proof(WORDS))


def decided(build: Callable[[Proof], None]) -> tuple[str, str]:
    verdict = decide(Obligation("test", (), "a claim", WORDS, build, {}, {}))
    return verdict.answer, verdict.failed or verdict.detail


def test_a_narrow_symbol_stands_for_what_the_hypotheses_allow() -> None:
    def enough(p: Proof) -> None:
        word = p.number(U16, "word")
        p.suppose(SMALL_OF_BYTES, word)
        p.establish(SMALL_OF_BYTES, word)
        p.possible("any")

    def too_narrow(p: Proof) -> None:
        p.establish(SMALL, p.number(U8, "word"))
        p.possible("any")

    assert decided(enough)[0] == "proved"
    label = "is_small is established of every word that is given"
    assert decided(too_narrow) == ("refuted", label)


def test_what_is_established_here_and_there_is_established_everywhere() -> None:
    def both_ways(p: Proof) -> None:
        word = p.number(U64, "word")
        p.suppose(SMALL_OF_BYTES, word)
        for way in (z3.ULT(word, 5), z3.UGE(word, 5)):
            p.establish(SMALL_OF_BYTES, word, given=way)
        p.possible("any")

    def one_way(p: Proof) -> None:
        word = p.number(U64, "word")
        p.suppose(SMALL_OF_BYTES, word)
        p.establish(SMALL_OF_BYTES, word, given=z3.ULT(word, 5))
        p.possible("any")

    def where_it_is_given(p: Proof) -> None:
        word = p.number(U64, "word")
        p.establish(SMALL_OF_BYTES, word, given=z3.ULT(word, 256))
        p.possible("any")

    assert decided(both_ways)[0] == "proved"
    assert decided(where_it_is_given)[0] == "proved"
    label = "fits_two_bytes is established wherever it is given"
    assert decided(one_way) == ("refuted", label)


def test_cases_are_claimed_to_be_all() -> None:
    def without(p: Proof) -> None:
        p.establish(SMALL, 7, among="there are no others")
        p.possible("any")

    def with_a_claim(p: Proof) -> None:
        p.establish(SMALL, 7, among="there are no others")
        p.show("there are no others", p.number(U64, "other") == 7)
        p.possible("any")

    answer, detail = decided(without)
    assert answer == "untranslatable"
    assert detail == "composition"
    assert decided(with_a_claim) == ("refuted", "there are no others")
