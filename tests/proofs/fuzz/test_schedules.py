"""Several Ps at once, in an order that Hypothesis chooses: both sides agree at every step."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings

from spanproof.cli.app import run
from spanproof.fuzz.lockstep.divergence import describe, length_of
from spanproof.fuzz.lockstep.heaplockstep import run_heap_program
from spanproof.fuzz.lockstep.interleaved import InTurns
from spanproof.fuzz.planted.heap import find_in_heap
from spanproof.fuzz.planted.planting import Effort, PlantedBug, package_with
from spanproof.fuzz.planted.schedule import RACES, find_in_schedule
from spanproof.fuzz.programs.heapprogram import (
    EnsureSwept,
    FinishCycle,
    FreeOsMemory,
    HeapProgram,
    Malloc,
    MarkEvery,
    RemoveFinalizer,
    StartCycle,
    Sweep,
    TakeManual,
    Together,
    load,
    save,
    with_less_at_once,
)
from spanproof.fuzz.scheduler import CallingThread, Scheduler, StopReason
from spanproof.fuzz.sides.earlierlooks import WithEarlierLooks
from spanproof.fuzz.sides.factories import METHODS, Scope
from spanproof.fuzz.sides.spanallocheap import heaps_of_package, installed
from spanproof.fuzz.strategies import scheduled_programs
from spanspec.heap.decisions import Decisions

BEFORE = (
    Malloc(2048, 40),
    Malloc(2048, 40, p=1),
    StartCycle(),
    MarkEvery(2),
    FinishCycle(),
)

MEETING = HeapProgram(
    (
        *BEFORE,
        Together(
            (
                Malloc(2048, 30),
                Malloc(2048, 30, p=1),
                Sweep(5, p=2),
                EnsureSwept(7, p=3),
                Malloc(100_000, 2, p=2),
                TakeManual(4, p=3),
            ),
            (0, 0, 0, 1, 0, 1, 1, 3, 0, 3),
        ),
        Malloc(2048, 5),
    ),
    procs=4,
)

EASY = ("published before it is in its list", "take the same chunk")
"""Some planted bugs; `spanspec planted` looks for all of them."""


def race(name: str) -> PlantedBug:
    return next(bug for bug in RACES if name in bug.name)


@settings(max_examples=25, suppress_health_check=list(HealthCheck))
@given(scheduled_programs())
def test_every_order_agrees(program: HeapProgram) -> None:
    assert run_heap_program(program, installed).divergence is None


def test_threads_meet_in_lists_and_wait_for_locks() -> None:
    outcome = run_heap_program(MEETING, installed)
    assert outcome.divergence is None
    for kind in ("switches", "waits", "ck", "sc", "ct", "po", "rb", "ha", "fs"):
        assert outcome.exercised[kind] > 0, kind


def test_the_interpreted_source_agrees_too() -> None:
    outcome = run_heap_program(MEETING, heaps_of_package(package_with(None)))
    assert outcome == run_heap_program(MEETING, installed)


def test_an_order_of_zeros_is_one_task_after_the_other() -> None:
    tasks = (Malloc(2048, 9), Sweep(2, p=1), Malloc(40_000, 1, p=2))
    together = HeapProgram((*BEFORE, Together(tasks)), procs=3)
    alone = HeapProgram((*BEFORE, *tasks), procs=3)
    one, other = (run_heap_program(program, installed) for program in (together, alone))
    assert one.divergence is None
    assert other.divergence is None
    assert one.exercised["switches"] == 0
    assert {**one.exercised, "steps": 0, "switches": 0, "waits": 0} == {
        **other.exercised,
        "steps": 0,
        "switches": 0,
        "waits": 0,
        **{kind: 0 for kind in one.exercised if kind not in other.exercised},
    }


@pytest.mark.sampled(1)
@pytest.mark.parametrize("name", EASY)
def test_a_race_planted_into_the_heap_is_found(name: str) -> None:
    bug = race(name)
    divergence = find_in_schedule(bug).divergence
    assert divergence is not None
    assert length_of(divergence.program) <= 12
    assert isinstance(divergence.program, HeapProgram)
    assert run_heap_program(divergence.program, installed).divergence is None
    again = run_heap_program(divergence.program, heaps_of_package(package_with(bug))).divergence
    assert again == divergence


def test_a_span_has_its_slots_before_an_address_leads_to_it() -> None:
    at_once = Together(
        (TakeManual(1, p=3), RemoveFinalizer(p=3, at="tail"), Sweep(), Malloc(33, p=1)),
        (2, 1, 0, 0, 1),
    )
    cycles = (StartCycle(), FinishCycle(), StartCycle())
    program = HeapProgram((Malloc(5377), Malloc(2305, 4), *cycles, at_once), procs=4)
    for factory in (installed, heaps_of_package(package_with(None))):
        outcome = run_heap_program(program, factory)
        assert outcome.divergence is None
        assert outcome.exercised["switches"] > 0


def test_a_search_has_to_look_at_both_lists_again_after_a_sweep() -> None:
    first, second, third = (MarkEvery(4, k) for k in range(3))
    order = (0, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 1, 0, 1, 1)
    at_once = Together((Malloc(4096, 2), Sweep(3, p=1)), order)
    program = HeapProgram(
        (Malloc(4096, 8), StartCycle(), first, second, third, FinishCycle(), at_once), procs=2
    )
    changed = heaps_of_package(package_with(race("does not look at the nonempty list again")))
    divergence = run_heap_program(program, changed).divergence
    assert divergence is not None
    assert divergence.what == "event 'ct'"
    assert run_heap_program(program, installed).divergence is None


def test_who_owes_no_sweeping_when_it_begins_to_wait_for_a_list_owes_none_afterwards() -> None:
    # P 2 looks, and waits for the list in which P 0 searches. Until it can go on, the others let
    # the heap grow so much that it would owe a page by then.
    program = HeapProgram(
        (
            Malloc(2056193),
            Malloc(3457, 9),
            StartCycle(),
            MarkEvery(3),
            FinishCycle(),
            Malloc(1, 3),
            Malloc(3457, 3),
            Malloc(32769),
            StartCycle(),
            MarkEvery(2),
            MarkEvery(3),
            FinishCycle(),
            Together(
                (Malloc(3457, 4), Sweep(1, p=1), Malloc(3457, p=2), Malloc(3457, 2, p=3)),
                (0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 1, 2, 0, 0, 0),
            ),
        ),
        procs=4,
    )
    done = run_heap_program(program, installed)
    assert done.divergence is None
    assert done.exercised["waits"] >= 2


def test_freeing_all_memory_waits_for_a_span_that_another_thread_sweeps() -> None:
    at_once = Together((FreeOsMemory(), Sweep(p=1)), (1, 0, 1, 0, 0, 0, 0, 0))
    program = HeapProgram((Malloc(40_000), StartCycle(), FinishCycle(), at_once), procs=2)
    outcome = run_heap_program(program, installed)
    assert outcome.divergence is None
    assert outcome.exercised["waits"] > 0
    changed = heaps_of_package(package_with(race("#45315")))
    divergence = run_heap_program(program, changed).divergence
    assert divergence is not None
    assert (divergence.expected, divergence.seen) == ("waits for another thread", "goes on")


def test_who_waits_for_a_sweep_of_a_span_has_found_it_before_it_is_freed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cycles = (StartCycle(), MarkEvery(), FinishCycle(), StartCycle(), FinishCycle())
    at_once = Together((Malloc(32769), EnsureSwept(0, p=1, at="swept")), (0, 0, 0, 0, 1))
    program = HeapProgram((Malloc(1), *cycles, at_once), procs=2)
    outcome = run_heap_program(program, installed)
    assert outcome.divergence is None
    assert outcome.exercised["waits"] > 0
    monkeypatch.setattr(InTurns, "_let_model_wait", lambda *_: None)
    divergence = run_heap_program(program, installed).divergence
    assert divergence is not None
    assert "lies in no span in use" in divergence.expected


class SetUpLate:
    """As Go does, a span has no objects yet when it comes into use."""

    name, module = "set up late", "central.newspan"

    def apply(self, text: str) -> str:
        """Return the text of the module with this order."""
        used = "        pages.use(span, state.sg, spanclass, large)\n"
        clean = "    span.dirty = False\n"
        slots = "    span.init_slots(spanclass, span.base + large if large > 0 else 0)\n"
        assert used in text
        assert clean in text
        nothing = f"{used}        span.limit = span.base\n"
        return text.replace(used, nothing).replace(clean, f"{clean}{slots}")


def test_why_there_is_no_object_in_a_span_that_comes_into_use_is_not_compared(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    late = heaps_of_package(package_with(SetUpLate()))
    tasks = (RemoveFinalizer(0, p=1, at="dead"), Sweep(), Malloc(32769, p=2))
    at_once = Together(tasks, (0, 0, 2, 0, 0, 0, 0, 2, 0, 1, 1, 0, 1, 0, 0, 2, 0))
    program = HeapProgram((Malloc(106497), StartCycle(), FinishCycle(), at_once), procs=3)
    assert run_heap_program(program, late).divergence is None
    monkeypatch.setattr(InTurns, "_is_unready", lambda *_: False)
    assert run_heap_program(program, installed).divergence is None
    divergence = run_heap_program(program, late).divergence
    assert divergence is not None
    assert "free slot" in divergence.expected
    assert "is in no object" in divergence.seen


def test_who_waits_for_those_that_sweep_may_see_that_one_is_done_before_it_tells_of_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    at_once = Together((FreeOsMemory(p=1), FreeOsMemory()), (0, 1, 0))
    program = HeapProgram((Malloc(5000, 5), StartCycle(), FinishCycle(), at_once), procs=2)
    assert run_heap_program(program, installed).divergence is None
    monkeypatch.setattr(WithEarlierLooks, "seen_sweepers", Decisions.seen_sweepers)
    divergence = run_heap_program(program, installed).divergence
    assert divergence is not None
    assert (divergence.expected, divergence.seen) == ("waits for another thread", "goes on")


def test_a_race_is_not_found_without_a_schedule() -> None:
    assert find_in_heap(race("two threads pop"), Effort(calls=6_000)).divergence is None


@pytest.mark.parametrize("bug", RACES, ids=lambda bug: bug.name)
def test_no_planted_race_is_out_of_date(bug: PlantedBug) -> None:
    assert package_with(bug).Heap is not None


def test_a_program_with_tasks_at_once_is_saved_loaded_and_reads_as_a_text(tmp_path: Path) -> None:
    save(MEETING, tmp_path / "p.json")
    assert load(tmp_path / "p.json") == MEETING
    assert "  6. at once: allocate 30 objects of 2048 bytes; allocate 30" in describe(MEETING)
    assert length_of(MEETING) == 12


def test_less_is_done_at_once_by_a_task_or_a_turn() -> None:
    program = HeapProgram((Sweep(), Together((Sweep(), Sweep(p=1)), (1, 0))))
    assert set(with_less_at_once(program)) == {
        HeapProgram((Sweep(), Together((Sweep(p=1),), (1, 0)))),
        HeapProgram((Sweep(), Together((Sweep(),), (1, 0)))),
        HeapProgram((Sweep(), Together((Sweep(), Sweep(p=1)), (1,)))),
    }


def test_workers_run_one_at_a_time_and_stop_where_their_steps_end() -> None:
    scheduler, told = Scheduler(), list[str]()

    def work(name: str) -> int:
        for number in range(2):
            told.append(f"{name}{number}")
            scheduler.step_ends()
        return len(told)

    one, other = CallingThread(scheduler, "one"), CallingThread(scheduler, "other")
    one.begin(lambda: work("a"))
    other.begin(lambda: work("b"))
    assert [one.go_on(), other.go_on(), other.go_on(), one.go_on()] == [StopReason.STEP] * 4
    assert told == ["a0", "b0", "b1", "a1"]
    assert one.go_on() is StopReason.ENDED
    assert (one.result, one.in_call, other.in_call) == (4, False, True)
    for worker in (one, other):
        worker.close()


def test_a_call_that_raises_has_ended_and_one_that_is_abandoned_cleans_up() -> None:
    scheduler, cleaned = Scheduler(), list[bool]()

    def fail() -> None:
        raise ZeroDivisionError

    def wait() -> None:
        try:
            scheduler.cannot_go_on()
        finally:
            cleaned.append(True)

    worker = CallingThread(scheduler, "worker")
    worker.begin(fail)
    with pytest.raises(ZeroDivisionError):
        worker.go_on()
    assert not worker.in_call
    worker.begin(wait)
    assert worker.go_on() is StopReason.WAITS
    worker.close()
    assert cleaned == [True]
    with pytest.raises(RuntimeError, match="does not exist"):
        scheduler.cannot_go_on()


def test_a_heap_that_cannot_be_stopped_is_refused(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    methods = dict.fromkeys(METHODS[Scope.HEAP], print)
    plain = SimpleNamespace(heap=lambda program: SimpleNamespace(**methods))
    monkeypatch.setitem(__import__("sys").modules, "plain_heaps", plain)
    arguments = ["fuzz", "--of", "schedule", "--python", "plain_heaps:heap", "--examples", "1"]
    assert run(arguments) == 2
    assert "have no `obey`" in capsys.readouterr().err


def test_the_command_fuzzes_schedules(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["fuzz", "--of", "schedule", "--examples", "25"]) == 0
    assert "switches between threads" in capsys.readouterr().out
