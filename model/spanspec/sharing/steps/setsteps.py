"""The steps by which one span moves between caches, span sets and the page heap (VER-4).

This is the protocol of `cachespan`, `caching` and `sweeping` as it is from Go 1.15 on: a sweep
publishes a span before it puts it into its set, a refill puts the full span into its set while the
slot still has it, and takes another out of its set before it is cached.
"""

from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from msgspec.structs import replace

from spanspec.sharing.containers.spansets import (
    FULL,
    PARTIAL,
    Entries,
    SetKind,
    kind_for,
)
from spanspec.sharing.steps.setrecords import (
    COUNTING,
    CREATING,
    EXAMINED,
    FILLED,
    FREEING,
    GROWN,
    HELD,
    IDLE,
    INSTALLING,
    LEAVING,
    LEFT,
    POPPED,
    PUBLISHED,
    SWEEPING,
    SetSpan,
    SetSystem,
    Worker,
)
from spanspec.span.sweepgen import (
    claim_for_sweep,
    enter_cache,
    generation_of_new_span,
    is_cached,
    is_in_mcache,
    is_sweeping,
    is_swept,
    leave_cache,
    needs_sweep,
    next_cycle,
    publish_swept,
)


def changed(
    state: SetSystem, thread: int, worker: Worker, span: SetSpan | None = None
) -> SetSystem:
    """Return a system with another record for a thread, and perhaps for the span."""
    workers = (*state.workers[:thread], worker, *state.workers[thread + 1 :])
    return replace(state, workers=workers, span=span or state.span)


def unswept_entry(span: SetSpan, kind: SetKind) -> bool:
    """Tell whether an unswept set has an entry for the span."""
    entries = span.entries
    return (entries.partial_unswept if kind == PARTIAL else entries.full_unswept) > 0


def pushed(span: SetSpan) -> SetSpan:
    """Return the span with an entry in the swept set that it belongs in."""
    return replace(span, entries=span.entries.with_entry(kind_for(span.has_free, span.large), True))


class SetStep(NamedTuple):
    """A step of a thread: from a system to those that it may leave."""

    name: str
    take: Callable[[SetSystem, int], Iterator[SetSystem]]


def allocate(state: SetSystem, thread: int) -> Iterator[SetSystem]:
    """Take a slot of the cached span; it may be the last.

    Rules: SWP-6 MAL-10.
    """
    it, worker = state.span, state.workers[thread]
    able = worker.task in (IDLE, FILLED) and worker.holds and worker.flushed
    if able and it.has_free and is_cached(state.sweepgen, it.sweepgen):
        for last in (False, True):
            taken = replace(it, has_free=not last, bare=False)
            yield changed(state, thread, replace(worker, task=IDLE), taken)


def uncache(state: SetSystem, thread: int) -> Iterator[SetSystem]:
    """Take the span back from the slot: a full one in a refill, any in a release.

    Rules: SWP-3 MC-4 MC-6 CEN-12 VER-4 T-51.
    """
    it, worker = state.span, state.workers[thread]
    if worker.task == IDLE and worker.holds and not it.bare:
        left = replace(it, sweepgen=leave_cache(state.sweepgen, it.sweepgen))
        sweeps = is_sweeping(state.sweepgen, left.sweepgen)
        task = SWEEPING if sweeps else LEAVING
        yield changed(state, thread, replace(worker, task=task, keeps=False), left)


def push_left(state: SetSystem, thread: int) -> Iterator[SetSystem]:
    """Put an uncached span into its set; the slot still has it.

    Rules: CEN-12 VER-4.
    """
    worker = state.workers[thread]
    if worker.task == LEAVING:
        yield changed(state, thread, replace(worker, task=LEFT), pushed(state.span))


def empty_slot(state: SetSystem, thread: int) -> Iterator[SetSystem]:
    """Empty the slot.

    Rules: MC-4 MC-6.
    """
    worker = state.workers[thread]
    if worker.task == LEFT:
        yield changed(state, thread, replace(worker, task=IDLE, holds=False))


def flush(state: SetSystem, thread: int) -> Iterator[SetSystem]:
    """Note that the P has flushed its cache.

    Rules: MC-7.
    """
    worker = state.workers[thread]
    if worker.task == IDLE and not worker.holds and not worker.flushed:
        yield changed(state, thread, replace(worker, flushed=True))


