"""Claims that compose: contracts ask for what they need, and nothing circles."""

import pytest
import z3
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from spanproof.cli.app import run
from spanproof.cli.commands.explain import asserting
from spanproof.decide import suite
from spanproof.decide.cache import NoCache
from spanproof.decide.catalogue import catalogue, current
from spanproof.decide.jobs import Job, Outcome
from spanproof.decide.prover import decide
from spanproof.decide.verdict import Answer, Verdict
from spanproof.prove.assumptions import ALL
from spanproof.prove.proof import REGISTRY, Obligation, Proof, obligation
from spanproof.prove.references import Circular, rests_on
from spanproof.symbolic.bitvectors import Words
from spanproof.symbolic.evaluation.frames import Contract
from spanproof.symbolic.integers import Integers
from spanproof.theorems import all_obligations
from spanproof.theorems.induction import count_starts, count_steps
from spanproof.theorems.span.cache import ZEROS
from spanproof.theorems.span.counting import (
    MARKS,
    ROOM,
    count_is_between,
    counts_exactly,
    marks_allocated,
)
from spanproof.theorems.span.searches import SLOW, may_search
from spanspec.base.bitmap import NO_BITS
from spanspec.base.words import U16, U32, U64, is_trailing_zeros, trailing_zeros
from spanspec.span.alloccache import NextFree, next_free_index
from spanspec.span.freeslots import ends_search
from spanspec.span.mspan import Mspan, bounds_hold

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
    assert isinstance(found, NextFree)
    p.show("the search finds a free slot", p.holds(ends_search, span, found.slot))
    p.possible("a search")


def search_with_an_exact_cache(p: Proof) -> None:
    span, exact = any_search(p)
    found = p.call_given(exact, next_free_index, span)
    assert isinstance(found, NextFree)
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


def test_a_contract_that_its_prover_does_not_establish_fails_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def build(p: Proof) -> None:
        """A claim."""
        p.show("nothing of a contract", z3.BoolVal(True))
        p.possible("anything")

    def registered(name: str, arithmetic: Words | Integers, *contracts: Contract) -> Obligation:
        used = dict(zip(["spanspec.base.words.trailing_zeros"], contracts, strict=False))
        claim = Obligation(name, ("I-3",), "a claim", arithmetic, build, {}, used)
        monkeypatch.setitem(REGISTRY, name, claim)
        return claim

    prover = registered("prover", WORDS)
    assert decide(prover).proved
    contract = Contract(is_trailing_zeros, proved_by="prover")
    registered("user", WORDS, contract)
    verdict = decide(prover)
    assert (verdict.answer, verdict.failed) == ("untranslatable", "composition")
    assert "is_trailing_zeros, which this obligation does not establish" in verdict.detail


