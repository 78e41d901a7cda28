"""The heap of spanalloc and the model's agree, and the fuzzer finds what is planted."""

import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from spanproof.fuzz.campaigns import finding
from spanproof.fuzz.heapsides import State
from spanproof.fuzz.lockstep.divergence import describe
from spanproof.fuzz.lockstep.heaplockstep import HeapLockstep, run_heap_program
from spanproof.fuzz.planted.heap import BUGS, find_in_heap
from spanproof.fuzz.planted.planting import PlantedBug, package_with
from spanproof.fuzz.program import ProgramError
from spanproof.fuzz.programs.choices import FromBytes, seeded
from spanproof.fuzz.programs.heapgrammar import heap_program
from spanproof.fuzz.programs.heapprogram import (
    FinishCycle,
    FlushCaches,
    FreeManual,
    HeapProgram,
    Malloc,
    MarkAt,
    MarkEvery,
    PassTime,
    ScavengeAll,
    SetProcs,
    StartCycle,
    Sweep,
    TakeManual,
    Together,
    load,
    save,
)
from spanproof.fuzz.sides.spanallocheap import (
    QuietHeap,
    SpanallocHeap,
    heaps_of_package,
    installed,
    quiet,
)
from spanproof.fuzz.strategies import heap_programs

DEEP = HeapProgram(
    (
        Malloc(8192, 130),
        Malloc(64, 130, p=1),
        Malloc(5, 7, noscan=True),
        TakeManual(512),
        StartCycle(),
        MarkEvery(2),
        Malloc(100, 3, p=1),
        FinishCycle(1),
        Malloc(8192, 20),
        Sweep(3),
        FlushCaches(),
        FreeManual(),
        Malloc(1 << 20, 2),
        PassTime(1000),
        SetProcs(3),
        Malloc(64, 64, p=2),
        StartCycle(2),
        MarkAt(1),
        FinishCycle(2),
        Sweep(1024),
        ScavengeAll(),
        Malloc(40000, 3),
        SetProcs(1, 2),
    ),
    procs=2,
    sweepgen=(1 << 32) - 2,
    answers=("grant", "refuse", "elsewhere"),
)

STEERED = HeapProgram(
    (
        Malloc(4 << 20),
        StartCycle(),
        MarkEvery(1),
        FinishCycle(),
        Malloc(4 << 20, p=1),
        StartCycle(),
        MarkEvery(1),
        FinishCycle(0, 1000, 1000),
        Malloc(8192, 40),
        StartCycle(1),
        FinishCycle(1, 100_000, 10**6),
        StartCycle(),
        FinishCycle(0, 5, 5),
        Sweep(1024),
    ),
    procs=2,
)

EASY = ("#12040", "#15022", "the cache is not shifted", "needzero is forgotten", "a cycle is one")
"""Some planted bugs; `spanspec planted` looks for all of them."""


@settings(max_examples=40, suppress_health_check=list(HealthCheck))
@given(heap_programs())
def test_every_program_agrees(program: HeapProgram) -> None:
    assert run_heap_program(program, installed).divergence is None


def test_both_sides_steer_by_what_a_cycle_took() -> None:
    pair = HeapLockstep(STEERED, installed, thorough=True)
    triggers = []
    for step in STEERED.steps:
        pair.take(step)
        if isinstance(step, FinishCycle):
            triggers.append(pair.model.heap.trigger)
    assert triggers == [15 << 19, 15990784, 4 << 20, 4 << 20]
    assert pair.exercised["refused: nothing was alive before"] == 1


def test_a_long_program_agrees_and_exercises_what_it_should() -> None:
    outcome = run_heap_program(DEEP, installed)
    assert outcome.divergence is None
    for kind in ("dd", "rb", "ct", "um", "fs", "hf", "vs", "ga", "pd", "refusals"):
        assert outcome.exercised[kind] > 0, kind


def test_a_heap_that_records_nothing_agrees_too() -> None:
    assert run_heap_program(DEEP, quiet).divergence is None
    for number in range(3):
        divergence = run_heap_program(heap_program(FromBytes(seeded(number))), quiet).divergence
        assert divergence is None, divergence.render()


FASTEST = PlantedBug(
    "pointers are looked for in objects that have none",
    "heap.heap",
    "                    if noscan:\n                        spanclass += 1\n",
    "                    if not noscan:\n                        spanclass += 1\n",
)


