"""A divergence names the side that failed and the rules at issue, and shows what can be read."""

import json

import pytest
from msgspec.structs import replace

from spanproof.cli.app import run
from spanproof.fuzz import subjects
from spanproof.fuzz.differences import partrules
from spanproof.fuzz.differences.differences import Difference, compare_events, compare_states
from spanproof.fuzz.differences.display import event_shown, shown
from spanproof.fuzz.heapsides import SideFactory, State
from spanproof.fuzz.lockstep.divergence import Divergence
from spanproof.fuzz.lockstep.heaplockstep import run_heap_program
from spanproof.fuzz.lockstep.spanlockstep import RULES, run_program
from spanproof.fuzz.program import Allocate, Program, Refill, Sweep
from spanproof.fuzz.program import StartCycle as SpanCycle
from spanproof.fuzz.programs.heapprogram import (
    FinishCycle,
    HeapProgram,
    Malloc,
    StartCycle,
    Together,
)
from spanproof.fuzz.sides.modelheap import ModelHeap
from spanproof.fuzz.sides.spanalloc_subject import installed as installed_span
from spanproof.fuzz.sides.spanallocheap import SpanallocHeap, installed
from spanspec.heap import Heap, operations
from spanspec.heap.program import Allocate as AllocateInput
from spanspec.heap.program import StartCycle as StartCycleInput
from spanspec.invariants import Violation
from spanspec.rules.book import BY_ID

CYCLE = HeapProgram((Malloc(24), StartCycle(), FinishCycle()))
AT_ONCE = HeapProgram((Together((Malloc(2048), Malloc(2048, p=1))),), procs=2)


def fails(*_: object) -> int:
    raise AssertionError("T-73: refill of span with free space remaining")


def found(program: HeapProgram, factory: SideFactory = installed) -> Divergence:
    divergence = run_heap_program(program, factory).divergence
    assert divergence is not None
    return divergence


@pytest.mark.parametrize(
    ("program", "kind"),
    [(CYCLE, StartCycleInput), (CYCLE, AllocateInput), (AT_ONCE, AllocateInput)],
)
def test_a_fatal_check_of_the_model_names_the_model(
    program: HeapProgram, kind: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(operations.OPERATIONS, kind, fails)
    divergence = found(program)
    assert divergence.side == "model"
    assert divergence.rules == ("T-73",)
    assert "raises AssertionError: T-73" in divergence.expected
    assert "T-73" not in divergence.seen
    assert "the model fails" in divergence.render()


def test_any_exception_of_the_model_names_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ModelHeap, "whole", lambda self: 1 // 0)
    assert found(CYCLE).side == "model"
    monkeypatch.setattr(ModelHeap, "state", lambda self: [][0])
    assert (found(CYCLE).side, "IndexError" in found(CYCLE).expected) == ("model", True)


def test_a_model_that_cannot_be_made_names_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Heap, "__init__", fails)
    assert (found(CYCLE).side, found(CYCLE).step) == ("model", 0)


def test_a_broken_invariant_of_the_model_names_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(state: object) -> list[Violation]:
        return [Violation("I-38", "a slot is offered twice")]

    monkeypatch.setattr("spanproof.fuzz.lockstep.heaplockstep.violations", broken)
    divergence = found(CYCLE)
    assert (divergence.side, divergence.rules, divergence.after) == ("model", ("I-38",), True)
    assert "offered twice" in divergence.expected


class Crashes(SpanallocHeap):
    """A heap that falls over."""

    def malloc(self, size: int, noscan: bool, zero: bool, p: int) -> int:
        raise ZeroDivisionError("by design")


@pytest.mark.parametrize("program", [CYCLE, AT_ONCE])
def test_an_exception_of_the_implementation_names_the_implementation(program: HeapProgram) -> None:
    honest = installed(program)
    divergence = found(program, lambda one: Crashes(one, honest._package))
    assert divergence.side == "implementation"
    assert "ZeroDivisionError: by design" in divergence.seen


SPAN = Program(9, (Refill(), Allocate(1)))


def test_a_failing_model_of_a_span_names_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subjects, "next_free_fast", fails)
    divergence = run_program(SPAN, installed_span).divergence
    assert divergence is not None
    assert (divergence.side, divergence.step) == ("model", 2)
    assert "T-73" in divergence.expected


