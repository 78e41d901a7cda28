"""Invariants of lists, caches and sweeping (I-19 to I-28)."""

from collections.abc import Iterator

from spanspec.base.constants import size_class_of
from spanspec.base.words import M32
from spanspec.heap.state.collector import OFF
from spanspec.heap.state.state import HeapState
from spanspec.invariants.registry import When, invariant, span_invariant
from spanspec.sharing.invariant.meeting import records_meet
from spanspec.sharing.steps.cycle import nothing_under_way
from spanspec.sharing.tables.records import NO_SPAN
from spanspec.span.listing import EMPTY, NONEMPTY, NOWHERE
from spanspec.span.mspan import IN_USE, Mspan
from spanspec.span.sweepgen import (
    is_cached,
    is_legal,
    is_legal_between_cycles,
    is_stale,
    is_sweeping,
    needs_sweep,
)


def cached_spans(state: HeapState) -> dict[int, list[tuple[int, int]]]:
    """Return, for each cached span, the mcache and span class of each place it is in."""
    places: dict[int, list[tuple[int, int]]] = {}
    # In one pass over the slots, as most of them are empty.
    for slot in state.slots.values():
        if slot.span != NO_SPAN and slot.proc in state.mcaches:
            places.setdefault(slot.span - 1, []).append((slot.proc, slot.spanclass))
    return places


@invariant("I-19")
def lists(state: HeapState) -> Iterator[str]:
    """Nonempty spans have room, empty ones are full or cached, large ones are in no list.

    Rules: I-19 SPAN-29 MC-13 CEN-16.
    """
    cached = cached_spans(state)
    for span, record in state.spans.items():
        it = state.shared(span)
        where = it.place
        if not records_meet(it, record):
            yield f"span {span}: what is shared of it does not agree with its slots"
        full = record.alloc_count == record.nelems
        if size_class_of(record.spanclass) == 0:
            if where != NOWHERE:
                yield f"span {span}: large, and in a list"
            continue
        central = state.central[record.spanclass]
        if where == NONEMPTY and span in central.nonempty:
            if full or span in cached:
                yield f"span {span}: nonempty, and {'full' if full else 'cached'}"
        elif where == EMPTY and span in central.empty:
            if not full and span not in cached:
                yield f"span {span}: empty, and neither full nor cached"
        else:
            yield f"span {span}: in neither list of its class"
    for span, places in cached.items():
        cached_record, generation = state.spans.get(span), state.generation(span)
        for identity, spanclass in places:
            if cached_record is None or cached_record.spanclass != spanclass:
                yield f"mcache {identity}: span {span} is not one of class {spanclass}"
                continue
            flushed = state.flush_gen(identity) == state.sweepgen
            good = is_cached if flushed else is_stale
            if not good(state.sweepgen, generation):
                yield f"mcache {identity}: span {span} has sweepgen {generation}"


@invariant("I-20", When.ALWAYS)
def own_class(state: HeapState) -> Iterator[str]:
    """A listed span is in use, and in a list of its own class (I-20)."""
    for spanclass, central in state.central.used():
        for which in (central.nonempty, central.empty):
            for span in which:
                record, it = state.spans.get(span), state.shared(span)
                if record is None or record.spanclass != spanclass or it.central != spanclass:
                    yield f"span {span}: in a list of class {spanclass}"


@invariant("I-21", When.ALWAYS)
def one_cache(state: HeapState) -> Iterator[str]:
    """A span is in at most one cache slot (I-21)."""
    for span, places in cached_spans(state).items():
        if len(places) > 1:
            yield f"span {span}: in {len(places)} cache slots"


@span_invariant("I-22", When.ALWAYS)
def legal_generations(state: HeapState, span: int, record: Mspan) -> str | None:
    """Every in-use span is in one of the five states of sweepgen (I-22)."""
    generation = state.generation(span)
    if not is_legal(state.sweepgen, generation):
        return f"span {span}: sweepgen {generation} with the heap at {state.sweepgen}"
    return None


@invariant("I-23")
def buffers(state: HeapState) -> list[str]:
    """Swept spans are in the swept buffer once, unswept ones in the other once (I-23)."""
    told: list[str] = []
    swept = state.swept.spans()
    once, waiting = set(swept), set(state.unswept.spans())
    counts = {span: swept.count(span) for span in swept} if len(swept) != len(once) else {}
    for span in state.spans:
        generation = state.generation(span)
        if is_legal_between_cycles(state.sweepgen, generation):
            if span not in once or (counts and counts.get(span, 1) != 1):
                told.append(f"span {span}: swept, and not once in the swept buffer")
        elif needs_sweep(state.sweepgen, generation) and span not in waiting:
            told.append(f"span {span}: unswept, and not in the unswept buffer")
    for span in once:
        if state.pages.runs[span].state != IN_USE:
            told.append(f"span {span}: in the swept buffer, and not in use")
    for buffer in state.buffers:
        if buffer.reserved:
            told.append("a sweep buffer has a place that nobody has filled")
    return told


@span_invariant("I-24")
def sweep_done(state: HeapState, span: int, record: Mspan) -> str | None:
    """Once sweeping is done, nothing is left to sweep (I-24)."""
    if not state.sweepdone:
        return None
    if needs_sweep(state.sweepgen, state.generation(span)):
        return f"span {span}: unswept, and sweeping is done"
    return None


@span_invariant("I-25")
def no_sweep_while_marking(state: HeapState, span: int, record: Mspan) -> str | None:
    """While marking, every in-use span is swept (I-25, SWP-40, T-91)."""
    if state.phase == OFF:
        return None
    if not is_legal_between_cycles(state.sweepgen, state.generation(span)):
        return f"span {span}: sweepgen {state.generation(span)} while marking"
    return None


@invariant("I-26")
def nobody_sweeps(state: HeapState) -> Iterator[str]:
    """With the world stopped nobody is in the middle of a sweep (I-26)."""
    for span in state.spans:
        if is_sweeping(state.sweepgen, state.generation(span)):
            yield f"span {span}: still being swept"
    if not nothing_under_way(state.sharing):
        yield "a thread is in the middle of something"


@span_invariant("I-27", follows="I-2")
def alive_is_allocated(state: HeapState, span: int, record: Mspan) -> str | None:
    """After a sweep exactly the marked slots were kept: freeindex starts over (I-27)."""
    kept = record.alloc_bits.count(record.nelems)
    if kept > record.alloc_count:
        return f"span {span}: {kept} slots were kept, {record.alloc_count} are allocated"
    return None


@invariant("I-28")
def pages_swept(state: HeapState) -> Iterator[str]:
    """No page is swept twice in a cycle, and in the end every page was swept (I-28)."""
    total = state.progress.pages_to_sweep
    if state.progress.pages_swept > total:
        yield f"{state.progress.pages_swept} pages were swept, {total} were in use"
    flushed = all(state.flush_gen(mcache) == state.sweepgen for mcache in state.mcaches)
    if state.sweepdone and flushed and state.sweepgen > 0 and state.progress.pages_swept != total:
        yield f"{state.progress.pages_swept} of {total} pages were swept"


@invariant("I-35")
def flush_generations(state: HeapState) -> Iterator[str]:
    """A cache was flushed in this cycle or the one before; all of them, to start one (I-35)."""
    legal = (state.sweepgen, (state.sweepgen - 2) & M32)
    for identity in state.mcaches:
        flush_gen = state.flush_gen(identity)
        if flush_gen not in legal:
            yield f"mcache {identity}: flushGen {flush_gen}"
        elif state.phase != OFF and flush_gen != state.sweepgen:
            yield f"mcache {identity}: not flushed, and a cycle has started"
