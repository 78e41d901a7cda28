"""The model on its own: random programs hold, and a changed model is noticed."""

import errno
import os
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn, get_args

import msgspec
import pytest
from msgspec.structs import replace

from spanalloc.base.recorder import Recorder
from spanproof.cli.app import run
from spanproof.mutation.corruption import Trace, corruptions
from spanproof.mutation.knownbugs import BUGS, NOT_IN_THE_MODEL, KnownBug, find
from spanproof.replay.check import check_trace
from spanproof.replay.following.replay import Replay
from spanproof.replay.following.verdict import EventVerdict
from spanproof.replay.format.reader import TraceReader
from spanproof.simulate.judging import ProgramObjects, ReplayJudge
from spanproof.simulate.program import SimulatedProgram, SimulatedSchedule, in_words, load
from spanproof.simulate.programs.ledger import Ledger
from spanproof.simulate.programs.programbooks import ProgramBooks
from spanproof.simulate.programs.scripts import many_full_spans
from spanproof.simulate.programs.simulation import Simulation
from spanproof.simulate.programs.stepjudges import StepJudges
from spanproof.simulate.schedules.racing import Racing
from spanproof.support.files import savedfile
from spanspec.events.fields import EventBase
from spanspec.events.span_events import CycleStarts, PhaseChanges
from spanspec.heap.courses.cycle import sweep_phase_starts
from spanspec.heap.courses.reclaim import chunk_event
from spanspec.heap.heap import ZERO_BASE, Heap
from spanspec.heap.operations import OPERATIONS
from spanspec.heap.program import AddSpecial, Allocate, AnyInput, RemoveFinalizer, StartCycle
from spanspec.heap.state.collector import MARK_TERMINATION
from spanspec.pages.memory.osmemory import FollowedOs
from spanspec.pages.pageheap import Actor

PROGRAMS = 10
STEPS = 300
"""Enough for every kind of step; `spanspec simulate` runs as many as one likes."""


def test_random_programs_violate_no_invariant_and_exercise_every_input() -> None:
    simulations = [Simulation(seed).run(STEPS) for seed in range(PROGRAMS)]
    assert [one.failure for one in simulations] == [None] * PROGRAMS
    steps = {kind for one in simulations for kind in one.steps}
    assert steps >= {
        "allocate",
        "start-cycle",
        "mark",
        "finish-cycle",
        "sweep-one",
        "finish-sweeping",
        "ensure-swept",
        "take-manual",
        "free-manual",
        "set-procs",
        "scavenge-all",
        "scavenge-later",
        "set-gc-percent",
        "add-special",
        "remove-finalizer",
        "flush-mcaches",
        "out of memory",
    }
    events = {kind for one in simulations for kind in one.events}
    assert len(events) >= 40


def test_objects_that_overlap_are_noticed() -> None:
    objects = ProgramObjects()
    assert objects.add(100, 50) is None
    assert objects.add(150, 10) is None
    assert "overlaps" in str(objects.add(60, 41))
    assert "lies in" in str(objects.add(149, 1))


def test_a_recording_of_the_model_is_a_trace_that_holds(tmp_path: Path) -> None:
    path = tmp_path / "made.jsonl.gz"
    arguments = ["simulate", "--steps", "400", "--seed", "2", "--trace", str(path)]
    assert run(arguments) == 0
    with TraceReader(str(path)) as source:
        report = check_trace(source)
    assert report.holds
    assert report.tally.events > 400


def full_disk(file: int) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("json", [False, True])
def test_a_recording_that_cannot_be_saved_leaves_what_was_there_and_what_was_found(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    fails: bool,
    json: bool,
) -> None:
    path, new = tmp_path / "made.jsonl.gz", tmp_path / "new"
    path.write_bytes(b"before")
    monkeypatch.setattr(os, "fsync", full_disk)
    if fails:
        monkeypatch.setattr(StepJudges, "judge", lambda self: "I-0: nothing holds")
    arguments = ["simulate", "--steps", "5", "--trace", str(path), "--save", str(new)]
    assert run([*arguments, "--json"] if json else arguments) == (1 if fails else 2)
    told, complaints = capsys.readouterr()
    assert path.read_bytes() == b"before"
    assert [one for one in tmp_path.rglob("*") if one.is_file()] == [path]
    assert f"the recording could not be saved: {path}: No space left on device" in complaints
    assert ("the failure could not be saved" in complaints) == fails
    assert ("I-0: nothing holds" in told) == fails
    assert ('"failures"' if json else "1 program, ") in told


