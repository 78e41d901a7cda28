"""The page reclaimer: as many pages are swept free as are allocated (SWP-21 to SWP-23)."""

from spanspec.base.constants import PAGE_SIZE, PAGES_PER_ARENA
from spanspec.base.words import U64
from spanspec.events import heap_events as hev
from spanspec.heap.courses.course import Course
from spanspec.heap.courses.sweepspan import claimed, sweep_span
from spanspec.heap.state.advancing import advance
from spanspec.heap.state.progress import (
    CHUNK_PAGES,
    END_RECLAIMING,
    GIVE_CREDIT,
    TAKE_CHUNK,
    USE_CREDIT,
    credit_left,
    credit_taken,
    is_beyond,
)
from spanspec.heap.state.state import HeapState
from spanspec.heap.state.taking import take
from spanspec.pages.pageheap import Actor, who
from spanspec.pages.tables.pagemap import arena_base
from spanspec.sharing.steps.steps import CLAIM_DIRECTLY
from spanspec.sharing.tables.growing import span_id


def reclaim(state: HeapState, actor: Actor, npages: U64) -> Course[None]:
    """Sweep spans that hold nothing marked until `npages` pages are free, or all were visited.

    Pages freed by others before, and not used up, are taken first as credit.

    Rules: SWP-21 SWP-23.
    """
    if state.inputs.reclaim_is_over():
        return
    yield hev.ReclaimBegins(
        *who(actor),
        npages=npages,
        credit=state.inputs.reclaim_credit(),
        index=state.inputs.reclaim_index(),
    )
    wanted = npages
    while wanted > 0:
        credit = state.inputs.reclaim_credit()
        # What others have freed beyond their need, or the background sweeper has: it was paid for
        # already.
        if credit > 0:
            taken = credit_taken(credit, wanted)
            advance(state, USE_CREDIT, taken)
            wanted -= taken
            yield hev.ReclaimTakesCredit(*who(actor), credit=credit, taken=taken, npages=wanted)
            continue
        index = state.inputs.reclaim_index()
        if is_beyond(index, state.progress.sweep_arenas):
            advance(state, END_RECLAIMING, index)
            yield chunk_event(actor, "done", index, wanted, 0)
            break
        advance(state, TAKE_CHUNK, index)
        yield chunk_event(actor, "beg", index, wanted, 0)
        found = yield from reclaim_chunk(state, actor, index)
        yield chunk_event(actor, "end", index, wanted, found)
        # A span may be larger than what was wanted; the rest is for the next.
        left = credit_left(found, wanted)
        if left > 0:
            advance(state, GIVE_CREDIT, left)
        wanted -= credit_taken(found, wanted)
    yield hev.ReclaimEnds(*who(actor), npages=wanted)


def reclaim_chunk(state: HeapState, actor: Actor, index: U64) -> Course[U64]:
    """Sweep the unswept spans of a chunk whose page has no mark, upwards; return the pages freed.

    A clear page mark is only a hint: what is alive in a span, its mark bits tell (MAL-15).

    Rules: SWP-22 MAL-15.
    """
    # Arenas are listed in the order in which they were added, so those to be swept come first.
    arena = state.pages.all_arenas[index // PAGES_PER_ARENA]
    first = arena_base(arena) + index % PAGES_PER_ARENA * PAGE_SIZE
    end = first + CHUNK_PAGES * PAGE_SIZE
    freed = 0
    while True:
        span = state.inputs.reclaim_candidate(first, end)
        if span is None:
            return freed
        # Noted before the sweep, which may give the run to its neighbours.
        run = state.pages.runs[span]
        thread = state.thread_of(actor)
        take(state, CLAIM_DIRECTLY, thread, span_id(span))
        yield claimed(state, actor, span, "reclaim")
        if (yield from sweep_span(state, actor, thread, span, preserve=False)):
            freed += run.npages
        # The next look starts behind the first page of this span: only first pages carry marks.
        first = run.base + PAGE_SIZE


def chunk_event(
    actor: Actor, stage: hev.ChunkStage, index: U64, npages: U64, reclaimed: U64
) -> hev.ReclaimChunk:
    """Tell of a chunk that begins or ends, or that there is none left."""
    return hev.ReclaimChunk(
        *who(actor), stage=stage, index=index, npages=npages, reclaimed=reclaimed
    )