def is_vacant(worker: Worker) -> bool:
    """Tell whether a thread may look for a span for its slot."""
    return worker.task == IDLE and not worker.holds and worker.flushed


def pop_swept(state: SetSystem, thread: int) -> Iterator[SetSystem]:
    """Take a span with room out of the swept set, for the slot.

    Rules: CEN-3 VER-4.
    """
    it, worker = state.span, state.workers[thread]
    if is_vacant(worker) and it.entries.partial_swept > 0:
        taken = replace(it, entries=it.entries.without(PARTIAL, swept=True))
        yield changed(state, thread, replace(worker, task=HELD), taken)


def pop_unswept(state: SetSystem, thread: int) -> Iterator[SetSystem]:
    """Take a span out of an unswept set, to sweep it, and perhaps to keep it.

    Rules: CEN-3 CEN-4 SWP-11 SWP-15 VER-4.
    """
    it, worker = state.span, state.workers[thread]
    if worker.task != IDLE:
        return
    for kind in (PARTIAL, FULL):
        if unswept_entry(it, kind):
            taken = replace(it, entries=it.entries.without(kind, swept=False))
            for keeps in (False, True) if is_vacant(worker) else (False,):
                yield changed(state, thread, replace(worker, task=POPPED, keeps=keeps), taken)


def claim(state: SetSystem, thread: int) -> Iterator[SetSystem]:
    """Try to claim a popped span; one that is not unswept any more is left alone.

    Rules: SWP-3 SWP-15 CEN-4 T-55.
    """
    it, worker = state.span, state.workers[thread]
    if worker.task != POPPED:
        return
    if it.in_use and needs_sweep(state.sweepgen, it.sweepgen):
        owned = replace(it, sweepgen=claim_for_sweep(state.sweepgen, it.sweepgen))
        yield changed(state, thread, replace(worker, task=SWEEPING), owned)
    else:
        yield changed(state, thread, replace(worker, task=IDLE))


def claim_directly(state: SetSystem, thread: int) -> Iterator[SetSystem]:
    """Claim the span by other means than its set, where it stays listed.

    Rules: SWP-18 SWP-22.
    """
    it, worker = state.span, state.workers[thread]
    if worker.task == IDLE and it.in_use and needs_sweep(state.sweepgen, it.sweepgen):
        owned = replace(it, sweepgen=claim_for_sweep(state.sweepgen, it.sweepgen))
        yield changed(state, thread, replace(worker, task=SWEEPING, keeps=False), owned)


def examine(state: SetSystem, thread: int) -> Iterator[SetSystem]:
    """Make the marks the new allocBits, whatever they say.

    Rules: SWP-24.
    """
    it, worker = state.span, state.workers[thread]
    if worker.task == SWEEPING:
        after = replace(worker, task=EXAMINED)
        yield changed(state, thread, after, replace(it, has_free=not it.large, bare=True))
        yield changed(state, thread, after, replace(it, bare=False))
        yield changed(state, thread, after, replace(it, has_free=not it.large, bare=False))


def publish(state: SetSystem, thread: int) -> Iterator[SetSystem]:
    """Store sg in a span whose sweep is complete.

    Rules: SWP-3 SWP-24 SWP-29 T-60.
    """
    it, worker = state.span, state.workers[thread]
    if worker.task == EXAMINED:
        swept = replace(it, sweepgen=publish_swept(state.sweepgen, it.sweepgen))
        task = FREEING if it.bare and not worker.keeps else PUBLISHED
        yield changed(state, thread, replace(worker, task=task), swept)


def place(state: SetSystem, thread: int) -> Iterator[SetSystem]:
    """Put a swept span into its set, or keep one with room that was swept for the slot.

    Rules: SWP-29 CEN-4 VER-4.
    """
    it, worker = state.span, state.workers[thread]
    if worker.task == PUBLISHED:
        if worker.keeps and it.has_free:
            yield changed(state, thread, replace(worker, task=HELD))
        else:
            task = LEFT if worker.holds else IDLE
            yield changed(state, thread, replace(worker, task=task), pushed(it))


