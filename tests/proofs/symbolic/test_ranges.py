"""Ranges of annotations: assumed of what is unknown, and shown of all that is made."""

import pytest
import z3
from msgspec.structs import replace

from spanproof.decide.prover import decide
from spanproof.decide.verdict import Verdict
from spanproof.prove.lemmas import Lemma
from spanproof.prove.proof import Obligation, Proof
from spanproof.symbolic.bitvectors import Words
from spanproof.symbolic.evaluation.frames import Contract
from spanproof.symbolic.integers import Integers
from spanproof.symbolic.values.arithmetic import Arithmetic
from spanproof.theorems import all_obligations
from spanspec.base.records import Record
from spanspec.base.words import U8, U16, Count

BOTH = (Integers(), Words(64))


class Pages(Record, frozen=True):
    """A record with numbers of several ranges."""

    npages: U16
    events: Count
    pair: tuple[U8, U8]


def fresh_pages(npages: U16) -> Pages:
    return Pages(npages + 1, 0, (0, 0))


def grown(pages: Pages) -> Pages:
    return replace(pages, npages=pages.npages + 1)


def grown_within(pages: Pages) -> Pages:
    return replace(pages, npages=pages.npages + 1) if pages.npages < 0xFFFF else pages


def counted(pages: Pages) -> Pages:
    return replace(pages, events=pages.events + 1)


def taken_back(pages: Pages) -> Pages:
    return replace(pages, events=pages.events - 1)


def exchanged(pages: Pages) -> Pages:
    return replace(pages, pair=(pages.pair[1], pages.pair[0]))


def paired(pages: Pages, number: U16) -> Pages:
    return replace(pages, pair=(0, number))


def decided(arithmetic: Arithmetic, rule: object, *kinds: object) -> Verdict:
    def build(p: Proof) -> None:
        """What a rule makes is in its ranges."""
        assert callable(rule)
        p.call(rule, *(p.fresh(kind, f"value{n}") for n, kind in enumerate(kinds)))
        p.show("read", z3.BoolVal(True))
        p.possible("a value")

    return decide(Obligation("test", ("I-3",), "a claim", arithmetic, build, {}, {}))


@pytest.mark.parametrize("arithmetic", BOTH, ids=lambda one: one.name)
def test_what_a_rule_puts_into_a_record_is_shown_to_be_in_range(arithmetic: Arithmetic) -> None:
    for rule, kind, label in (
        (fresh_pages, U16, "fresh_pages: Pages.npages is in its range"),
        (grown, Pages, "grown: Pages.npages is in its range"),
    ):
        verdict = decided(arithmetic, rule, kind)
        assert (verdict.answer, verdict.failed) == ("refuted", label)
    verdict = decided(arithmetic, paired, Pages, U16)
    assert (verdict.answer, verdict.failed) == ("refuted", "paired: Pages.pair is in its range")
    assert decided(arithmetic, grown_within, Pages).proved
    assert decided(arithmetic, exchanged, Pages).proved


def test_a_count_is_shown_not_to_go_below_zero_and_taken_not_to_reach_its_bound() -> None:
    assert decided(Integers(), counted, Pages).proved
    verdict = decided(Integers(), taken_back, Pages)
    assert (verdict.answer, verdict.failed) == (
        "refuted",
        "taken_back: Pages.events is in its range",
    )


def too_many(value: U16) -> U8:
    return value


def any_byte(value: U16, found: U8) -> bool:
    return found >= 0


def test_a_contract_is_established_with_the_range_of_its_result() -> None:
    contract = Contract(any_byte)

    def build(p: Proof) -> None:
        value = p.number(U16, "value")
        p.establish(contract, value, p.integer(too_many, value))
        p.possible("a value")

    verdict = decide(Obligation("test", ("I-3",), "a claim", Integers(), build, {}, {}))
    failed = "the contract any_byte has found in its range"
    assert (verdict.answer, verdict.failed) == ("refuted", failed)


def fits_a_byte(number: U8) -> bool:
    return number < 256


def test_a_lemma_is_used_of_values_of_its_types_only() -> None:
    lemma = Lemma(then=fits_a_byte, proved_by="words.trailing-zeros")

    def build(p: Proof) -> None:
        number = p.number(U16, "number")
        p.use(lemma, number)
        p.show("so it is small", number < 256)
        p.possible("a value")

    claim = Obligation("test", ("I-3",), "a claim", Integers(), build, {}, {}, lemmas=(lemma,))
    verdict = decide(claim)
    assert (verdict.answer, verdict.failed) == (
        "refuted",
        "words.trailing-zeros has number in its range",
    )


def test_a_contract_has_the_type_that_the_rule_returns() -> None:
    """The range that is assumed of a result is the one that was shown of it."""
    differ = set()
    for claim in all_obligations().values():
        p = Proof(claim.arithmetic)
        for name, contract in claim.contracts.items():
            module, _, rule = name.rpartition(".")
            source = p.translator.sources.function(
                getattr(__import__(module, fromlist=["x"]), rule)
            )
            takes = len(source.tree.args.args)
            kinds = list(p.translator.kinds_of(contract.ensures).values())
            result = p.translator.kind_of_result(getattr(__import__(module, fromlist=["x"]), rule))
            if kinds[takes] != result:
                differ.add((name, str(kinds[takes]), str(result)))
    assert not differ
