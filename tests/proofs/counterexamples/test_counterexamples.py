"""Counterexamples are run in Python, told in the field's terms, saved, and run again."""

import json
from pathlib import Path

import pytest
import z3
from msgspec.structs import replace

from spanproof.cli.app import run
from spanproof.cli.showing.proofreport import complaint
from spanproof.counterexamples.changed_sources import Running
from spanproof.counterexamples.concrete import (
    NotConcrete,
    from_json,
    known,
    natural,
    plain,
    to_json,
)
from spanproof.counterexamples.description import relative, shown, slots, text
from spanproof.counterexamples.from_model import explained, run_again, taken_from
from spanproof.counterexamples.reach import bounded_search
from spanproof.counterexamples.rerun import rerun
from spanproof.counterexamples.saved import NoCounterexample, load, save
from spanproof.decide.jobs import Job, Outcome
from spanproof.decide.prover import decide
from spanproof.decide.verdict import Verdict
from spanproof.prove.proof import Obligation, Proof
from spanproof.prove.questions import each_query
from spanproof.solvers.engines.inprocess import check
from spanproof.symbolic.bitvectors import Words
from spanproof.symbolic.reading.sources import SourceTree
from spanproof.symbolic.values.merge import as_bool
from spanproof.theorems import all_obligations
from spanproof.theorems.mutants import MUTANTS
from spanspec.base.bitmap import Bits
from spanspec.sharing.steps.cycle import start_cycle
from spanspec.sharing.tables.finite import Size, initial
from spanspec.sharing.tables.records import Sharing
from spanspec.span.alloccache import reload_cache
from spanspec.span.mspan import Mspan, init_span
from spanspec.span.sweepgen import next_cycle

WORDS = Words(64)
TOO_EARLY = "24a7252e25-cycle-too-early"
SAMPLE = [
    "swap-without-compare",
    TOO_EARLY,
    "round-down",
    "seam-1024",
    "sweep-keeps-old-bits",
    "free-ignores-bits",
]


def record(**fields: int | str) -> dict[str, int | str]:
    """A span as a saved counterexample has it."""
    bits: dict[str, int | str] = {"alloc_bits": "0x0", "gcmark_bits": "0x0"}
    return {**dict.fromkeys(Mspan.__struct_fields__, 0), **bits, **fields}


def refuted(name: str) -> Verdict:
    mutant = MUTANTS[name]
    verdict = decide(all_obligations()[mutant.killed_by], mutant.sources())
    assert verdict.answer == "refuted"
    return verdict


@pytest.mark.parametrize("name", SAMPLE)
def test_a_mutant_is_refuted_by_values_that_python_agrees_about(name: str) -> None:
    verdict = refuted(name)
    assert "run in Python, false of these values" in verdict.detail, verdict.detail
    assert verdict.counterexample is not None
    # The same values are no counterexample of the unchanged sources.
    claim = all_obligations()[verdict.obligation]
    assert not run_again(claim, verdict.counterexample, None).reproduced


def test_a_model_whose_count_is_not_that_of_its_bits_is_not_the_last_word() -> None:
    mutant = MUTANTS["sweep-keeps-old-bits"]
    claim, sources = all_obligations()[mutant.killed_by], mutant.sources()
    proof = claim.proof(sources)
    failed = "marked stay, others go"
    question = next(one for one in each_query(proof) if one.label == failed)
    span = proof.symbols["span"]
    assert isinstance(span, Mspan)
    # 36 slots are counted and one bit is set, which no span of Python's is like.
    inexact = [span.nelems == 39, span.freeindex == 1, span.alloc_count == 36]
    inexact += [span.alloc_bits.bit(WORDS.const(slot)) == (slot == 5) for slot in range(40)]
    model = check([*question.formulas, *map(as_bool, inexact)], 20.0).model
    assert model is not None
    found = taken_from(claim, proof, question, model)
    assert "count_is_exact" in run_again(claim, found, sources).why_not
    says, found_again = explained(claim, proof, question, model, sources)
    assert f"run in Python, false of these values: {failed}" in says
    assert found_again is not None
    assert run_again(claim, found_again, sources).reproduced


def starts_inside_a_word(span: Mspan) -> bool:
    searching = span.freeindex == 5 and span.nelems == 8 and span.alloc_count == 5
    return searching and span.alloc_bits.word(0) == 0 and span.alloc_cache == 0


def starts_at_a_word(span: Mspan) -> bool:
    return span.nelems > 0 and span.freeindex % 64 == 0


def claim_too_much(p: Proof) -> None:
    """A span whose cache is loaded begins its search at a word. It need not."""
    span = p.fresh(Mspan, "span")
    assert isinstance(span, Mspan)
    p.assume(p.holds(starts_inside_a_word, span))
    after = p.call(reload_cache, span)
    p.show("at a word", p.holds(starts_at_a_word, after))
    p.possible("such a span")