def free(state: SetSystem, thread: int) -> Iterator[SetSystem]:
    """Give the span to the page heap.

    Rules: HEAP-26 SWP-26.
    """
    it, worker = state.span, state.workers[thread]
    if worker.task == FREEING:
        task = LEFT if worker.holds else IDLE
        yield changed(state, thread, replace(worker, task=task), replace(it, in_use=False))


def cache(state: SetSystem, thread: int) -> Iterator[SetSystem]:
    """Give a span that is held the generation of a cached one.

    Rules: SWP-3 MC-4 MC-5 T-53.
    """
    it, worker = state.span, state.workers[thread]
    if worker.task == HELD and it.has_free:
        entered = replace(it, sweepgen=enter_cache(state.sweepgen, it.sweepgen))
        yield changed(state, thread, replace(worker, task=INSTALLING), entered)


def install(state: SetSystem, thread: int) -> Iterator[SetSystem]:
    """Put the span into the slot.

    Rules: MC-4.
    """
    worker = state.workers[thread]
    if worker.task == INSTALLING:
        yield changed(state, thread, replace(worker, task=FILLED, holds=True))


def create(state: SetSystem, thread: int) -> Iterator[SetSystem]:
    """Prepare a descriptor from the page heap, for the slot or for a large object.

    Rules: CEN-7 HEAP-22 SWP-7.
    """
    it, worker = state.span, state.workers[thread]
    if worker.task != IDLE or it.in_use or any(w.task == CREATING for w in state.workers):
        return
    for large in (False, True) if is_vacant(worker) else (True,):
        fresh = replace(
            it,
            large=large,
            sweepgen=generation_of_new_span(state.sweepgen),
            has_free=True,
            bare=True,
        )
        yield changed(state, thread, replace(worker, task=CREATING), fresh)


def use(state: SetSystem, thread: int) -> Iterator[SetSystem]:
    """Let the descriptor be in use.

    Rules: HEAP-22.
    """
    it, worker = state.span, state.workers[thread]
    if worker.task == CREATING:
        task = GROWN if it.large else HELD
        yield changed(state, thread, replace(worker, task=task), replace(it, in_use=True))


def place_large(state: SetSystem, thread: int) -> Iterator[SetSystem]:
    """Put a large span into its set, where the sweeper will find it.

    Rules: MAL-13 VER-4.
    """
    worker = state.workers[thread]
    if worker.task == GROWN:
        yield changed(state, thread, replace(worker, task=COUNTING), pushed(state.span))


def count_large(state: SetSystem, thread: int) -> Iterator[SetSystem]:
    """Count the object of a large span.

    Rules: MAL-12 MAL-13.
    """
    it, worker = state.span, state.workers[thread]
    if worker.task == COUNTING:
        full = replace(it, has_free=False, bare=False)
        yield changed(state, thread, replace(worker, task=IDLE), full)


def start_cycle(state: SetSystem, thread: int) -> Iterator[SetSystem]:
    """Begin a sweep phase with the world stopped: the sets change their roles.

    Rules: SWP-2 SWP-8 SWP-33 MC-12 VER-4.
    """
    it, entries = state.span, state.span.entries
    quiet = all(w.task == IDLE and w.flushed for w in state.workers)
    drained = entries.partial_unswept + entries.full_unswept == 0
    sg = state.sweepgen
    swept = not it.in_use or is_swept(sg, it.sweepgen) or is_cached(sg, it.sweepgen)
    if thread == 0 and quiet and drained and swept:
        turned = Entries(0, 0, entries.partial_swept, entries.full_swept)
        yield SetSystem(
            next_cycle(sg),
            replace(it, entries=turned),
            tuple(replace(worker, flushed=False) for worker in state.workers),
        )


STEPS: Final = tuple(
    SetStep(take.__name__, take)
    for take in (
        allocate, uncache, push_left, empty_slot, flush, pop_swept, pop_unswept, claim,
        claim_directly, examine, publish, place, free, cache, install, create, use, place_large,
        count_large, start_cycle,
    )
)  # fmt: skip
"""Every step."""


def is_in_cache(state: SetSystem) -> bool:
    """Tell whether the span has the generation of a cached one exactly if a slot has it.

    Rules: I-19 MC-13.
    """
    it = state.span
    held = is_in_mcache(state.sweepgen, it.sweepgen)
    return not it.in_use or held == any(worker.holds for worker in state.workers)
