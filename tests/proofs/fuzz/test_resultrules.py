"""A result that differs is told with the rules of the call that came to it."""

from collections.abc import Callable

import pytest

from spanproof.fuzz.engine.causes import cause_of
from spanproof.fuzz.heapsides import NoMemory
from spanproof.fuzz.lockstep.divergence import Divergence
from spanproof.fuzz.lockstep.heaplockstep import run_heap_program
from spanproof.fuzz.lockstep.resultrules import OF_STEP
from spanproof.fuzz.programs.heapprogram import (
    AddSpecial,
    FinishCycle,
    HeapProgram,
    Malloc,
    SetGcPercent,
    StartCycle,
    Step,
    Sweep,
    TakeManual,
)
from spanproof.fuzz.sides.spanallocheap import (
    INSTALLED,
    QuietHeap,
    SpanallocHeap,
    heaps_of_package,
)
from spanproof.fuzz.subjects import Refused
from spanspec.rules.book import BY_ID

SWEEPS = (StartCycle(), FinishCycle(), Sweep())

WRONG: dict[str, tuple[str, tuple[Step, ...], str, tuple[str, ...]]] = {
    "nothing": ("malloc", (Malloc(0),), "the result", ("MAL-1",)),
    "tiny": ("malloc", (Malloc(5, noscan=True),), "the result", ("MAL-6", "MAL-8", "MAL-10")),
    "small": ("malloc", (Malloc(5),), "the result", ("MAL-10", "HEAP-13")),
    "large": ("malloc", (Malloc(32769),), "the result", ("MAL-11", "HEAP-13")),
    "manual": ("take_manual", (TakeManual(4),), "the result", ("HEAP-24", "HEAP-13")),
    "swept": ("sweep_one", (Malloc(64), *SWEEPS), "the result", ("SWP-15",)),
    "trigger": ("trigger", (SetGcPercent(50),), "the trigger", ("SWP-20",)),
}


def found(program: tuple[Step, ...], call: str, does: Callable[..., int]) -> Divergence:
    """Return how a heap parts from the model of which one call does something else."""
    kind = type("Wrong", (QuietHeap,), {call: does})
    divergence = run_heap_program(
        HeapProgram(program), heaps_of_package(INSTALLED, kind)
    ).divergence
    assert divergence is not None
    return divergence


@pytest.mark.parametrize("name", WRONG)
def test_the_rules_are_those_of_the_call(name: str) -> None:
    call, program, what, rules = WRONG[name]

    def does(heap: SpanallocHeap, *given: object) -> int:
        result: int = getattr(QuietHeap, call)(heap, *given)
        return result + 8

    divergence = found(program, call, does)
    assert (divergence.what, divergence.rules) == (what, rules)


def test_a_refusal_without_a_reason_has_the_rules_of_the_call() -> None:
    def refuse(*_: object) -> int:
        raise Refused("not yet")

    divergence = found((Malloc(64), AddSpecial()), "add_special", refuse)
    assert divergence.rules == ("SWP-24",)


def test_no_memory_has_the_rules_of_growth() -> None:
    def refuse(*_: object) -> int:
        raise NoMemory

    assert found((Malloc(64),), "malloc", refuse).rules == ("AR-4", "HEAP-17")


def test_wrong_results_of_different_calls_have_different_causes() -> None:
    causes = {
        cause_of(found(program, call, lambda *_: 12_345 * 8))
        for call, program, _, _ in WRONG.values()
    }
    assert len(causes) == len(WRONG)


def test_each_rule_that_is_named_exists() -> None:
    for rules in OF_STEP.values():
        assert set(rules) <= BY_ID.keys()
