"""What is measured of heaps is what was done: by object, by page, by operation."""

from multiprocessing.heap import Heap as StandardHeap
from types import SimpleNamespace

import pytest

import spanalloc
from spanalloc import Heap
from spanbench.areas import calls, pagegrowth, rates
from spanbench.areas.fuzzing import by_engine
from spanbench.measuring.child import in_child
from spanbench.others.plainmachine import by_state_machine
from spanproof.fuzz.heapsides import State
from spanproof.fuzz.programs.heapprogram import HeapProgram
from spanproof.fuzz.sides.spanallocheap import SpanallocHeap
from spanproof.support.tools import Missing


def test_a_fragmented_heap_has_as_many_free_spans_as_it_says() -> None:
    fragmented = pagegrowth.Fragmented(100)
    assert fragmented.heap.statistics().free_spans == 100
    assert fragmented.sample() > 0
    assert 1 <= fragmented.heap.statistics().free_spans < 100


def test_batches_are_measured_by_object_on_both_heaps() -> None:
    with Heap() as heap:
        assert calls.spanalloc_batch(heap) > 0
        assert heap.statistics().heap_live == 0
    assert calls.standard_batch(StandardHeap()) > 0


def test_interpreted_figures_insist_on_running_interpreted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("spanalloc.COMPILED", True)
    with pytest.raises(RuntimeError, match="is compiled"):
        calls.interpreted_batches("quick")
    monkeypatch.setattr("spanalloc.COMPILED", False)
    with pytest.raises(Missing, match="C compiler"):
        calls.need_compiled()


def test_bookkeeping_grows_with_the_spans() -> None:
    done = in_child("spanbench.areas.bookkeeping:growth", "8192", "1", "512")
    assert 0 < done["bytes"] < 8192


@pytest.mark.parametrize(("task", "amount"), [("simulate", "20"), ("fuzz", "5")])
def test_rates_are_those_of_work_that_was_done(task: str, amount: str) -> None:
    work = rates.simulate if task == "simulate" else rates.fuzz
    assert work(amount)["seconds"] > 0


def test_the_plain_machine_does_the_operations_that_the_engine_does() -> None:
    programs, calls = by_state_machine(0, 3)
    assert calls > 0
    assert by_engine(programs, 0) == calls


def test_the_plain_machine_compares_the_whole_state_after_each_operation(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Lies(SpanallocHeap):
        def state(self) -> State:
            return {**super().state(), "cycles": -1}

    def lying(program: HeapProgram) -> SpanallocHeap:
        return Lies(program, SimpleNamespace(**vars(spanalloc)))

    monkeypatch.setattr("spanbench.others.plainmachine.installed", lying)
    with pytest.raises(AssertionError):
        by_state_machine(0, 3)