def test_a_failed_proof_says_where_which_values_matter_and_what_to_look_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    root = Path(__file__).parents[3]
    monkeypatch.chdir(root)
    claim = Obligation("span.at-a-word", (), "", WORDS, claim_too_much, {}, {})
    verdict = decide(claim)
    here = Path(__file__).relative_to(root)
    shows = claim_too_much.__code__.co_firstlineno + 6
    says = starts_at_a_word.__code__.co_firstlineno
    source = SourceTree().function(reload_cache)
    assert (
        complaint(Outcome(Job(claim.id), verdict))
        == f"""\
span.at-a-word is refuted: at a word
    claimed at {here}:{shows}
    span = freeindex 5
    reload_cache: alloc_cache 0 -> 0x7ffffffffffffff
    starts_at_a_word: no
    run in Python, false of these values: at a word
    look at reload_cache ({Path(source.path).relative_to(root)}:{source.tree.lineno}), and what it \
makes of starts_at_a_word ({here}:{says})"""
    )


def test_what_is_found_does_not_hang_on_what_was_proved_before() -> None:
    first = refuted("free-ignores-bits").detail
    assert decide(all_obligations()["sweepgen.relabel"]).proved
    assert refuted("free-ignores-bits").detail == first


def test_a_counterexample_is_told_in_the_terms_of_the_field() -> None:
    detail = refuted("flushed-and-not-swept").detail
    assert "sweepgen sg+1, has_free" in detail
    assert text("place", 2, None) == "empty"
    assert text("task", 0, None) == "idle"
    assert "uncache: spans[" in detail
    assert "sweepgen sg+1 -> sg-1" in detail
    assert relative(5, 8) == "sg-3"
    assert relative(1, 0xFFFF_FFFE) == "sg+3"
    assert slots(Bits.of(0, 1, 2, 7)) == "slots 0-2, 7"
    assert slots(Bits(0)) == "no slot"
    bits = Bits(sum(1 << i for i in range(0, 80, 2)))
    assert "more runs" in slots(bits)
    assert list(shown("n", 70000, None)) == ["n = 0x11170"]


# Values that the solver once answered with: of others of its answers Python may see the fault.
UNSEEN: dict[str, tuple[str, str, dict[str, object], dict[str, object]]] = {
    "kernel-slow-skips": (
        "a hypothesis about",
        "loop of next_free_index: is kept by a round",
        {
            "words": [0] * 8 + [-1] + [0] * 7,
            "freeindex": 268,
            "nelems": 512,
            "cache": 0,
            "below": 477,
            "ahead": 56,
        },
        {
            "spanalloc.span.kernels.trailing_zeros#0": 0,
            "spanalloc.span.kernels.next_free_index.position": 435,
            "spanalloc.span.kernels.next_free_index.cache": 0,
        },
    ),
    "slow-no-refill": (
        "a state at the loop",
        "cache stays exact",
        {
            "span": record(
                nelems=1023,
                alloc_count=1023,
                alloc_cache=2**64 - 1,
                alloc_bits="0x9010344adf8848c87ffffffffffdb4b500000000000000000000000000000000",
            ),
            "ahead": 22,
            "below": 1679,
        },
        {
            "spanspec.span.alloccache.next_free_index.index": 151,
            "spanspec.span.alloccache.next_free_index.cache": 1 << 40,
            "spanspec.base.words.trailing_zeros#0": 40,
        },
    ),
    "abstract-skips": (
        "a state at the loop",
        "loop of lowest_free: is kept by a round",
        {
            "span": record(
                nelems=163, freeindex=163, alloc_count=159, alloc_cache=0xFFFFFFFFE000_0000
            ),
            "image": {
                "nelems": 163,
                "allocated": "0x5500050000000500000000000000000000000000000000",
            },
            "other": 160,
        },
        {
            "spanspec.span.freeslots.lowest_free#0": 162,
            "spanspec.span.freeslots.lowest_free#1": 0,
        },
    ),
    "kernel-index-overflow": (
        "Python's integers do not overflow",
        "obj_index computes offset * magic * 4194304 >> 54 exactly",
        {"offset": 65536},
        {},
    ),
}


@pytest.mark.parametrize("name", UNSEEN)
def test_what_python_does_not_show_says_why(name: str) -> None:
    why, failed, symbols, looked_up = UNSEEN[name]
    mutant = MUTANTS[name]
    claim = all_obligations()[mutant.killed_by]
    reran = rerun(claim, failed, symbols, looked_up, mutant.sources())
    assert not reran.reproduced
    assert reran.why_not.removeprefix("Python sees ").startswith(why)


# --- values ---------------------------------------------------------------------------------------


