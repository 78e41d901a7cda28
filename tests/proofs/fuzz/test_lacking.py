"""A heap that lacks something, or is bounded, is asked for nothing of that, and may agree."""

from collections.abc import Iterator
from typing import get_args

import pytest

from spanproof.fuzz.engine.target import of_heap, within
from spanproof.fuzz.levels.answeringheap import AnsweringHeap
from spanproof.fuzz.levels.lacking import STEPS, bounded
from spanproof.fuzz.levels.remoteheap import RemoteHeaps
from spanproof.fuzz.lockstep.divergence import Run
from spanproof.fuzz.programs.choices import FromBytes, seeded
from spanproof.fuzz.programs.heapgrammar import heap_program
from spanproof.fuzz.programs.heapprogram import HeapProgram, Malloc, TakeManual, Together
from spanproof.fuzz.sides.spanallocheap import installed
from spanproof.protocol.lacks import CALLS, can_be_asked
from spanproof.protocol.messages import (
    Ask,
    Call,
    Greeting,
    HeapCall,
    Lack,
    LackOfHeap,
    NewHeap,
)

LACKS = get_args(LackOfHeap)


class Lacking(AnsweringHeap):
    """A heap that says that it lacks something."""

    def __init__(self, *lacks: Lack, largest: int = (1 << 64) - 1) -> None:
        super().__init__(installed)
        told = super().greeted()
        self._says = Greeting(
            n=0,
            protocol=told.protocol,
            name="lacking",
            levels=["heap"],
            shows=["results", "events", "state"],
            calls=told.calls,
            lacks=list(lacks),
            largest=largest,
        )

    def greeted(self) -> Greeting:
        """Return what it says of itself."""
        return self._says


def run(heap: Lacking, program: HeapProgram) -> Run:
    """Run a program on a heap as a campaign does."""
    target = within(of_heap(RemoteHeaps(heap)), heap.greeted)
    return target.attempt(program, lambda step: None, False)


def asked_of(heap: Lacking) -> Iterator[Ask]:
    """Yield what a heap was asked."""
    for request, _ in heap.exchange:
        yield request


@pytest.mark.parametrize("lack", LACKS)
def test_it_is_not_asked_for_what_it_lacks(lack: Lack) -> None:
    heap, whole = Lacking(lack), Lacking()
    for number in range(25):
        program = heap_program(FromBytes(seeded(number)))
        divergence = run(heap, program).divergence
        assert divergence is None, divergence.render()
        run(whole, program)
    assert all(can_be_asked(one, [lack]) for one in asked_of(heap))
    assert not all(can_be_asked(one, [lack]) for one in asked_of(whole))


def test_a_heap_that_lacks_all_has_malloc_and_a_flush_alone() -> None:
    heap = Lacking(*LACKS)
    for number in range(25):
        run(heap, heap_program(FromBytes(seeded(number))))
    calls = {one.call for one in asked_of(heap) if isinstance(one, HeapCall)}
    assert calls == {"malloc", "flush_caches"}
    begun = {(one.procs, one.physical) for one in asked_of(heap) if isinstance(one, NewHeap)}
    assert begun == {(1, 4096)}


def test_no_object_is_larger_than_it_says() -> None:
    heap = Lacking(largest=100_000)
    run(heap, HeapProgram((Malloc(1 << 40), TakeManual(512))))
    asks = [one for one in asked_of(heap) if isinstance(one, HeapCall)]
    assert [(one.bytes, one.npages) for one in asks] == [(100_000, 0), (0, 12)]
    together = bounded(Together((Malloc(1 << 20),)), 100_000)
    assert together == Together((Malloc(100_000),))


def test_a_campaign_draws_nothing_that_it_lacks() -> None:
    heap = Lacking("cycles", "procs")
    target = within(of_heap(RemoteHeaps(heap)), heap.greeted)
    for number in range(25):
        program = target.grammar(FromBytes(seeded(number)))
        assert not any(isinstance(step, STEPS["cycles"]) for step in program.steps)
        assert program.procs == 1
        assert {getattr(step, "p", 0) for step in program.steps} <= {0}
    exercised = target.attempt(program, lambda step: None, False).exercised
    assert exercised["lacks se"] == exercised["lacks refusals"] == 1


def test_each_call_can_be_lacking_but_two() -> None:
    left_out = {call for calls in CALLS.values() for call in calls}
    assert set(get_args(Call)) - left_out == {"malloc", "flush_caches"}
    assert left_out <= set(get_args(Call))
