"""Programs ask at addresses of every kind, and both sides refuse for the same reason."""

from collections.abc import Callable
from typing import get_args

import pytest
from hypothesis import HealthCheck, given, seed, settings

from spanproof.fuzz import reasons
from spanproof.fuzz.lockstep.heapcalls import Refusal, same
from spanproof.fuzz.lockstep.heaplockstep import run_heap_program
from spanproof.fuzz.planted.heap import BUGS
from spanproof.fuzz.planted.planting import PlantedBug, package_with
from spanproof.fuzz.programs.heapprogram import (
    AddSpecial,
    EnsureSwept,
    FinishCycle,
    FreeManual,
    HeapProgram,
    LookUp,
    Malloc,
    MarkAt,
    MarkEvery,
    RemoveFinalizer,
    StartCycle,
    Step,
    Sweep,
    TakeManual,
    describe_step,
)
from spanproof.fuzz.programs.places import PLACES, Place
from spanproof.fuzz.reasons import reason_in, rules_of, wordings
from spanproof.fuzz.sides.spanallocheap import heaps_of_package, installed
from spanproof.fuzz.strategies import heap_programs
from spanspec.rules.book import BY_ID

BEFORE: tuple[Step, ...] = (
    Malloc(96, 90),
    Malloc(40_000),
    Malloc(8, 3, noscan=True),
    Malloc(2048, 9),
    TakeManual(4),
    Malloc(65536),
    StartCycle(),
    MarkEvery(3),
    FinishCycle(),
    Malloc(2048, 3),
)
"""Leaves something of every kind behind."""

ASK: dict[str, Callable[[Place, int], Step]] = {
    "look up": lambda at, k: LookUp(k, at),
    "ensure swept": lambda at, k: EnsureSwept(k, 0, at),
    "finalizer": lambda at, k: AddSpecial(k, "finalizer", 0, at),
    "profile": lambda at, k: AddSpecial(k, "profile", 0, at),
    "remove": lambda at, k: RemoveFinalizer(k, 0, at),
    "free": lambda at, k: FreeManual(k, 0, at),
}


@pytest.mark.parametrize("ask", sorted(ASK))
def test_both_sides_say_the_same_at_addresses_of_every_kind(ask: str) -> None:
    steps = [ASK[ask](at, k) for at in PLACES for k in (0, 1, 2, 5)]
    outcome = run_heap_program(HeapProgram((*BEFORE, *steps)), installed)
    assert outcome.divergence is None
    assert outcome.exercised["refusals"] > 5


def test_marks_at_addresses_of_every_kind_are_judged_alike() -> None:
    steps = [MarkAt(k, at) for at in PLACES for k in range(12)]
    program = HeapProgram((*BEFORE, Sweep(1024), StartCycle(), *steps, FinishCycle(), Sweep(1024)))
    outcome = run_heap_program(program, installed)
    assert outcome.divergence is None
    for reason in (reasons.BAD_POINTER, reasons.NO_OBJECT, reasons.FREE):
        assert outcome.exercised[f"refused: {reason}"] > 0, reason


def test_a_campaign_asks_at_every_kind_of_address() -> None:
    seen: set[Place] = set()

    @seed(3)
    @settings(max_examples=500, suppress_health_check=list(HealthCheck))
    @given(heap_programs())
    def draw(program: HeapProgram) -> None:
        for step in program.steps:
            if isinstance(step, LookUp | MarkAt | EnsureSwept | AddSpecial | RemoveFinalizer):
                seen.add(step.at)

    draw()
    assert seen == set(get_args(Place))


def planted(name: str) -> PlantedBug:
    return next(bug for bug in BUGS if name in bug.name)


DEAD = (Malloc(2048, 5), StartCycle(), MarkEvery(2), FinishCycle())


@pytest.mark.parametrize(
    ("name", "steps", "answers"),
    [
        ("#81435", (*DEAD, AddSpecial(0, "finalizer", 0, "dead")), ()),
        ("is kept", (Malloc(8),), ("elsewhere",)),
        ("the room below", (Malloc(8),), ("refuse",) * 128 + ("elsewhere",)),
        ("as another one", (Malloc(8), StartCycle(), MarkAt()), ()),
        ("a bad pointer is", (Malloc(96), StartCycle(), MarkAt(0, "tail")), ()),
    ],
)
def test_a_bug_that_only_such_a_program_shows_is_seen(
    name: str, steps: tuple[Step, ...], answers: tuple[str, ...]
) -> None:
    program = HeapProgram(steps, answers=answers)  # type: ignore[arg-type]
    divergence = run_heap_program(program, heaps_of_package(package_with(planted(name)))).divergence
    assert divergence is not None
    assert divergence.rules
    assert run_heap_program(program, installed).divergence is None


def test_a_refusal_for_another_reason_is_a_difference_unless_a_side_gives_none() -> None:
    one, other = Refusal(reasons.FREE, "a"), Refusal(reasons.NO_OBJECT, "a")
    assert not same(one, other)
    assert same(one, Refusal(reasons.FREE, "in other words"))
    assert same(one, Refusal("", "in no words"))
    assert not same(one, 0)


def test_a_free_slot_is_named_with_its_span_and_a_message_of_no_reason_is_one_of_its_own() -> None:
    table = wordings({"is free": reasons.FREE, "no P": reasons.NO_P})
    assert reason_in("span 0xc000: cannot mark slot 3, which is free", table) == (
        reasons.free_slot(3, 0xC000)
    )
    assert reason_in("no P 4", table) == reasons.NO_P
    assert reason_in("whatever", table) == "unknown: whatever"


def test_every_reason_has_rules_of_the_rule_book() -> None:
    for reason in reasons.RULES:
        assert rules_of(reason)
        assert set(rules_of(reason)) <= set(BY_ID)
    assert rules_of(reasons.free_slot(3, 0xC000)) == reasons.RULES[reasons.FREE]


def test_every_place_reads_as_words() -> None:
    told = {describe_step(LookUp(2, at)) for at in PLACES}
    assert len(told) == len(get_args(Place))
    assert describe_step(AddSpecial(1, "finalizer", 0, "dead")) == (
        "give dead object number 1 that is not swept yet a finalizer"
    )
