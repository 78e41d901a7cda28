"""What threads share of a span, and what it is to the heap: the bond between the two systems.

It is apart from `simulation`, so that a step that is not about threads does not rest on what they
do.
"""

from typing import cast

import z3

from spanproof.prove.lemmas import ShownOfSteps
from spanproof.prove.proof import Proof
from spanproof.theorems.objects.simulation.heaps import Whole, is_in_use
from spanproof.theorems.objects.simulation.simulation import ClaimedHeap
from spanproof.theorems.sharing.steps.order import has_swept_slots
from spanspec.base.ids import SpanId, ThreadId
from spanspec.sharing.tables.records import Sharing


def shared_id(span: SpanId) -> SpanId:
    """The identity under which threads share a descriptor: 0 is that of none."""
    return SpanId(span + 1)


def told_alike(heap: Whole, state: Sharing, span: SpanId) -> bool:
    """Threads are told of a span what it is: whether it is in use, and was swept in this cycle."""
    used = is_in_use(heap.tiling, span)
    shared = shared_id(span)
    return state.spans[shared].in_use == used and (
        not used or has_swept_slots(state, shared) == (heap.swept_in[span] == heap.cycle)
    )


def works_with(heap: Whole, state: Sharing, thread: ThreadId, span: SpanId) -> bool:
    """A thread is at work with a span."""
    return state.threads[thread].span == shared_id(span)


def threads(scene: ClaimedHeap, *spans: z3.ExprRef) -> Sharing:
    """What threads share of spans, which is what they are told of them."""
    p = scene.p
    state = p.fresh(Sharing, "threads")
    assert isinstance(state, Sharing)
    p.assume(*(p.holds(told_alike, scene.heap, state, span) for span in spans))
    return state


def show_told(
    scene: ClaimedHeap,
    shown: ShownOfSteps,
    state: Sharing,
    after: Whole,
    span: z3.ExprRef,
    *chosen: z3.ExprRef,
) -> None:
    """Build on what a step of threads does to a span; claim that they are told what it is."""
    p = scene.p
    then = p.fresh(Sharing, "threads_then")
    assert isinstance(then, Sharing)
    p.rely(shown, state, then, *chosen, shared(p, span))
    p.show("threads are told", p.holds(told_alike, after, then, span))


def show_told_by_its_thread(
    scene: ClaimedHeap, shown: ShownOfSteps, after: Whole, span: z3.ExprRef
) -> None:
    """Claim that threads are told of a span with which one of them is at work, by a step of its."""
    p = scene.p
    thread = cast(z3.ExprRef, p.fresh(ThreadId, "thread"))
    state = threads(scene, span)
    p.assume(p.holds(works_with, scene.heap, state, thread, span))
    show_told(scene, shown, state, after, span, thread)


def shared(p: Proof, span: z3.ExprRef) -> z3.ExprRef:
    """The identity under which threads share a descriptor."""
    return cast(z3.ExprRef, p.call(shared_id, span))
