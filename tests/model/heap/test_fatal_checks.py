"""Each fatal check of the runtime is named when it fails: by inputs, or on a state made for it."""

import pytest

from spanproof.theorems.courses.limits.fatal import provoked
from spanproof.theorems.courses.limits.fatal.machine import NoHints
from spanspec.heap.heap import Heap, OutOfMemory, Refused
from spanspec.heap.operations.specials import heap_span
from spanspec.heap.program import (
    AddSpecial,
    FreeManual,
    MarkObject,
    RemoveFinalizer,
    StartCycle,
    TakeManual,
)
from spanspec.rules.book import RULE_ID, definitions_of_rules


@pytest.mark.parametrize("name", provoked())
def test_the_fatal_check_names_itself(name: str) -> None:
    check = "-".join(name.split("-")[:2])
    assert RULE_ID.fullmatch(check)
    with pytest.raises(AssertionError, match=rf"^{check}: "):
        provoked()[name]()


# --- what a program, the marker or the system provokes through inputs ----------------------------


def test_requests_that_cannot_be_served_are_named() -> None:
    heap = Heap(os=NoHints(0))
    with pytest.raises(OutOfMemory, match="T-52"):
        heap.malloc(16)
    with pytest.raises(OutOfMemory, match="T-22"):
        heap.malloc(100_000)
    with pytest.raises(OutOfMemory, match="T-22"):
        heap.malloc(2**63)
    with pytest.raises(OutOfMemory, match="T-21"):
        heap.malloc(2**64 - 8192)


def test_a_marker_with_a_bad_pointer_is_named() -> None:
    heap = Heap()
    dead = heap.malloc(100_000)
    heap.gc()
    heap.step(StartCycle())
    with pytest.raises(Refused, match="T-85"):
        heap.step(MarkObject(0, dead))


def test_special_records_of_no_object_are_named() -> None:
    heap = Heap()
    with pytest.raises(Refused, match="T-40"):
        heap.step(AddSpecial(0, 0xC000000000, "profile"))
    for request in (AddSpecial(0, 0xC000000000), RemoveFinalizer(0, 0xC000000000)):
        with pytest.raises(Refused, match="SetFinalizer: pointer not in allocated block"):
            heap.step(request)
    address = heap.malloc(48)
    heap.step(AddSpecial(0, address, "profile"))
    with pytest.raises(Refused, match="T-42"):
        heap.step(AddSpecial(0, address, "profile"))


def test_a_finalizer_is_refused_in_the_words_of_the_runtime() -> None:
    heap = Heap()
    address, large, tiny = heap.malloc(48), heap.malloc(40_000), heap.malloc(5, noscan=True)
    stack = heap.step(TakeManual(0, 4)).result
    assert stack is not None
    unused = heap.state.pages.runs[stack].base
    dead = heap.malloc(100_000)
    heap.gc([address, large, tiny])
    for request in (AddSpecial, RemoveFinalizer):
        for place, otherwise in (
            (address + 8, "pointer not at beginning of allocated block"),
            (large + 16, "pointer not at beginning of allocated block"),
            (unused, "pointer not in allocated block"),
            (dead, "T-85: found bad pointer"),
            (large + 40_000, "T-85: found bad pointer"),
            (address + 48, "its slot is free"),
        ):
            with pytest.raises(Refused, match=otherwise):
                heap.step(request(0, place))
    heap.step(AddSpecial(0, tiny + 3))
    with pytest.raises(Refused, match="finalizer already set"):
        heap.step(AddSpecial(0, tiny + 3))


def test_stacks_come_from_manual_spans_and_go_back_to_them() -> None:
    heap = Heap(os=NoHints(0))
    with pytest.raises(OutOfMemory, match="T-106: out of memory"):
        heap.step(TakeManual(0, 4))
    heap = Heap()
    span = heap.span_of(heap.malloc(48))
    for stray in (span, 77):
        with pytest.raises(Refused, match="T-105: bad span state"):
            heap.step(FreeManual(0, stray))
    taken = heap.step(TakeManual(0, 8)).result
    assert taken is not None
    heap.step(FreeManual(0, taken))
    with pytest.raises(Refused, match="T-105: bad span state"):
        heap.step(FreeManual(0, taken))


def test_removespecial_looks_for_a_span_itself() -> None:
    with pytest.raises(Refused, match="T-41"):
        heap_span(Heap().state, 0xC000000000, "T-41: removespecial on invalid pointer")


UNREACHABLE = {
    "T-36": "the cut was found to lie above the start just before",
    "T-82": "a page has a multiple of four words",
}
"""Checks that no state can fail, since an earlier one excludes it."""


def test_every_fatal_check_of_the_model_is_provoked_or_out_of_reach() -> None:
    checks = {name for name in definitions_of_rules() if name.startswith("T-")}
    met = {"-".join(name.split("-")[:2]) for name in provoked()}
    by_inputs = {"T-22", "T-40", "T-41", "T-52", "T-85", "T-104", "T-105", "T-106"}
    assert checks - met - by_inputs == set(UNREACHABLE) | {"T-89"}
