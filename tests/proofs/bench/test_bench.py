"""The harness of the figures: pairs, medians, goals, what is skipped, and exit statuses.

No test here depends on how long anything takes.
"""

import gzip
import json
import re
import shutil
import subprocess
import sys
from array import array
from collections.abc import Callable, Mapping
from multiprocessing.heap import Heap as StandardHeap
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

import pytest
import z3

import spanalloc
from spanalloc import Heap
from spanproof.bench import (
    calls,
    checking,
    figure,
    goprogram,
    pagegrowth,
    protocol,
    rates,
    serving,
)
from spanproof.bench.child import in_child, sources_only
from spanproof.bench.figure import (
    Figure,
    FigureOutcome,
    Goal,
    Measured,
    SamplePair,
    Settings,
    Table,
)
from spanproof.bench.figures import all_figures
from spanproof.bench.fuzzing import by_engine
from spanproof.bench.machine import described
from spanproof.bench.pairing import in_turns
from spanproof.bench.plainmachine import by_state_machine
from spanproof.bench.requests import Allocation, Cycle, Drop, Request, packed, requests_of
from spanproof.cli import bench
from spanproof.cli.app import run
from spanproof.fuzz.heapprogram import HeapProgram
from spanproof.fuzz.heapsides import State
from spanproof.fuzz.spanallocheap import SpanallocHeap
from spanproof.search.boundedsearch import search
from spanproof.search.sharingscope import sharing_breach, start_of, steps_of
from spanproof.search.spin import verifier
from spanproof.search.spin.cterms import CTerms
from spanproof.support.tools import Missing, Tool, command_of
from spanproof.support.traces import bundled_traces
from spanproof.theorems.mutants import MUTANTS
from spanspec.sharing.finite import Size
from spanspec.trace.reader import TraceReader

SMALL = bundled_traces()[0]


def fixed(*pairs: tuple[float, float], name: str = "area.figure", **changes: object) -> Figure:
    """A figure with known samples."""
    details = Table(("n", "took"), (("1", "2 s"),))
    measured = Measured(tuple(SamplePair(*pair) for pair in pairs), details=details, note="a note")
    made = Figure(name, "this", "that", "cost", Goal("at most", 2), lambda _: measured)
    return made._replace(**changes)  # type: ignore[arg-type]  # the names are those of the fields


def missing(_: Settings) -> Measured:
    raise Missing("install abacus: apt-get install abacus")