def test_a_model_that_refuses_what_is_enabled_names_the_model(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuses(*_: object) -> None:
        raise subjects.Refused("no")

    monkeypatch.setattr(subjects.ModelSpan, "claim_and_sweep", refuses)
    divergence = run_program(Program(9, (SpanCycle(), Sweep())), installed_span).divergence
    assert divergence is not None
    assert divergence.side == "model"


def test_the_command_says_in_json_which_side_failed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subjects, "next_free_fast", fails)
    assert run(["fuzz", "--of", "span", "--examples", "50", "--json"]) == 1
    divergence = json.loads(capsys.readouterr().out)["divergence"]
    assert divergence["side"] == "model"
    assert divergence["rules"] == ["T-73"]


def test_every_part_that_is_compared_has_rules_of_the_rule_book() -> None:
    state = ModelHeap(HeapProgram(()))
    state.malloc(64, False, True, 0)
    parts = state.state()
    spans = {name for name in parts if name.startswith("span ")}
    assert set(parts) - spans == set(partrules.OF_PART)
    inner = parts[spans.pop()]
    assert isinstance(inner, dict)
    assert set(inner) | {"nelems"} == set(partrules.OF_SPAN)
    assert set(RULES) == set(subjects.State._fields)
    tables = (partrules.OF_PART, partrules.OF_SPAN, partrules.OF_SYSTEM, RULES)
    for table in tables:
        for name, rules in table.items():
            assert rules, name
            assert set(rules) <= set(BY_ID), name


class Lies(SpanallocHeap):
    """A heap that misreports the bits of its spans."""

    def state(self) -> State:
        parts = dict(super().state())
        for name, part in parts.items():
            if name.startswith("span ") and isinstance(part, dict):
                parts[name] = {**part, "gcmarkBits": part["gcmarkBits"] | 1 << 40}
        return parts


def test_a_bitmap_is_shown_as_slots_after_the_step_with_its_rule() -> None:
    # A later step would free the span: what no call has changed is compared at the end alone.
    program = replace(CYCLE, steps=CYCLE.steps[:1])
    honest = installed(program)
    divergence = found(program, lambda program: Lies(program, honest._package))
    assert divergence.what.endswith(", gcmarkBits")
    assert (divergence.expected, divergence.seen) == ("slots none", "slots 40; only here: 40")
    assert divergence.rules == ("SPAN-21",)
    assert "after step 1: span" in divergence.render()
    assert f"  SPAN-21: {BY_ID['SPAN-21'].says}" in divergence.render()


def test_what_differs_in_a_long_bitmap_is_shown_although_the_bitmap_is_cut() -> None:
    one = sum(1 << (2 * n) for n in range(60))
    with pytest.raises(Difference) as caught:
        compare_states({"span 3": {"allocBits": one}}, {"span 3": {"allocBits": one | 1 << 119}})
    assert caught.value.what == "span 3, allocBits"
    assert caught.value.seen.endswith("only here: 119")


def test_the_innermost_part_of_a_tuple_is_named() -> None:
    expected = {"runs": {4: (0xC000000000, 2, 3, True, 1)}}
    seen = {"runs": {4: (0xC000000000, 2, 3, False, 1)}}
    with pytest.raises(Difference) as caught:
        compare_states(expected, seen)
    assert caught.value.what == "runs, 4, scavenged"
    assert (caught.value.expected, caught.value.seen) == ("True", "False")


def test_an_event_is_shown_by_the_names_of_its_fields() -> None:
    figures = {"p": 0, "s": 3, "fi": 1, "ab": "0102"}
    assert event_shown("un", figures).startswith("un(p 0, span 3, freeindex 1, ")
    assert "alloc_bits slots 0 9" in event_shown("se", {"ab": "0102"})
    with pytest.raises(Difference) as caught:
        compare_events([("un", figures)], [("un", {**figures, "fi": 0})])
    assert caught.value.what == "event 'un', freeindex"
    assert caught.value.rules == ("SPAN-15",)
    assert not caught.value.after


def test_a_cache_is_shown_with_the_slots_it_offers() -> None:
    assert shown("allocCache", 0b1011) == "0xb: free at 0-1 3 from freeindex on"