def test_a_contract_is_used_of_the_integers_that_it_is_shown_of(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    claim = OBLIGATIONS["words.trailing-zeros"]
    contract = ZEROS["spanspec.base.words.trailing_zeros"]
    assert claim.id == contract.proved_by
    other = claim._replace(id="other", arithmetic=Integers(), contracts={"f": contract})
    assert decide(claim).proved
    monkeypatch.setitem(REGISTRY, "other", other)
    assert decide(claim).detail.startswith("other uses spanspec.base.words.is_trailing_zeros of")


def test_what_others_use_is_established_from_what_they_are_asked_for() -> None:
    p, contract = Proof(WORDS), ZEROS["spanspec.base.words.trailing_zeros"]
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


def test_an_assumption_that_an_obligation_does_not_name_is_refused() -> None:
    claim = OBLIGATIONS["pages.no-overlap"]
    by_name = {one.id: one for one in ALL}
    with pytest.raises(ValueError, match="physical-pages is taken for granted"):
        OBLIGATIONS["zero.runs"]._replace(assumes=(by_name["zero-pages"],)).proof()
    assert by_name["physical-pages"] not in claim.assumes
    claim.proof()


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


def forgets_the_marks(p: Proof) -> None:
    span = p.fresh(Mspan, "span")
    assert isinstance(span, Mspan)
    contract = SLOW["spanspec.span.alloccache.next_free_index"]
    p.suppose(contract, span)
    found = NextFree(span.nelems, replace(span, gcmark_bits=NO_BITS))
    below = p.arbitrary("below", U16)
    p.establish(contract, span, found, below, given=z3.BoolVal(False))
    p.possible("a span")


@pytest.mark.parametrize("named", [False, True])
def test_a_value_behind_the_result_is_the_one_that_is_named(named: bool) -> None:
    p, contract = Proof(WORDS), SLOW["spanspec.span.alloccache.next_free_index"]
    span = p.fresh(Mspan, "span")
    assert isinstance(span, Mspan)
    p.suppose(contract, span)
    below = p.number(U16, "below")
    if named:
        p.name("below", p.number(U16, "another"))
    # Users are given it for every slot, and are asked for the range of what is behind the span.
    with pytest.raises(ValueError, match="stated of below: name it first"):
        p.establish(contract, span, NextFree(span.nelems, span), below)


def test_the_result_is_found_by_the_function_where_nothing_is_required() -> None:
    p, contract = Proof(WORDS), ZEROS["spanspec.base.words.trailing_zeros"]
    assert contract.requires is None
    word = p.arbitrary("word", U64)
    count = p.arbitrary("count", U32)  # it bears the name of the result
    p.establish(contract, word, count)
    assert any("has count in its range" in query.label for query in p.queries)


def test_what_a_contract_keeps_is_claimed_where_it_is_proved() -> None:
    claim = Obligation("test", ("I-3",), "a claim", WORDS, forgets_the_marks, {}, {})
    verdict = decide(claim)
    assert (verdict.answer, verdict.failed) == ("refuted", "the contract keeps span.gcmark_bits")


def test_a_contract_yields_the_same_for_the_same_record() -> None:
    p = Proof(WORDS, contracts=SLOW)
    span, _ = any_search(p)
    other = replace(span, needzero=0)
    one, two, third = (p.call(next_free_index, record) for record in (span, span, other))
    assert one is two
    assert one is not third
    assert isinstance(one, NextFree)
    assert one.span.alloc_bits is span.alloc_bits


# --- lemmas ---------------------------------------------------------------------------------------


def test_a_lemma_that_its_prover_does_not_establish_fails_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    claim = OBLIGATIONS["count.room"]
    assert decide(claim).proved
    more = ROOM._replace(given=())
    user = OBLIGATIONS["count.allocate"]
    monkeypatch.setitem(REGISTRY, "more", user._replace(id="more", lemmas=(more,)))
    verdict = decide(claim)
    assert (verdict.answer, verdict.failed) == ("untranslatable", "composition")
    assert "which this obligation does not establish" in verdict.detail


def test_a_lemma_that_is_not_used_is_not_said_to_be() -> None:
    claim = OBLIGATIONS["words.trailing-zeros"]._replace(lemmas=(ROOM,))
    verdict = decide(claim)
    assert verdict.failed == "composition"
    assert verdict.detail.startswith("it says that it uses ")


def test_a_lemma_asks_for_its_hypotheses() -> None:
    def build(p: Proof) -> None:
        span, slot = p.fresh(Mspan, "span"), p.number(U16, "slot")
        assert isinstance(span, Mspan)
        p.assume(p.holds(bounds_hold, span))
        p.use(ROOM, span, slot)
        p.show("room", span.alloc_count < span.nelems)
        p.possible("a span")

    claim = Obligation("test", ("I-3",), "a claim", Integers(), build, {}, {}, (), (ROOM,))
    verdict = decide(claim)
    assert (verdict.answer, verdict.failed) == ("refuted", "count.room is given counts_exactly")
    with pytest.raises(ValueError, match="not among the lemmas"):
        claim._replace(lemmas=()).proof()


def test_what_a_lemma_needs_of_every_slot_has_to_be_known_of_an_arbitrary_one() -> None:
    def build(p: Proof) -> None:
        span, slot = p.fresh(Mspan, "span"), p.number(U16, "slot")
        assert isinstance(span, Mspan)
        p.assume(p.holds(counts_exactly, span), p.holds(marks_allocated, span, slot))
        p.use(MARKS, span)
        p.possible("a span")

    claim = Obligation("test", ("I-4",), "a claim", Integers(), build, {}, {}, (), (MARKS,))
    verdict = decide(claim)
    assert verdict.answer == "refuted"
    assert verdict.failed == "count.marks is given marks_allocated of every slot"


@pytest.mark.sampled(1)
@pytest.mark.parametrize("name", ["count.allocate", "span.sweep.needzero"])
def test_a_changed_lemma_changes_the_fingerprint_of_who_uses_it(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    book = current()
    [used, *_] = book.claims[name].uses
    claim = OBLIGATIONS[used]

    def changed(p: Proof) -> None:
        claim.build(p)
        p.show("more", z3.BoolVal(True))

    monkeypatch.setitem(REGISTRY, used, claim._replace(build=changed))
    assert catalogue(NoCache()).claims[name].rests_on != book.claims[name].rests_on


def test_who_rests_on_a_failed_lemma_fails_and_says_so(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def decided(job: Job) -> Outcome:
        answer: Answer = "refuted" if job.obligation == "count.room" else "proved"
        return Outcome(job, Verdict(job.obligation, answer, 1, 0.0, 0.0))

    monkeypatch.setattr(suite, "run_job", decided)
    assert run(["prove", "count.allocate", "--no-cache", "--jobs", "1"]) == 1
    told = capsys.readouterr().out
    assert "count.allocate is unfounded" in told
    assert "rests on count.room, which is refuted" in told
    assert "count.room is refuted" in told


def test_the_graph_of_lemmas_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["prove", "zero.slots", "--lemmas"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "zero.slots"
    assert "  count.freed" in lines
    assert "    words.trailing-zeros" in lines
    assert run(["prove", "sweepgen.states", "--lemmas"]) == 0
    assert "no other" in capsys.readouterr().out
    assert run(["prove", "count.allocate", "--lemmas", "--json"]) == 0
    assert '"count.room"' in capsys.readouterr().out


@given(st.sets(st.integers(0, 70)), st.integers(0, 70), st.integers(0, 70))
def test_what_is_said_of_every_bitmap_is_so(slots: set[int], low: int, high: int) -> None:
    bits = NO_BITS
    for slot in slots:
        bits = bits.with_bit(slot)
    assert count_starts(bits)
    assert count_steps(bits, low)
    assert count_is_between(bits, low, high)


# --- fatal checks ---------------------------------------------------------------------------------


def test_a_fatal_check_is_a_goal_only_where_its_assertion_is_read() -> None:
    few = [OBLIGATIONS[name] for name in ("zero.returned", "span.cache.established")]
    assert asserting("T-59", few) == ["zero.returned: spanspec.span.sweep.sweep"]
    assert set(asserting("T-46", few)) == {
        "span.cache.established: spanspec.span.alloccache.reload_cache"
    }
    # The search that the sweep makes is there by its contract: its assertion is no goal here.
    assert asserting("T-81", few) == asserting("T-15", few) == []
    slow = [OBLIGATIONS["span.slow.takes-lowest"]]
    assert asserting("T-81", slow) == [
        "span.slow.takes-lowest: spanspec.span.alloccache.next_free_index"
    ]


def test_explain_says_of_a_fatal_check_whose_goal_it_is(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def none_known(*_: object) -> dict[str, tuple[str, ...]]:
        return {name: () for name in OBLIGATIONS if name != "zero.returned"}

    monkeypatch.setattr("spanproof.cli.commands.explain.known_reads", none_known)
    assert run(["explain", "T-59"]) == 0
    assert "zero.returned: spanspec.span.sweep.sweep" in capsys.readouterr().out
    assert run(["explain", "T-15"]) == 0
    assert "no obligation: that it cannot fire is not proved" in capsys.readouterr().out


def test_the_claim_about_sweeps_is_one_about_the_sweep_that_runs() -> None:
    assert "spanspec.span.sweep.sweep" in OBLIGATIONS["count.sweep"].proof().reached
