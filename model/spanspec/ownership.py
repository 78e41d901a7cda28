"""Who owns a span: the sweepgen protocol as a system of spans, cache slots and sweepers.

There are any number of each. A transition names the identities that take part and applies the
one-span rules of `sweepgen` to their records; every other record stays as it is. The fields
`cacher`, `sweeper` and `swept_at` of a span exist for the argument only: they name the witness
of each "there is an owner", and the cycle in which the span was last swept or allocated.

Rules SWP-1 to SWP-5 and SWP-36, MC-4, MC-12, MC-13, CEN-12, CONC-5.
"""

from typing import Final

from msgspec.structs import replace

from spanspec.records import Record
from spanspec.sweepgen import (
    claim_for_sweep,
    enter_cache,
    generation_of_new_span,
    is_cached,
    is_legal,
    is_legal_between_cycles,
    is_stale,
    is_sweeping,
    is_swept,
    leave_cache,
    needs_sweep,
    next_cycle,
    publish_swept,
    retire_full,
)
from spanspec.tables import SlotId, SpanId, SweeperId, Table
from spanspec.words import M32, U32

NO_SPAN: Final = SpanId(0)
"""The span of an empty cache slot or an idle sweeper; never the identity of a real span."""


class OwnedSpan(Record, frozen=True):
    """The part of a span that ownership is about."""

    in_use: bool
    sweepgen: U32
    cacher: SlotId
    sweeper: SweeperId
    swept_at: U32


class CacheSlot(Record, frozen=True):
    """One slot of an mcache, and the cycle at which its P last flushed (flushGen)."""

    span: SpanId
    flush_gen: U32


class Sweeper(Record, frozen=True):
    """A thread, and the span that it is sweeping."""

    span: SpanId


class Ownership(Record, frozen=True):
    """The heap's sweepgen, and all spans, cache slots and sweepers."""

    sweepgen: U32
    spans: Table[SpanId, OwnedSpan]
    slots: Table[SlotId, CacheSlot]
    sweepers: Table[SweeperId, Sweeper]


# --- what always holds ------------------------------------------------------------------------


def span_is_owned(state: Ownership, span: SpanId) -> bool:
    """Tell whether one span is legal, and its owner, if its generation implies one, exists.

    Rules: SWP-5 CONC-5 I-22.
    """
    it = state.spans[span]
    sg = state.sweepgen
    if not it.in_use:
        return True
    swept = is_swept(sg, it.sweepgen) or is_cached(sg, it.sweepgen)
    return (
        span != NO_SPAN
        and is_legal(sg, it.sweepgen)
        and (not is_sweeping(sg, it.sweepgen) or state.sweepers[it.sweeper].span == span)
        and (
            not (is_stale(sg, it.sweepgen) or is_cached(sg, it.sweepgen))
            or state.slots[it.cacher].span == span
        )
        and it.swept_at == (sg if swept else (sg - 2) & M32)
    )


def slot_is_owner(state: Ownership, slot: SlotId) -> bool:
    """Tell whether one cache slot is empty, or the only owner of a span in its generation.

    Rules: MC-13 I-21 I-35.
    """
    it = state.slots[slot]
    sg = state.sweepgen
    flushed = it.flush_gen == sg
    if not (flushed or it.flush_gen == (sg - 2) & M32):
        return False
    if it.span == NO_SPAN:
        return True
    cached = state.spans[it.span]
    return (
        cached.in_use
        and cached.cacher == slot
        and (is_cached(sg, cached.sweepgen) if flushed else is_stale(sg, cached.sweepgen))
    )


def sweeper_is_owner(state: Ownership, sweeper: SweeperId) -> bool:
    """Tell whether one sweeper is idle, or the only owner of a span at sg-1.

    Rules: SWP-1 CONC-5.
    """
    it = state.sweepers[sweeper]
    if it.span == NO_SPAN:
        return True
    swept = state.spans[it.span]
    return swept.in_use and swept.sweeper == sweeper and is_sweeping(state.sweepgen, swept.sweepgen)


def ownership_holds(state: Ownership) -> bool:
    """Tell whether the whole system is legal: the inductive invariant of the protocol.

    Rules: SWP-2 SWP-5 MC-13 CONC-5.
    """
    return (
        state.sweepgen % 2 == 0
        and all(span_is_owned(state, span) for span in state.spans)
        and all(slot_is_owner(state, slot) for slot in state.slots)
        and all(sweeper_is_owner(state, sweeper) for sweeper in state.sweepers)
    )


def all_swept(state: Ownership) -> bool:
    """Tell whether the next cycle may begin: nothing to sweep, being swept, or unflushed.

    Rules: SWP-4 MC-12 I-24.
    """
    return all(
        not state.spans[span].in_use
        or is_legal_between_cycles(state.sweepgen, state.spans[span].sweepgen)
        for span in state.spans
    ) and all(state.slots[slot].flush_gen == state.sweepgen for slot in state.slots)


# --- transitions: `may_...` is the guard, asserts inside are proved from guard and invariant ----


def may_allocate(state: Ownership, span: SpanId) -> bool:
    """Guard: the descriptor is real and not in use."""
    return span != NO_SPAN and not state.spans[span].in_use


