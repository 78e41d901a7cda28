"""What answers messages is compared at each level, and what is wrong with it is told."""

import sys
from errno import ENOENT
from os import strerror
from pathlib import Path

import pytest

from spanproof.doors.calling import called_of
from spanproof.doors.targets import run_again
from spanproof.fuzz.campaigns.finding import DoorName, FoundWith
from spanproof.fuzz.isolation.ending import Limits
from spanproof.fuzz.lockstep.divergence import AnyProgram, Divergence
from spanproof.fuzz.program import (
    Allocate,
    Flush,
    MarkEvery,
    MarkFree,
    Program,
    Refill,
    StartCycle,
)
from spanproof.fuzz.programs import heapprogram as heap
from spanproof.fuzz.programs.contractprogram import ContractProgram, Free, Malloc, Realloc, Show
from spanproof.fuzz.programs.heapprogram import HeapProgram
from spanproof.fuzz.programs.sizesprogram import AskSize, SizesProgram
from spanproof.fuzz.sides.factories import Scope, WrongFactory
from spanproof.protocol.faults import CannotStart
from tests.proofs.doors.compiling import built

ANSWERING = Path(__file__).parent / "answering.py"
LIMITS = Limits(seconds=20)

SIZES = SizesProgram(
    (AskSize(1), AskSize(1024), AskSize(1025), AskSize(32768), AskSize(32769), AskSize(1 << 40))
)
CONTRACT = ContractProgram(
    (Malloc(24, zero=True), Malloc(0), Malloc(100, 256), Show(0), Realloc(0, 5000), Free(2))
)
SPAN = Program(
    9, (Refill(), Allocate(64), MarkFree(), MarkEvery(3), StartCycle(), Flush(), Refill())
)


HEAP = HeapProgram(
    (
        heap.Malloc(24, 3),
        heap.Malloc(70_000, p=1),
        heap.AddSpecial(),
        heap.MarkAt(at="free slot"),
        heap.StartCycle(),
        heap.MarkEvery(2),
        heap.FinishCycle(),
        heap.Sweep(9),
        heap.Malloc(4074, 4),
        heap.StartCycle(),
        heap.FinishCycle(),
        heap.AddSpecial(2, "profile", at="dead"),
        heap.TakeManual(),
        heap.LookUp(0),
        heap.SetGcPercent(-1),
        heap.SetProcs(3),
        heap.PassTime(),
        heap.ScavengeAll(),
    ),
    procs=2,
    answers=("refuse", "grant"),
)


SCHEDULE = HeapProgram(
    (
        heap.Malloc(2048, 40),
        heap.Malloc(2048, 40, p=1),
        heap.StartCycle(),
        heap.MarkEvery(2),
        heap.FinishCycle(),
        heap.Together(
            (
                heap.Malloc(2048, 30),
                heap.Malloc(2048, 30, p=1),
                heap.Sweep(5, p=2),
                heap.EnsureSwept(7, p=3),
                heap.TakeManual(4, "stack", 3),
            ),
            (1, 0, 2, 3),
        ),
        heap.Sweep(1024),
    ),
    procs=4,
)


def run(program: AnyProgram, kind: str = "", shows: str = "state account") -> Divergence | None:
    command = f"{sys.executable} {ANSWERING} {kind!r} {shows!r}"
    return run_with(program, "exec", command)


def run_with(program: AnyProgram, door: DoorName, command: str) -> Divergence | None:
    scopes = {
        SizesProgram: Scope.SIZES,
        ContractProgram: Scope.CONTRACT,
        Program: Scope.SPAN,
        HeapProgram: Scope.HEAP,
    }
    scope = Scope.SCHEDULE if program == SCHEDULE else scopes[type(program)]
    found_with = FoundWith(scope, door=door, command=command, limit=20.0)
    return run_again(program, found_with, LIMITS)


@pytest.mark.parametrize(
    "program",
    [SIZES, CONTRACT, SPAN, HEAP, SCHEDULE],
    ids=["sizes", "contract", "span", "heap", "schedule"],
)
def test_a_right_one_is_in_agreement(program: AnyProgram) -> None:
    assert run(program, shows="events state account") is None