def test_a_recording_of_spanalloc_that_cannot_be_saved_leaves_what_was_there(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "made.jsonl"
    path.write_bytes(b"before")
    recorder = Recorder()
    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", lambda *_: full_disk(0))
        with pytest.raises(OSError, match="No space left"):
            recorder.save(path)
    assert path.read_bytes() == b"before"
    recorder.save(path)
    assert b'"k": "header"' in path.read_bytes()
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(("seed", "threads"), [(1, 4), (2, 2), (3, 8)])
def test_every_schedule_of_several_threads_is_accepted(seed: int, threads: int) -> None:
    result = Racing(seed, threads).run(3000)
    assert result.failure is None
    assert result.events["sc"] + result.events["gr"] > 50


def test_threads_that_meet_are_seen_to() -> None:
    allowed, stops, skips = 0, 0, 0
    for seed in (11, 12, 13):
        told: list[EventBase] = []
        racing = Racing(seed, 4, told.append)
        result = racing.run(4000)
        replay = Replay(racing.header(len(told)))
        assert replay.run(told) is None
        allowed += replay.tally.total(EventVerdict.ALLOWED)
        stops += result.steps["stop the world"]
        skips += result.events["ck"]
    assert allowed > 0
    assert stops > 0
    assert skips > 0


def test_a_wrong_event_among_several_threads_is_noticed() -> None:
    told: list[EventBase] = []
    racing = Racing(5, 4, told.append)
    racing.run(2500)
    trace = Trace("racing", racing.header(len(told)), told)
    tried = list(corruptions([trace], 120, seed=3, hows=["change", "delete", "duplicate"]))
    missed = [one for one in tried if not one.noticed]
    assert len(missed) <= 10, missed


def test_a_failure_shows_the_end_of_its_program(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(StepJudges, "judge", lambda self: "I-0: nothing holds")
    assert run(["simulate", "--steps", "5"]) == 1
    shown = capsys.readouterr().out
    assert "1 program, 1 step, " in shown
    assert "after step 1: I-0: nothing holds" in shown
    assert "  1. " in shown
    assert run(["simulate", "--steps", "5", "--json"]) == 1
    assert '"step": 1' in capsys.readouterr().out


@pytest.mark.sampled(1)
@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_every_known_bug_that_is_switched_in_is_found(bug: KnownBug) -> None:
    found = find(bug)
    assert found.by, f"nothing objects to {bug.name}: {bug.story}"


def test_bugs_that_the_model_cannot_have_say_why() -> None:
    origins = {bug.origin for bug in BUGS}
    for origin, why in NOT_IN_THE_MODEL.items():
        assert origin not in origins
        assert why


def test_what_is_judged_together_is_told_of_the_step_that_it_begins_with(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(judge: ReplayJudge, events: Sequence[EventBase]) -> str | None:
        batches.append(len(events))
        begins = any(isinstance(event, CycleStarts) for event in events)
        return judged(judge, events) or ("SWP-32: no cycle starts" if begins else None)

    batches: list[int] = []
    judged = ReplayJudge.run
    monkeypatch.setattr(ReplayJudge, "run", refuse)
    failure = Simulation(0).run(4000).failure
    assert failure is not None
    assert failure.what == "SWP-32: no cycle starts"
    assert isinstance(failure.program, SimulatedProgram)
    assert len(failure.program.inputs) == failure.step
    assert [isinstance(one, StartCycle) for one in failure.program.inputs].index(True) + 1 == (
        failure.step
    )
    assert len(batches) < failure.step * 1.25, "a program is judged once together, and once singly"


def test_a_failure_is_shrunk_saved_and_run_again(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    note = ProgramBooks.note

    def large(books: ProgramBooks, request: AnyInput, result: int | None) -> str | None:
        wrong = note(books, request, result)
        return "I-38: enough was allocated" if len(books.objects.sizes) > 2 else wrong

    monkeypatch.setattr(ProgramBooks, "note", large)
    saved = tmp_path / "failures"
    assert run(["simulate", "--steps", "60", "--seed", "4", "--save", str(saved)]) == 1
    shown = capsys.readouterr().out
    file = saved / "simulation-1.json"
    assert f"spanspec replay {file}" in shown
    program = load(file)
    assert isinstance(program, SimulatedProgram)
    assert len(program.inputs) == 3
    assert "  3. allocate an object of" in shown
    assert "after step 3: I-38: enough was allocated" in shown
    assert run(["replay", str(file)]) == 1
    assert "after step 3: I-38" in capsys.readouterr().out
    assert run(["replay", str(file), "--json"]) == 1
    assert '"side": "model"' in capsys.readouterr().out
    monkeypatch.undo()
    assert run(["replay", str(file)]) == 0
    assert "the model holds at every step" in capsys.readouterr().out


def test_a_schedule_that_fails_is_told_saved_replayed_and_a_shorter_one_is_looked_for(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    one_step, first = Racing.step, Racing(5, 3)

    def fails_when_a_span_is_freed(racing: Racing, number: int) -> str | None:
        return one_step(racing, number) or ("HEAP-26: by design" if racing.events["hf"] else None)

    monkeypatch.setattr(Racing, "step", fails_when_a_span_is_freed)
    failure = first.run(5000).failure
    assert failure is not None
    options = ["--threads", "3", "--seed", "5", "--steps", "5000", "--save", str(tmp_path)]
    assert run(["simulate", *options]) == 1
    shown = capsys.readouterr().out
    shorter = load(tmp_path / "simulation-1.json")
    assert isinstance(shorter, SimulatedSchedule)
    assert shorter.steps < failure.step
    assert shorter.threads <= 3
    assert "events before these)" in shown
    assert f"after step {shorter.steps}: HEAP-26: by design" in shown
    assert run(["replay", str(tmp_path / "simulation-1.json")]) == 1
    assert capsys.readouterr().out in shown
    monkeypatch.undo()
    assert run(["replay", str(tmp_path / "simulation-1.json")]) == 0


@pytest.mark.parametrize("seed", [0, 1, 3])
def test_a_saved_program_does_the_same_again(seed: int) -> None:
    first = Simulation(seed)
    assert first.run(150).failure is None
    program = first.saved()
    second = Simulation(seed, saved=program)
    assert second.run(150).failure is None
    assert second.saved() == program
    assert second.events == first.events


def test_an_exception_of_the_model_is_a_failure_of_the_model(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fails(*_: object) -> NoReturn:
        raise ZeroDivisionError("by design")

    changed = dict(OPERATIONS)
    changed[Allocate] = fails
    monkeypatch.setattr("spanspec.heap.heap.OPERATIONS", changed)
    failure = Simulation(0).run(50).failure
    assert failure is not None
    assert failure.what == "the model raises ZeroDivisionError: by design"


def test_a_reservation_that_is_kept_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FollowedOs, "release", lambda self, address, size: None)
    failures = [Simulation(seed).run(200).failure for seed in (1, 3, 5, 7)]
    assert any(one is not None and one.what.startswith("AR-4: ") for one in failures)


def test_a_search_goes_on_through_more_than_a_hundred_full_spans() -> None:
    script = many_full_spans()
    simulation = Simulation(script.seed, saved=script)
    assert simulation.run(len(script.inputs)).failure is None
    assert simulation.events["cr"] >= 101  # each full after its sweep


def test_books_kept_apart_object_to_wrong_figures() -> None:
    state = Heap().state
    ledger = Ledger(state)
    ledger.hear(chunk_event(Actor(0, 0), "beg", 0, 4, 0))
    ledger.hear(chunk_event(Actor(0, 0), "end", 0, 4, 0))
    assert ledger.wrong is None
    ledger.hear(PhaseChanges(p=0, thread=0, phase=MARK_TERMINATION))
    state.collector = replace(state.collector, marked=True)
    state.accounts = replace(state.accounts, heap_live=96)
    ledger.hear(sweep_phase_starts(state, Actor(0, 0)))
    assert ledger.wrong == "SWP-34: heap_live is 96 after marking, which has found 0"


def test_a_finalizer_for_an_object_of_no_bytes_is_not_missed() -> None:
    inputs = (Allocate(0, 0), AddSpecial(0, ZERO_BASE), RemoveFinalizer(0, ZERO_BASE))
    program = Simulation(0).saved()
    again = Simulation(0, saved=msgspec.structs.replace(program, inputs=inputs))
    assert again.run(len(inputs)).failure is None


def test_every_kind_of_input_reads_as_words() -> None:
    told = [in_words(kind()) for kind in get_args(AnyInput)]
    assert len(set(told)) == len(OPERATIONS)


def test_a_saved_program_without_inputs_shows_nothing(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    place = tmp_path / "empty.json"
    savedfile.write(msgspec.structs.replace(Simulation(0).saved(), inputs=()), place)
    assert run(["replay", str(place)]) == 2
    assert "nothing to judge" in capsys.readouterr().err


def test_what_is_no_saved_simulation_is_refused(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "s.json"
    file.write_text('{"kind": "simulation", "seed": 1}')
    assert run(["replay", str(file)]) == 2
    assert "not a saved simulation" in capsys.readouterr().err