def test_values_go_through_terms_and_files_unchanged() -> None:
    span = init_span(8192, 1, 10, 16384)
    span = replace(span, alloc_bits=Bits.of(3, 900), freeindex=2)
    assert plain(known(span, WORDS), WORDS) == span
    assert from_json(Mspan, json.loads(json.dumps(to_json(span)))) == span
    state = initial(4, Size(spans=1, procs=1, threads=1))
    narrow = Words(32)
    assert plain(known(state, narrow), narrow) == state
    assert from_json(Sharing, to_json(state)) == state
    assert plain(known([1, 2], WORDS), WORDS) == [1, 2]
    assert plain(known((True, 3), WORDS), WORDS) == (True, 3)


def test_what_is_not_known_is_refused() -> None:
    with pytest.raises(NotConcrete, match="not known"):
        natural(z3.BitVec("x", 64))
    with pytest.raises(NotConcrete, match="not known"):
        plain(z3.BitVec("x", 64), WORDS)
    for kind, value in ((Mspan, {}), (int, "3"), (Mspan, 3.5)):
        with pytest.raises(NotConcrete):
            from_json(kind, value)


def test_changed_functions_are_seen_however_deep() -> None:
    text = SourceTree().module("spanspec.span.sweepgen").text
    changed = SourceTree(
        {"spanspec.span.sweepgen": text.replace("(sg + 2) & M32", "(sg + 4) & M32")}
    )
    running = Running(changed)
    assert running.function(next_cycle)(0) == 4
    assert next_cycle(0) == 2
    state = initial(0, Size(spans=0, procs=1, threads=1))
    assert running.function(start_cycle)(state).sweepgen == 4  # type: ignore[attr-defined]
    assert Running(SourceTree()).function(next_cycle) is next_cycle


# --- reachability ---------------------------------------------------------------------------------


def test_a_breach_that_is_reachable_comes_with_its_run() -> None:
    says = bounded_search("protocol.start-cycle", MUTANTS[TOO_EARLY].sources())
    assert says is not None
    assert "reachable from the start, by grow(" in says


def test_a_sound_protocol_is_said_to_be_unbroken_within_the_bound(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("spanproof.counterexamples.reach.MOST_STATES", 2000)
    says = bounded_search("protocol.flush", None)
    assert says is not None
    assert "no run from the start breaks the invariant" in says
    assert "states" in says
    assert bounded_search("tiny.inside", None) is None


def test_the_protocol_of_single_stores_is_searched_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spanproof.counterexamples.reach.MOST_STATES", 2000)
    says = bounded_search("protocol.retire", None)
    assert says is not None
    assert "no run from the start breaks the invariant" in says


# --- files and the command line -------------------------------------------------------------------


def test_a_saved_counterexample_is_replayed(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    calling = ["mutants", TOO_EARLY, "--no-known", "--no-cache", "--save", str(tmp_path)]
    assert run(calling) == 0
    path = tmp_path / f"{TOO_EARLY}.json"
    capsys.readouterr()
    assert run(["replay", str(path)]) == 1
    text = capsys.readouterr().out
    assert f"mutant {TOO_EARLY}" in text
    assert "reachable from the start" in text
    assert run(["replay", str(path), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["reproduced"]
    saved = load(path)
    save(replace(saved, mutant=None), path)
    assert run(["replay", str(path)]) == 0
    assert "not reproduced" in capsys.readouterr().out


def test_an_obligation_that_fails_is_saved(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    verdict = refuted(TOO_EARLY)
    monkeypatch.setattr("spanproof.decide.suite.decide", lambda *arguments, **how: verdict)
    calling = [
        "prove",
        "protocol.start-cycle",
        "--no-cache",
        "--jobs",
        "1",
        "--save",
        str(tmp_path),
    ]
    assert run(calling) == 1
    text = capsys.readouterr().out
    assert "spanspec replay" in text
    assert load(tmp_path / "protocol.start-cycle.json").mutant is None


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"obligation": "no.such"}, "no obligation"),
        ({"mutant": "no-such"}, "no mutant"),
        ({"symbols": 3}, "no counterexample"),
    ],
)
def test_a_file_that_cannot_be_used_is_one_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, change: dict[str, object], says: str
) -> None:
    counterexample = refuted(TOO_EARLY).counterexample
    assert counterexample is not None
    path = tmp_path / "c.json"
    save(counterexample, path)
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    assert run(["replay", str(path)]) == 2
    err = capsys.readouterr().err
    assert says in err
    assert err.count("\n") == 1


def test_values_that_do_not_fit_are_said_to(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    counterexample = refuted(TOO_EARLY).counterexample
    assert counterexample is not None
    path = tmp_path / "c.json"
    save(replace(counterexample, symbols={}), path)
    assert run(["replay", str(path)]) == 2
    assert "has no" in capsys.readouterr().out
    with pytest.raises(NoCounterexample, match="cannot be read"):
        load(tmp_path / "none.json")