def test_one_that_shows_no_state_is_compared_by_its_results() -> None:
    assert run(SPAN, shows="results") is None
    assert run(HEAP, shows="results") is None


@pytest.mark.sampled(3)
@pytest.mark.parametrize(
    ("kind", "program", "what", "rule"),
    [
        ("wrong class", SIZES, "size class", "SC-10"),
        ("lost contents", CONTRACT, "contents", "I-37"),
        ("miscounts", CONTRACT, "accounting", "HEAP-38"),
        ("forgets a mark", SPAN, "mark_bits", "SPAN-21"),
        ("wrong state", HEAP, "heap_live", "CEN-10"),
        ("wrong pages", HEAP, "the result", ""),
        ("ends too early", SCHEDULE, "event 'rn'", "MC-4"),
        ("wrong state", SCHEDULE, "heap_live", "CEN-10"),
    ],
)
def test_a_wrong_one_is_told_with_its_rule(
    kind: str, program: AnyProgram, what: str, rule: str
) -> None:
    shows = "events state" if program is SCHEDULE else "state account"
    divergence = run(program, kind, shows)
    assert divergence is not None
    assert divergence.what == what
    assert rule in (*divergence.rules, "")


def in_c(door: DoorName, folder: Path) -> str:
    """Build the heap in C that asks another process, which the variable BEHIND names."""
    flags = ["-Wall", "-Wextra", "-Werror", "-pthread"]
    flags += ["-DSPANSPEC_MAIN"] if door == "exec" else ["-shared", "-fPIC"]
    return built(ANSWERING.with_name("bridge.c"), folder / "bridge.so", *flags)


@pytest.mark.parametrize(
    ("door", "program", "kind", "what"),
    [
        ("lib", SCHEDULE, "", None),
        ("lib", HEAP, "wrong pages", "the result"),
        ("exec", HEAP, "", None),
        ("exec", SCHEDULE, "wrong state", "heap_live"),
    ],
)
def test_a_heap_in_c_is_compared(
    door: DoorName,
    program: HeapProgram,
    kind: str,
    what: str | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each field goes through the structs of the header, there and back."""
    monkeypatch.setenv("BEHIND", f"exec {sys.executable} {ANSWERING} {kind!r} 'events state'")
    divergence = run_with(program, door, in_c(door, tmp_path))
    assert (None if divergence is None else divergence.what) == what


def test_steps_without_events_cannot_be_told_apart() -> None:
    with pytest.raises(WrongFactory, match="shows no events, which the level schedule needs"):
        run(SCHEDULE)


def test_a_level_that_it_does_not_have_is_named() -> None:
    hostile = Path(__file__).parent / "hostile.py"
    command = f"{sys.executable} -S {hostile} good"
    found_with = FoundWith(Scope.SIZES, door="exec", command=command)
    with pytest.raises(WrongFactory, match="hostile does not have the level sizes; it has: span"):
        run_again(SIZES, found_with, LIMITS)


@pytest.mark.parametrize(
    ("command", "why"),
    [
        ("/nowhere/at/all", "/nowhere/at/all cannot be started: No such file or directory"),
        (str(ANSWERING), "cannot be started: Permission denied"),
    ],
)
def test_a_command_that_cannot_be_started_is_told(command: str, why: str) -> None:
    with pytest.raises(WrongFactory, match=why):
        run_again(SPAN, FoundWith(Scope.SPAN, door="exec", command=command), LIMITS)


@pytest.mark.parametrize("command", ["", "'unfinished"])
def test_what_is_no_command_is_told(command: str) -> None:
    with pytest.raises(CannotStart, match="a command"):
        called_of("exec", command, "")


def test_a_program_of_this_directory_is_told_where_only_its_name_was_given(tmp_path: Path) -> None:
    (tmp_path / "harness-of-mine").write_text("")
    (tmp_path / "folder-of-mine").mkdir()
    for name, hint in (("harness-of-mine", "; ./harness-of-mine is there"), ("folder-of-mine", "")):
        found_with = FoundWith(Scope.SPAN, folder=str(tmp_path), door="exec", command=name)
        with pytest.raises(WrongFactory) as told:
            run_again(SPAN, found_with, LIMITS)
        assert str(told.value).endswith(f"{name} cannot be started: {strerror(ENOENT)}{hint}")