@pytest.fixture
def figures(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """The figures that the command knows: to begin with one that is met, one that is skipped."""
    known = [fixed((3, 2), name="fast.one"), fixed(name="fast.two", measure=missing)]
    monkeypatch.setattr(bench, "all_figures", lambda: known)
    monkeypatch.setattr(bench, "described", lambda: {"processor": "an abacus"})
    return known


# --- samples ----------------------------------------------------------------------------------


def test_both_sides_run_in_turns_and_swap_places() -> None:
    log: list[str] = []

    def side(name: str) -> float:
        log.append(name)
        return float(len(log))

    pairs = in_turns(lambda: side("a"), lambda: side("b"), 3)
    assert "".join(log) == "ba" + "ab" + "ba" + "ab"
    assert pairs == (SamplePair(3, 4), SamplePair(6, 5), SamplePair(7, 8))
    assert len(in_turns(lambda: side("a"), lambda: side("b"), 2, warm_up=False)) == 2


# --- ratios and goals -----------------------------------------------------------------------------


def outcome_of(one: Figure) -> FigureOutcome:
    return figure.measure(one, Settings())


def test_what_counts_is_the_median_of_the_ratios_not_the_ratio_of_the_medians() -> None:
    outcome = outcome_of(fixed((1, 1), (30, 10), (8, 2)))
    assert outcome.ratios == [1, 3, 4]
    assert outcome.ratio == 3


def test_a_speed_says_how_many_times_as_fast() -> None:
    assert outcome_of(fixed((2, 80), reads="speed")).ratio == 40
    assert outcome_of(fixed((2, 80), reads="cost")).ratio == 1 / 40


@pytest.mark.parametrize(
    ("goal", "ratio", "verdict"),
    [
        (Goal("at most", 2), 2.0, "met"),
        (Goal("at most", 2), 2.1, "missed"),
        (Goal("at least", 2), 2.0, "met"),
        (Goal("at least", 2), 1.9, "missed"),
        (None, 99.0, "measured"),
    ],
)
def test_a_goal_is_met_up_to_its_very_ratio(goal: Goal | None, ratio: float, verdict: str) -> None:
    outcome = outcome_of(fixed((ratio, 1), goal=goal))
    assert outcome.verdict == verdict
    assert outcome.good == (verdict != "missed")


def test_what_is_missing_skips_a_figure_and_misses_no_goal() -> None:
    outcome = outcome_of(fixed(measure=missing))
    assert (outcome.verdict, outcome.good) == ("skipped", True)
    assert outcome.skipped == "install abacus: apt-get install abacus"


def test_a_tool_that_is_not_there_says_how_to_install_it() -> None:
    with pytest.raises(Missing, match=r"^install no-such-tool: apt-get install abacus$"):
        command_of(Tool("no-such-tool", "apt-get install abacus"))


def test_an_id_is_registered_once() -> None:
    with pytest.raises(ValueError, match="twice"):
        figure.figure("check.time", "this", "that")(missing)


# --- the command ------------------------------------------------------------------------------


def test_it_prints_verdict_ratio_goal_and_what_is_skipped(
    figures: list[Figure], capsys: pytest.CaptureFixture[str]
) -> None:
    figures.append(fixed((1, 2), (3, 4), (1, 1), name="fast.three", goal=None))
    assert run(["bench"]) == 0
    text = capsys.readouterr().out
    for part in (
        "met      fast.one  1.5 x; goal at most 2 x",
        "3 s against 2 s",
        "a note",
        "skipped: fast.two  install abacus: apt-get install abacus",
        "measured fast.three  0.75 x (0.5 to 1 in 3 pairs)",
        "1 goals met, 0 missed, 1 measured without a goal, 1 skipped",
        "an abacus",
    ):
        assert part in text


def test_a_missed_goal_is_exit_status_1(
    figures: list[Figure], capsys: pytest.CaptureFixture[str]
) -> None:
    figures.append(fixed((5, 2), name="slow.one"))
    assert run(["bench"]) == 1
    assert "missed   slow.one  2.5 x" in capsys.readouterr().out
    assert run(["bench", "fast"]) == 0


def test_a_measurement_that_goes_wrong_is_exit_status_1_and_the_others_go_on(
    figures: list[Figure], capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(_: Settings) -> Measured:
        raise RuntimeError("protocol.flush\nis not proved")

    figures.insert(0, fixed(name="fast.zero", measure=broken))
    assert run(["bench"]) == 2
    text = capsys.readouterr().out
    assert "failed: fast.zero  protocol.flush is not proved" in text
    assert "1 goals met, 0 missed, 0 measured without a goal, 1 skipped, 1 failed" in text


def test_the_json_has_samples_verdicts_and_the_machine(
    figures: list[Figure], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["bench", "--json", "fast.*"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["machine"] == {"processor": "an abacus"}
    first, second = told["figures"]
    assert (first["id"], first["verdict"], first["ratio"]) == ("fast.one", "met", 1.5)
    assert first["pairs"] == [{"ours": 3, "theirs": 2}]
    assert first["goal"] == {"sense": "at most", "ratio": 2}
    assert first["details"] == [{"n": "1", "took": "2 s"}]
    assert (second["verdict"], second["why"][:7]) == ("skipped", "install")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["no-such-figure"], "no figure matches 'no-such-figure'"),
        (["*", "/no/such/trace"], "/no/such/trace: cannot be opened"),
        (["--quack"], "No such option"),
    ],
)
def test_an_unusable_call_is_exit_status_2_and_one_line(
    arguments: list[str], complaint: str, figures: list[Figure], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["bench", *arguments]) == 2
    told = capsys.readouterr().err
    assert complaint in told
    assert told.count("\n") == 1


def test_an_interrupt_keeps_what_was_measured(
    figures: list[Figure], capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(_: Settings) -> Measured:
        raise KeyboardInterrupt

    figures.append(fixed(name="late.one", measure=interrupted))
    assert run(["bench", "--json"]) == 130
    captured = capsys.readouterr()
    assert [one["id"] for one in json.loads(captured.out)["figures"]] == ["fast.one", "fast.two"]
    assert "2 of 3" in captured.err


def test_every_figure_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["bench", "--list", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [one["id"] for one in listed] == [one.id for one in all_figures()]
    assert run(["bench", "--list", "check.time"]) == 0
    assert "goal at most 4 x" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("value", "shown"), [(2.5, "2.5 s"), (0.0035, "3.5 ms"), (4.2e-6, "4.2 us"), (3e-8, "30 ns")]
)
def test_seconds_are_shown_in_the_unit_that_fits(value: float, shown: str) -> None:
    assert bench.quantity(value, "s") == shown
    assert bench.quantity(120.0, "MB") == "120 MB"


def test_the_machine_is_described_even_without_tools(monkeypatch: pytest.MonkeyPatch) -> None:
    assert described()["processor"]
    monkeypatch.setattr(shutil, "which", lambda _: None)
    assert described()["spin"] == "not installed"


# --- children ---------------------------------------------------------------------------------


def test_a_child_returns_its_figures_and_its_peak_memory() -> None:
    done = in_child("spanproof.bench.checking:check", str(SMALL))
    with TraceReader(SMALL) as source:
        assert done["events"] == source.header.events
    assert done["seconds"] > 0
    assert done["peak"] > 1 << 20


def test_a_child_that_fails_says_why() -> None:
    with pytest.raises(RuntimeError, match=r"cannot be opened|No such file"):
        in_child("spanproof.bench.checking:check", "no-such-trace.jsonl")


def test_sources_only_run_interpreted() -> None:
    with sources_only() as folder:
        done = subprocess.run(
            [sys.executable, "-c", "import spanalloc; print(spanalloc.COMPILED)"],
            env={"PYTHONPATH": str(folder)},
            capture_output=True,
            text=True,
            check=True,
        )
    assert done.stdout == "False\n"


# --- checking a trace -------------------------------------------------------------------------


@pytest.mark.parametrize("reading", [checking.decode_lines, checking.decode_blocks])
def test_what_a_check_is_held_against_decodes_every_event(reading: object, tmp_path: Path) -> None:
    assert callable(reading)
    for path in bundled_traces()[:3]:
        with TraceReader(path) as source:
            assert reading(str(path))["events"] == source.header.events


def test_a_figure_says_which_trace_it_is_about(tmp_path: Path) -> None:
    given = Settings(quick=True, trace=SMALL)
    assert checking.trace_for(given) == SMALL
    assert checking.described(given).startswith(f"{SMALL.name}, ")
    bundled = checking.described(Settings())
    assert "trimmed" in bundled
    assert ", 1 P; name a recording" in bundled
    assert f"events of {SMALL.name}" in checking.memory(given).note


# --- the protocol --------------------------------------------------------------------------------

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


# --- the requests of a recorded program ---------------------------------------------------------


def trace_of(folder: Path, *events: str) -> Path:
    """A trace of these events, under the header of a recorded one."""
    lines = gzip.decompress(SMALL.read_bytes()).decode().splitlines()
    header = re.sub(r'"events":\d+', f'"events":{len(events)}', lines[0])
    path = folder / "trace.jsonl"
    path.write_text("\n".join([header, *events]) + "\n")
    return path


MALLOC = '{"k":"m","p":0,"z":%d,"w":1,"c":%d,"b":%d,"i":%d,"f":%d}'
TINY = '{"k":"t","p":0,"z":%d,"b":%d,"i":%d,"o":%d,"f":%d}'
RAISED = '{"k":"sg","p":0,"t":0,"g":2,"mode":0,"na":1}'
SWEPT = (
    '{"k":"se","p":0,"t":0,"s":1,"b":%d,"c":4,"pr":0,"we":0,"fh":0,"tc":1,"ne":4,"nf":1,"ac":1,'
    '"g":2,"ab":"%s"}'
)


def test_the_mark_bits_of_a_sweep_tell_before_which_cycle_an_object_died(tmp_path: Path) -> None:
    path = trace_of(
        tmp_path,
        MALLOC % (24, 4, 7, 0, 2),
        MALLOC % (25, 5, 7, 1, 1),
        MALLOC % (26, 4, 7, 2, 2),
        RAISED,
        SWEPT % (7, "05"),
        MALLOC % (27, 4, 7, 1, 2),
        RAISED,
        SWEPT % (7, "04"),
    )
    assert list(requests_of(path)) == [
        Allocation(0, 24, False, True),
        Allocation(1, 25, True, False),
        Allocation(2, 26, False, True),
        Drop(1),
        Cycle(),
        Allocation(1, 27, False, True),
        Drop(0),
        Drop(1),
        Cycle(),
    ]


def test_tiny_objects_live_as_long_as_their_block(tmp_path: Path) -> None:
    path = trace_of(
        tmp_path,
        MALLOC % (5, 5, 7, 0, 9),
        TINY % (3, 7, 0, 8, 1),
        MALLOC % (6, 5, 7, 1, 9),
        RAISED,
        SWEPT % (7, "02"),
    )
    drops = [one for one in requests_of(path) if isinstance(one, Drop)]
    assert drops == [Drop(0), Drop(1)]


def test_packed_requests_are_pairs_of_a_code_and_a_place() -> None:
    numbers = array("q")
    numbers.frombytes(packed([Allocation(3, 24, True, False), Drop(3), Cycle()]))
    assert list(numbers) == [24 * 4 + 2, 3, -1, 3, -2, 0]


def test_a_recorded_program_holds_one_object_a_place_and_drops_what_it_holds() -> None:
    path = next(path for path in bundled_traces() if "classes" in path.name)
    held: set[int] = set()
    cycles = 0
    for request in requests_of(path):
        match request:
            case Allocation(place):
                assert place not in held
                held.add(place)
            case Drop(place):
                held.remove(place)
            case Cycle():
                cycles += 1
    with TraceReader(path) as source:
        kinds = [event.__struct_config__.tag for event in source]
    assert cycles == kinds.count("sg") > 0


def test_spanalloc_serves_a_packed_stream(tmp_path: Path) -> None:
    path = tmp_path / "stream"
    requests: list[Request] = [
        Allocation(0, 100, False, True),
        Cycle(),
        Drop(0),
        Allocation(0, 8, True, True),
    ]
    path.write_bytes(packed(requests))
    taken = serving.spanalloc_passes(str(path), "2")
    assert set(taken) == {"clock 0", "processor 0", "clock 1", "processor 1"}


def test_go_serves_the_same_stream_and_without_go_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "stream"
    requests: list[Request] = [Allocation(0, 100, False, True), Cycle(), Drop(0), Cycle()]
    path.write_bytes(packed(requests))
    try:
        with goprogram.built() as program:
            taken = goprogram.serve(program, path, 3, 1)
            assert len(taken) == 3
            assert all(0 < one.cycles < one.clock for one in taken)
            with pytest.raises(RuntimeError, match="no such file"):
                goprogram.serve(program, tmp_path / "none", 1, None)
    except Missing as reason:
        pytest.skip(str(reason))
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(Missing, match="install go: apt-get install golang-go"), goprogram.built():
        pass


# --- heaps --------------------------------------------------------------------------------------


def test_a_fragmented_heap_has_as_many_free_spans_as_it_says() -> None:
    fragmented = pagegrowth.Fragmented(100)
    assert fragmented.heap.statistics().free_spans == 100
    assert fragmented.sample() > 0
    assert 1 <= fragmented.heap.statistics().free_spans < 100


def test_batches_are_measured_by_object_on_both_heaps() -> None:
    with Heap() as heap:
        assert calls.spanalloc_batch(heap) > 0
        assert heap.statistics().heap_live == 0
    assert calls.standard_batch(StandardHeap()) > 0


def test_interpreted_figures_insist_on_running_interpreted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("spanalloc.COMPILED", True)
    with pytest.raises(RuntimeError, match="is compiled"):
        calls.interpreted_batches("quick")
    monkeypatch.setattr("spanalloc.COMPILED", False)
    with pytest.raises(Missing, match="C compiler"):
        calls.need_compiled()


def test_bookkeeping_grows_with_the_spans() -> None:
    done = in_child("spanproof.bench.bookkeeping:growth", "8192", "1", "512")
    assert 0 < done["bytes"] < 8192


@pytest.mark.parametrize(("task", "amount"), [("simulate", "20"), ("fuzz", "5")])
def test_rates_are_those_of_work_that_was_done(task: str, amount: str) -> None:
    work = rates.simulate if task == "simulate" else rates.fuzz
    assert work(amount)["seconds"] > 0


def test_the_plain_machine_does_the_operations_that_the_engine_does() -> None:
    programs, calls = by_state_machine(0, 3)
    assert calls > 0
    assert by_engine(programs, 0) == calls


def test_the_plain_machine_compares_the_whole_state_after_each_operation(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Lies(SpanallocHeap):
        def state(self) -> State:
            return {**super().state(), "cycles": -1}

    def lying(program: HeapProgram) -> SpanallocHeap:
        return Lies(program, SimpleNamespace(**vars(spanalloc)))

    monkeypatch.setattr("spanproof.bench.plainmachine.installed", lying)
    with pytest.raises(AssertionError):
        by_state_machine(0, 3)
