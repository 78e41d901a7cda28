"""What a course does while others are at it: whom it waits for, and what it leaves to them."""

from collections import Counter
from collections.abc import Iterator

from spanproof.prove.assumptions import SMALL_SCOPE
from spanproof.prove.exploration import Ran, explored
from spanproof.simulate.exhaustive.trying import promise
from spanproof.theorems.cases import every_case
from spanspec.base.ids import SpanId
from spanspec.events.span_events import SweepDone, SweepResult
from spanspec.heap.courses.course import Waits
from spanspec.heap.courses.sweeping import ensure_swept, finish_sweeping, sweepone
from spanspec.heap.courses.sweepspan import sweep_span
from spanspec.heap.decisions import Decisions
from spanspec.heap.heap import Heap
from spanspec.heap.program import FinishCycle, FlushMcaches, MarkObject, StartCycle, SweepOne
from spanspec.heap.state.advancing import advance
from spanspec.heap.state.sweepers import BEGIN_POPPING, END_POPPING
from spanspec.heap.state.taking import take
from spanspec.pages.pageheap import Actor
from spanspec.pages.tables.records import is_listed
from spanspec.sharing.steps.steps import CLAIM_DIRECTLY
from spanspec.sharing.tables.growing import span_id

FIRST, OTHER = Actor(0, 0), Actor(0, 1)
"""Who waits, and for whom."""

MOST_LOOKS = 100
"""Looks of a course that waits: who takes no step between two of them spins for ever."""


class Impatient(Decisions):
    """Decisions that are asked a few times, and by who spins too often."""

    def __init__(self) -> None:
        super().__init__()
        self.looks = 0

    def seen_generation(self, span: int) -> int:
        """Return the span's sweepgen."""
        self._look()
        return super().seen_generation(span)

    def seen_sweepers(self) -> frozenset[int]:
        """Return who sweeps."""
        self._look()
        return super().seen_sweepers()

    def _look(self) -> None:
        self.looks += 1
        promise(self.looks <= MOST_LOOKS, "CONC-4: a course spins, and nobody can go on")


def to_be_swept(decisions: Decisions) -> tuple[Heap, int]:
    """Return a heap with a dead object of five pages, which is not swept; and its span."""
    heap = Heap(decisions=decisions)
    span = heap.span_of(heap.malloc(40_000))
    for request in (FlushMcaches(), StartCycle(), FinishCycle()):
        heap.step(request)
    return heap, span


def waits(course: Iterator[object]) -> Waits:
    """Return what a course waits for, which is what it does next."""
    step = next(course)
    assert isinstance(step, Waits), f"{step}, where it waits"
    return step


def for_the_sweep_of_a_span(met: Counter[str]) -> None:
    """Who needs a span swept that another thread has claimed waits until that sweep is complete."""
    heap, span = to_be_swept(Impatient())
    state = heap.state
    thread = state.thread_of(OTHER)
    take(state, CLAIM_DIRECTLY, thread, span_id(span))
    course = ensure_swept(state, FIRST, span)
    wait = waits(course)
    promise(not wait.until(), "SWP-18: the other has just begun")
    for _ in sweep_span(state, OTHER, thread, span, preserve=False):
        pass
    promise(wait.until(), "SWP-18: the other has swept it")
    promise(next(course, None) is None, "SWP-18: nothing is left to be done")
    met["wait"] += 1


def for_all_sweepers(met: Counter[str]) -> None:
    """Who completes a collection waits until nobody sweeps any more, or another cycle began."""
    for ends in ("they are done", "another cycle"):
        heap, _ = to_be_swept(Impatient())
        heap.sweep()
        state = heap.state
        advance(state, BEGIN_POPPING, OTHER.thread)
        course = finish_sweeping(state, FIRST)
        told = [step for step in (next(course),) if not isinstance(step, Waits)]
        promise(not told, f"SWP-38: {told} although all is swept")
        wait = waits(finish_sweeping(state, FIRST))
        promise(not wait.until(), "SWP-38: one still sweeps")
        if ends == "they are done":
            advance(state, END_POPPING, OTHER.thread)
        else:
            heap.step(StartCycle())
        promise(wait.until(), f"SWP-38: it waits, although {ends}")
        met["wait"] += 1


