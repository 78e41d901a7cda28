"""The harness of the figures: pairs, medians, goals, what is skipped, and exit statuses.

No test here depends on how long anything takes.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from spanbench import command as bench
from spanbench.areas import checking
from spanbench.figures import all_figures
from spanbench.measuring import figure
from spanbench.measuring.child import in_child, sources_only
from spanbench.measuring.figure import (
    Figure,
    FigureOutcome,
    Goal,
    Measured,
    SamplePair,
    Settings,
    Table,
)
from spanbench.measuring.machine import described
from spanbench.measuring.pairing import in_turns
from spanproof.cli.app import run
from spanproof.replay.format.reader import TraceReader
from spanproof.support.files.traces import bundled_traces
from spanproof.support.tools import Missing, Tool, command_of

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
    done = in_child("spanbench.areas.checking:check", str(SMALL))
    with TraceReader(SMALL) as source:
        assert done["events"] == source.header.events
    assert done["seconds"] > 0
    assert done["peak"] > 1 << 20


def test_a_child_that_fails_says_why() -> None:
    with pytest.raises(RuntimeError, match=r"cannot be opened|No such file"):
        in_child("spanbench.areas.checking:check", "no-such-trace.jsonl")


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