def allocate_span(state: Ownership, span: SpanId) -> Ownership:
    """Take a span from the page heap (SWP-3, HEAP-22)."""
    fresh = replace(
        state.spans[span],
        in_use=True,
        sweepgen=generation_of_new_span(state.sweepgen),
        swept_at=state.sweepgen,
    )
    return replace(state, spans=state.spans.set(span, fresh))


def may_cache(state: Ownership, slot: SlotId, span: SpanId) -> bool:
    """Guard: the slot is empty, its P has flushed, and the span is swept and uncached."""
    it = state.spans[span]
    return (
        state.slots[slot].span == NO_SPAN
        and state.slots[slot].flush_gen == state.sweepgen
        and it.in_use
        and is_swept(state.sweepgen, it.sweepgen)
    )


def cache_span(state: Ownership, slot: SlotId, span: SpanId) -> Ownership:
    """Install a swept span in an empty cache slot: the end of refill (MC-4)."""
    it = state.spans[span]
    cached = replace(it, sweepgen=enter_cache(state.sweepgen, it.sweepgen), cacher=slot)
    return replace(
        state,
        spans=state.spans.set(span, cached),
        slots=state.slots.set(slot, replace(state.slots[slot], span=span)),
    )


def may_retire(state: Ownership, slot: SlotId) -> bool:
    """Guard: the slot holds a span, and its P has flushed (it allocates)."""
    it = state.slots[slot]
    return it.span != NO_SPAN and it.flush_gen == state.sweepgen


def retire_span(state: Ownership, slot: SlotId) -> Ownership:
    """Let go of a full cached span: the beginning of refill (MC-4)."""
    span = state.slots[slot].span
    it = state.spans[span]
    full = replace(it, sweepgen=retire_full(state.sweepgen, it.sweepgen))
    return replace(
        state,
        spans=state.spans.set(span, full),
        slots=state.slots.set(slot, replace(state.slots[slot], span=NO_SPAN)),
    )


def may_uncache(state: Ownership, slot: SlotId, sweeper: SweeperId) -> bool:
    """Guard: the slot holds a span, and the thread that flushes it sweeps nothing else."""
    return state.slots[slot].span != NO_SPAN and state.sweepers[sweeper].span == NO_SPAN


def uncache_span(state: Ownership, slot: SlotId, sweeper: SweeperId) -> Ownership:
    """Take a span out of a cache; a stale one is from then on swept by that thread (CEN-12)."""
    span = state.slots[slot].span
    it = state.spans[span]
    stale = is_stale(state.sweepgen, it.sweepgen)
    left = replace(it, sweepgen=leave_cache(state.sweepgen, it.sweepgen), sweeper=sweeper)
    busy = Sweeper(span) if stale else state.sweepers[sweeper]
    return replace(
        state,
        spans=state.spans.set(span, left),
        slots=state.slots.set(slot, replace(state.slots[slot], span=NO_SPAN)),
        sweepers=state.sweepers.set(sweeper, busy),
    )


def may_flush(state: Ownership, slot: SlotId) -> bool:
    """Guard: the slot has been emptied."""
    return state.slots[slot].span == NO_SPAN


def flush_slot(state: Ownership, slot: SlotId) -> Ownership:
    """Note that an emptied cache slot has been flushed for this cycle (MC-7)."""
    flushed = replace(state.slots[slot], flush_gen=state.sweepgen)
    return replace(state, slots=state.slots.set(slot, flushed))


def may_claim(state: Ownership, span: SpanId, sweeper: SweeperId) -> bool:
    """Guard: the span needs sweeping, and the sweeper is idle."""
    return (
        state.spans[span].in_use
        and needs_sweep(state.sweepgen, state.spans[span].sweepgen)
        and state.sweepers[sweeper].span == NO_SPAN
    )


def claim_span(state: Ownership, span: SpanId, sweeper: SweeperId) -> Ownership:
    """Win the compare-and-swap from sg-2 to sg-1 (SWP-3, SWP-15)."""
    it = state.spans[span]
    claimed = replace(it, sweepgen=claim_for_sweep(state.sweepgen, it.sweepgen), sweeper=sweeper)
    return replace(
        state,
        spans=state.spans.set(span, claimed),
        sweepers=state.sweepers.set(sweeper, Sweeper(span)),
    )


def may_publish(state: Ownership, sweeper: SweeperId) -> bool:
    """Guard: the sweeper has a span."""
    return state.sweepers[sweeper].span != NO_SPAN


def publish_span(state: Ownership, sweeper: SweeperId, dead: bool) -> Ownership:
    """End a sweep: the span is swept, or, if nothing in it lives, back in the page heap.

    Rules: SWP-3 SWP-24 SWP-26.
    """
    span = state.sweepers[sweeper].span
    it = state.spans[span]
    swept = replace(
        it,
        in_use=not dead,
        sweepgen=publish_swept(state.sweepgen, it.sweepgen),
        swept_at=state.sweepgen,
    )
    return replace(
        state,
        spans=state.spans.set(span, swept),
        sweepers=state.sweepers.set(sweeper, Sweeper(NO_SPAN)),
    )


def start_sweep_phase(state: Ownership) -> Ownership:
    """Raise the heap's sweepgen with the world stopped; the guard is `all_swept` (SWP-2, SWP-35).

    No span is touched: what was swept now needs sweeping, what was cached is now stale.
    """
    return replace(state, sweepgen=next_cycle(state.sweepgen))
