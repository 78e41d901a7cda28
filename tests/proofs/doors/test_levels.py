"""What answers messages is compared at each level, and what is wrong with it is told."""

import sys
from pathlib import Path

import pytest

from spanproof.doors.calling import called_of
from spanproof.doors.targets import run_again
from spanproof.fuzz import heapprogram as heap
from spanproof.fuzz.divergence import AnyProgram, Divergence
from spanproof.fuzz.factories import Scope, WrongFactory
from spanproof.fuzz.finding import FoundWith
from spanproof.fuzz.heapprogram import HeapProgram
from spanproof.fuzz.isolation.ending import Limits
from spanproof.fuzz.levels.contractprogram import ContractProgram, Free, Malloc, Realloc, Show
from spanproof.fuzz.levels.sizesprogram import Ask, SizesProgram
from spanproof.fuzz.program import (
    Allocate,
    Flush,
    MarkEvery,
    MarkFree,
    Program,
    Refill,
    StartCycle,
)
from spanproof.protocol.faults import CannotStart

ANSWERING = Path(__file__).parent / "answering.py"
LIMITS = Limits(seconds=20)

SIZES = SizesProgram((Ask(1), Ask(1024), Ask(1025), Ask(32768), Ask(32769), Ask(1 << 40)))
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
        heap.TakeManual(),
        heap.SetProcs(3),
        heap.PassTime(),
        heap.ScavengeAll(),
    ),
    procs=2,
    answers=("refuse", "grant"),
)


def run(program: AnyProgram, kind: str = "", shows: str = "state account") -> Divergence | None:
    scopes = {
        SizesProgram: Scope.SIZES,
        ContractProgram: Scope.CONTRACT,
        Program: Scope.SPAN,
        HeapProgram: Scope.HEAP,
    }
    command = f"{sys.executable} {ANSWERING} {kind!r} {shows!r}"
    found_with = FoundWith(scopes[type(program)], door="exec", command=command, limit=20.0)
    return run_again(program, found_with, LIMITS)


@pytest.mark.parametrize(
    "program", [SIZES, CONTRACT, SPAN, HEAP], ids=["sizes", "contract", "span", "heap"]
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
    ],
)
def test_a_wrong_one_is_told_with_its_rule(
    kind: str, program: AnyProgram, what: str, rule: str
) -> None:
    divergence = run(program, kind)
    assert divergence is not None
    assert divergence.what == what
    assert rule in (*divergence.rules, "")


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
    with pytest.raises(CannotStart, match="--exec"):
        called_of("exec", command, "")