def test_a_bug_of_the_fast_path_alone_is_found_in_a_heap_that_records_nothing() -> None:
    package = package_with(FASTEST)
    program = HeapProgram((Malloc(64, 2, noscan=True), Malloc(64)))
    assert run_heap_program(program, heaps_of_package(package)).divergence is None
    divergence = run_heap_program(program, heaps_of_package(package, QuietHeap)).divergence
    assert divergence is not None
    assert divergence.what == "the result"


def test_the_interpreted_source_agrees_too() -> None:
    assert run_heap_program(DEEP, heaps_of_package(package_with(None))).divergence is None


@pytest.mark.parametrize("name", EASY)
def test_a_bug_planted_into_the_heap_is_found(name: str) -> None:
    bug = next(bug for bug in BUGS if name in bug.name)
    divergence = find_in_heap(bug).divergence
    assert divergence is not None
    assert isinstance(divergence.program, HeapProgram)
    assert len(divergence.program.steps) <= 12
    assert run_heap_program(divergence.program, installed).divergence is None


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_no_planted_bug_is_out_of_date(bug: object) -> None:
    assert package_with(next(one for one in BUGS if one is bug)).Heap is not None


class Lies(SpanallocHeap):
    """A heap that misreports a figure."""

    def state(self) -> State:
        return {**super().state(), "heap_live": 9}


def test_a_difference_is_shown_with_both_values() -> None:
    honest = heaps_of_package(package_with(None))(DEEP)
    divergence = run_heap_program(DEEP, lambda program: Lies(program, honest._package)).divergence
    assert divergence is not None
    assert (divergence.step, divergence.what) == (0, "heap_live")
    assert divergence.render().endswith("model says     0\n  implementation 9")


def test_a_program_is_saved_loaded_and_reads_as_a_text(tmp_path: Path) -> None:
    save(DEEP, tmp_path / "p.json")
    assert load(tmp_path / "p.json") == DEEP
    text = describe(DEEP)
    assert text.startswith("a heap with 2 Ps, sweepgen 4294967294, an operating system that")
    assert "  1. allocate 130 objects of 8192 bytes\n" in text
    assert "\n 17. start a cycle on P 2\n" in text


@pytest.mark.parametrize(
    "text",
    [
        "{",
        '{"kind":"heap"}',
        '{"kind":"heap","steps":[{"type":"x"}]}',
        '{"a":' * 100_000,
        '{"kind":"heap","procs":' + "9" * 10_000 + "}",
    ],
    ids=["cut short", "lacks steps", "unknown step", "nested deeply", "a long number"],
)
def test_a_file_that_is_no_program_is_refused_by_name(tmp_path: Path, text: str) -> None:
    (tmp_path / "p.json").write_text(text)
    with pytest.raises(ProgramError, match=r"p\.json: not a saved program"):
        load(tmp_path / "p.json")
    with pytest.raises(ProgramError, match="cannot be read"):
        load(tmp_path / "missing.json")


@pytest.mark.parametrize("size", [(1 << 38) + 1, 1 << 40, 1 << 44, (1 << 47) - 8192])
def test_a_saved_program_that_asks_for_more_than_there_are_books_for_is_refused(
    tmp_path: Path, size: int
) -> None:
    """It would take a table entry for each page, and be called a divergence for want of memory."""
    refused = HeapProgram((Together((Malloc(size),)),))
    usable = HeapProgram((Malloc(1 << 38), Malloc((1 << 64) - 1)))
    for program, what in ((refused, f"it asks for {size} bytes"), (usable, "")):
        save(program, tmp_path / "p.json")
        if what:
            with pytest.raises(ProgramError, match=rf"p\.json: {what}"):
                finding.load(tmp_path / "p.json")
        else:
            assert finding.load(tmp_path / "p.json") == (program, None)


def test_a_bug_is_planted_although_the_installed_package_runs_from_its_source(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SPANALLOC_INTERPRETED", "1")
    before = list(sys.meta_path)
    with_bug = package_with(next(one for one in BUGS if one.name.startswith("a cycle is one")))
    heap = with_bug.Heap(os=with_bug.SimulatedMemory())
    heap.start_cycle()
    with pytest.raises(with_bug.HeapError, match="flushGen 0 in generation 1"):
        heap.finish()
    assert sys.meta_path == before