class Early(Decisions):
    """Decisions of a thread that sees the sweep of each span as complete."""

    def seen_generation(self, span: int) -> int:
        """Return the heap's sweepgen."""
        return self.state.sweepgen


def a_store_that_is_seen_first(met: Counter[str]) -> None:
    """Who walks a list may see that a sweep is complete before its own thread goes on: the span is
    taken all the same, as it was swept.
    """
    decisions = Early()
    heap = Heap(decisions=decisions)
    live = heap.malloc(4096)
    heap.step(FlushMcaches())
    heap.step(StartCycle())
    heap.step(MarkObject(0, live))
    heap.step(FinishCycle())
    sweeping = sweepone(heap.state, OTHER, "bg")
    while not isinstance(next(sweeping), SweepResult):
        pass
    address = heap.malloc(4096)
    span = heap.span_of(live)
    promise(heap.span_of(address) == span, "CEN-3: the span that was swept is passed over")
    promise(heap.state.generation(span) == heap.state.sweepgen + 3, "SWP-29: it is cached")
    met["seen"] += 1


class Late(Decisions):
    """Decisions of a thread that takes a place after all others: it finds the stack drained."""

    def place_to_pop(self, buffer: int) -> int:
        """Return the place below the first."""
        return -1


def a_drained_stack(met: Counter[str]) -> None:
    """Who takes a place below the first leaves a stack that begins there, whoever is at work."""
    heap, _ = to_be_swept(Late())
    before = heap.state.unswept.index
    pages = heap.step(SweepOne()).result
    after = heap.state.unswept.index
    promise((before, after) == (1, 0), f"SWP-11: the index is {after} after {before}")
    promise(pages is None and heap.state.sweepdone, f"SWP-16: {pages} pages")
    met["drained"] += 1


def who_is_counted(met: Counter[str]) -> None:
    """Who pops a span to sweep it counts as a sweeper from then on, until it has swept it; that all
    is swept is so when it is told.
    """
    heap, _ = to_be_swept(Decisions())
    state = heap.state
    for _ in range(2):
        for event in sweepone(state, OTHER, "bg"):
            counted, done = state.sweepers == {OTHER.thread}, isinstance(event, SweepDone)
            promise(counted, f"SWP-15: {state.sweepers} sweep at {event}")
            promise(state.sweepdone == done, f"SWP-16: all is swept at {event}: {state.sweepdone}")
        promise(not state.sweepers, f"SWP-15: {state.sweepers} sweep at the end")
    met["counted"] += state.sweepdone


def credit_of(heap: Heap) -> int:
    """Return the pages that are credit."""
    return heap.state.progress.reclaim_credit


def credit_for_others(met: Counter[str]) -> None:
    """The pages of a span that a sweep gives back, for nobody, are credit for who reclaims next, as
    soon as they are free, and not before.
    """
    heap, span = to_be_swept(Decisions())
    for _ in heap.begin(SweepOne()):
        free, credit = is_listed(heap.state.pages.tiling, SpanId(span)), credit_of(heap)
        promise(credit == (5 if free else 0), f"SWP-15: a credit of {credit} pages: free {free}")
    promise(credit_of(heap) == 5, f"SWP-23: a credit of {credit_of(heap)} pages")
    heap, span = to_be_swept(Decisions())
    for _ in ensure_swept(heap.state, FIRST, span):
        pass
    credit = credit_of(heap)
    promise(credit == 0, f"SWP-23: a credit of {credit} pages of a span that was to be swept")
    met["credit"] += 1


@explored(
    "courses.meanwhile",
    "SWP-11 SWP-15 SWP-16 SWP-18 SWP-23 SWP-29 SWP-38 CEN-3 CONC-4",
    needs="wait seen drained counted credit",
    assumes=(SMALL_SCOPE,),
)
def who_waits_and_for_whom() -> Ran:
    """A course that needs the sweep of a span, or of all, waits while another thread is at it, and
    no longer; who sees that it is complete goes on. Who finds the stack drained leaves it so, and
    what a sweep frees for nobody is credit once it is free.
    """
    return every_case(
        (
            ("the sweep of a span", for_the_sweep_of_a_span),
            ("all sweepers", for_all_sweepers),
            ("a store that is seen first", a_store_that_is_seen_first),
            ("a drained stack", a_drained_stack),
            ("who is counted", who_is_counted),
            ("credit for others", credit_for_others),
        )
    )
