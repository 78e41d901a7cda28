"""What courses note beside the steps that they take: marks and hits, records that stay."""

from collections import Counter
from itertools import product

from msgspec.structs import replace

from spanproof.prove.assumptions import SMALL_SCOPE
from spanproof.prove.exploration import Ran, explored
from spanproof.simulate.exhaustive.trying import promise
from spanproof.theorems.cases import every_case
from spanproof.theorems.courses.outcomes.sweepbooks import (
    a_debt_under_another_pace,
    looks_of_the_reclaimer,
    pages_beyond_what_is_wanted,
    spans_beyond_a_chunk,
    swept_in_a_stopped_world,
    the_pace,
)
from spanspec.base.steps import NotAStep
from spanspec.events.span_events import SweepClaim
from spanspec.heap.courses.course import StopsWorld
from spanspec.heap.courses.cycle import (
    gc_mark_done,
    gc_start,
    start_marking,
    terminate_marking,
)
from spanspec.heap.courses.mcache import needs_flush
from spanspec.heap.courses.procs import procresize
from spanspec.heap.heap import Heap
from spanspec.heap.operations.procs import flush_mcaches, set_procs
from spanspec.heap.program import (
    AddSpecial,
    FinishCycle,
    FlushMcaches,
    MarkObject,
    RunFinalizers,
    SetProcs,
    StartCycle,
    TakeManual,
)
from spanspec.heap.state.marking import page_is_marked
from spanspec.heap.state.state import HeapState
from spanspec.heap.state.taking import look_at_popped, take
from spanspec.pages.memory.arena import GrantingOs
from spanspec.pages.memory.osmemory import FollowedOs
from spanspec.pages.pageheap import Actor
from spanspec.pages.tables.runs import SPARE
from spanspec.sharing.steps.steps import POP
from spanspec.sharing.tables.growing import span_id
from spanspec.span.specials import PROFILE, Special


def pages_marked(state: HeapState) -> set[int]:
    """Return the spans on whose first page this cycle has marked an object."""
    epoch = state.collector.epoch
    return {one for one in state.spans if page_is_marked(state.marked_span(one), epoch)}


def cycles(met: Counter[str]) -> None:
    """A cycle forgets the page marks of the one before, and its sweepgen is two up."""
    heap = Heap()
    address = heap.malloc(40_000)
    state = heap.state
    for number in range(1, 4):
        heap.step(StartCycle())
        promise(not pages_marked(state), "MAL-15: page marks of the cycle before")
        if number < 3:
            heap.step(MarkObject(0, address))
            promise(pages_marked(state) == {heap.span_of(address)}, "MAL-15: what is marked")
        heap.step(FinishCycle())
        promise(state.sweepgen == 2 * number and not state.sweepdone, "SWP-35: all is to be swept")
        freed = heap.sweep()
        promise(state.sweepdone, "SWP-16: all is swept")
        # In the last cycle nobody marks the object.
        promise(freed == (0 if number < 3 else 5), f"SWP-33: {freed} pages of a span of 5")
        met["cycle"] += 1


def before_the_world_stops(met: Counter[str]) -> None:
    """Who asks for a cycle sweeps all that is left, and then stops the world; who ends marking,
    changes the number of Ps, or flushes mcaches, stops it before anything else.
    """
    heap, actor = Heap(), Actor(0, 0)
    heap.malloc(40_000)
    for request in (FlushMcaches(), StartCycle(), FinishCycle()):
        heap.step(request)
    unswept = heap.state.unswept.stack
    course = gc_start(heap.state, actor)
    while not isinstance(next(course), StopsWorld):
        met["swept"] += 1
    left = heap.state.unswept.stack.filled
    promise(unswept.filled > 0 and left == 0, f"SWP-32: {left} spans are left to be swept")
    heap = Heap()
    heap.malloc(40_000)
    for request in (FlushMcaches(), StartCycle(), FinishCycle()):
        heap.step(request)
    state = heap.state
    live = state.accounts.heap_live
    course = start_marking(state, actor, "cycle", 0, live)
    swept = sum(isinstance(step, SweepClaim) for step in course)
    promise(swept == 1, f"SWP-33: {swept} spans are swept before marking begins")
    first = next(gc_mark_done(state, actor))
    promise(isinstance(first, StopsWorld), f"SWP-34: {first} while the others run")
    first = next(set_procs(Heap().state, actor, SetProcs(0, 2)))
    promise(isinstance(first, StopsWorld), f"MC-14: {first} while the others run")
    first = next(flush_mcaches(Heap().state, actor, FlushMcaches()))
    promise(isinstance(first, StopsWorld), f"MC-9: {first} while the others run")


def tiny_hits(met: Counter[str]) -> None:
    """Each tiny object that shares a block is counted, also once its P is gone."""
    heap = Heap()
    heap.step(SetProcs(0, 2))
    for number in range(4):
        heap.malloc(3, noscan=True, p=1)
        counted = [mcache.tiny.allocs for mcache in heap.state.mcaches.values()]
        promise(sum(counted) == number, f"HEAP-40: {counted} after {number} hits")
        met["hit"] += 1
    heap.step(SetProcs(0, 1))
    promise(heap.state.accounts.tiny_allocs == 3, "MC-11: hits of a P that is gone")


def records_that_stay(met: Counter[str]) -> None:
    """A profile record stays with an object that is saved for its finalizer, and goes with it."""
    heap = Heap()
    address = heap.malloc(48)
    span = heap.span_of(address)
    heap.step(AddSpecial(0, address, "profile"))
    heap.step(AddSpecial(0, address))
    heap.gc()
    kept = heap.state.specials.get(span)
    promise(kept == (Special(0, PROFILE),), f"SWP-24: {kept} stay")
    promise(heap.state.finalizers == [address], "SWP-24: what is due")
    heap.gc()
    heap.sweep()
    promise(span in heap.state.spans, "SWP-24: it dies before its finalizer has run")
    heap.step(RunFinalizers(0))
    heap.gc()
    promise(not heap.state.specials and span not in heap.state.spans, "SWP-24: it dies after that")
    heap = Heap()
    address = heap.malloc(48)
    heap.step(AddSpecial(0, address, "profile"))
    heap.step(StartCycle())
    promise(
        heap.state.collector.scanned == 0,
        f"SWP-34: {heap.state.collector.scanned} bytes are looked through",
    )
    heap.step(AddSpecial(0, address))
    promise(
        heap.state.collector.scanned == 48,
        f"SWP-34: {heap.state.collector.scanned} bytes are looked through",
    )
    met["kept"] += 1


def each_p_has_one(met: Counter[str]) -> None:
    """Each P has an mcache of its own, and there are no others; where a P has gone, P 0 goes on."""
    heap = Heap()
    for procs in (1, 3, 2, 4, 1):
        heap.step(SetProcs(0, procs))
        state = heap.state
        its = [state.mcache_of[p] for p in range(procs)]
        promise(state.procs == procs and len(set(its)) == procs, f"MC-14: mcaches {its}")
        promise(set(its) == set(state.mcaches), f"MC-10: there are {sorted(state.mcaches)}")
        promise(all(state.mcaches[one].refilled == -1 for one in its), "MAL-19: a refill is owed")
        met["p"] += 1
    for p in (2, 1):
        heap = Heap(procs=3)
        resized, *rest = (one.p for one in heap.step(SetProcs(p, 1)).observed)
        promise(resized == p, f"MC-14: P {resized} changes the number of Ps, not {p}")
        promise({*rest} == {0}, f"MC-14: Ps {rest} go on where P {p} is gone")
    for p, procs in product((0, 1, 2), (1, 3)):
        heap = Heap(procs=3)
        for number in range(3):
            heap.malloc(48, p=number)
        heap.step(StartCycle(2))
        for course in (
            terminate_marking(heap.state, Actor(2, 2)),
            procresize(heap.state, Actor(p, p), procs),
        ):
            for _ in course:
                pass
        mcaches = heap.state.mcache_of
        flushed = {one for one in range(procs) if not needs_flush(heap.state, mcaches[one])}
        # P 2 has flushed where it ended the marking.
        goes_on = p if p < procs else 0
        due = {goes_on, 2} & {*range(procs)}
        promise(
            flushed == due, f"MC-8: P {goes_on} goes on for P {p}, and {sorted(flushed)} flushed"
        )


def the_last_slot_of_a_word(met: Counter[str]) -> None:
    """The first slot that is taken after a refill may be one that the fast search leaves alone."""
    heap = Heap()
    made = [heap.malloc(64) for _ in range(128)]
    heap.collect(made[:63] + made[64:])
    address = heap.malloc(64)
    promise(address == made[63], f"MAL-19: {address:#x}, not {made[63]:#x}")
    met["slot"] += 1


def memory_of_what_is_noted(met: Counter[str]) -> None:
    """The first span takes a chunk for its bits, and the spine and a block of the swept stack; the
    next ones take nothing. A P is asked once in a cycle whether it may allocate from its spans.
    """
    heap = Heap()
    # So that the arena is there, whose own tables count as the collector's.
    heap.step(TakeManual(0, 4))
    counted = heap.state.pages.metadata.counted
    before = counted["gc_sys"]
    heap.malloc(48)
    first = counted["gc_sys"] - before
    promise(first == (64 << 10) + 8 * 256 + 8 * 512, f"SWP-10: {first} bytes for a span")
    for size in (48, 48, 64, 80, 40_000):
        heap.malloc(size)
    more = counted["gc_sys"] - before - first
    promise(more == 0, f"SPAN-24: {more} bytes more for the next spans")
    times = heap.state.taken["allocate"]
    promise(times == 1, f"MAL-10: it is asked {times} times")
    met["memory"] += 1


def a_late_look(met: Counter[str]) -> None:
    """A thread that has popped a span may read it as it was before; the span stays what it is, and
    nobody claims it as it was.
    """
    heap, actor = Heap(), Actor(0, 0)
    heap.collect([heap.malloc(40_000)])
    state = heap.state
    thread, place = state.thread_of(actor), state.unswept.index - 1
    span = state.unswept.at(place)
    take(state, POP, thread, span_id(span), place=place)
    now = state.shared(span)
    before = replace(now, in_use=False, sweepgen=state.sweepgen)
    promise(not look_at_popped(state, thread, before), "SWP-14: a span that was not in use")
    promise(state.shared(span) == now, f"CONC-4: {state.shared(span)} after a look, not {now}")
    heap = Heap()
    heap.collect([heap.malloc(40_000)])
    state = heap.state
    take(state, POP, thread, span_id(span), place=place)
    again = replace(state.shared(span))
    try:
        look_at_popped(state, thread, again)
    except NotAStep:
        met["look"] += 1
    promise(state.shared(span) is not again, "CONC-4: what a thread has read is no record")


def the_figures(met: Counter[str]) -> None:
    """ReadMemStats tells of what was made and has died, and of all memory that the system gave."""
    os = FollowedOs(GrantingOs())
    heap = Heap(2, os)
    state = heap.state
    heap.step(TakeManual(0, 8))
    heap.step(TakeManual(0, 4, "gc"))
    heap.step(TakeManual(0, 3, "other"))
    kept = [heap.malloc(4096), heap.malloc(16), heap.malloc(40_000)]
    for size, p in ((4096, 1), (60_000, 0), (16, 0)):
        heap.malloc(size, p=p)
    heap.malloc(2, noscan=True)
    heap.malloc(2, noscan=True)
    heap.step(AddSpecial(0, kept[0], "profile"))
    heap.gc(kept)
    heap.sweep()
    stats = heap.read_memstats()
    # The block of tiny objects is marked as a root; its second object is freed with the first.
    counts = (stats.mallocs, stats.frees, stats.heap_objects)
    promise(counts == (8, 4, 4), f"HEAP-38: {counts} objects")
    alive, dead = 4096 + 16 + 40_960 + 16, 4096 + 65_536 + 16
    total = (stats.total_alloc, stats.alloc)
    promise(total == (alive + dead, alive), f"HEAP-38: {total} bytes of objects")
    arenas, stacks, others = len(state.pages.all_arenas) << 26, 8 * 8192, 7 * 8192
    inside = (stats.heap_sys, stats.stacks_inuse, stats.heap_inuse + stats.heap_idle)
    heap_sys = arenas - stacks - others
    promise(inside == (heap_sys, stacks, heap_sys), f"HEAP-36: {inside} bytes of pages")
    in_use = sum(one.npages for one in state.spans.values()) * 8192
    promise(stats.heap_inuse == in_use, f"HEAP-36: {stats.heap_inuse} bytes in use, not {in_use}")
    own = stats.mspan_sys + stats.mcache_sys + stats.gc_sys - others + stats.other_sys
    tables = os.own - own
    promise(tables == 32 << 20, f"AR-2: {tables} bytes that are counted as nothing")
    promise(stats.sys == arenas + own, f"HEAP-38: {stats.sys} bytes in all")
    runs = sum(run.role != SPARE for run in state.pages.runs.records.values())
    inuse = (stats.mspan_inuse, stats.mcache_inuse)
    promise(inuse == (runs * 136, 2 * 1736), f"HEAP-38: {inuse} bytes of descriptors")
    met["figures"] += 1


@explored(
    "courses.books",
    "SWP-10 SWP-14 SWP-15 SWP-16 SWP-19 SWP-20 SWP-21 SWP-22 SWP-24 SWP-32 SWP-33 SWP-34 SWP-35"
    " SPAN-24 SPAN-26 MAL-10 MC-8 MC-9 MC-10 MC-11 MC-14 MAL-19 HEAP-36 HEAP-38 HEAP-40 AR-2"
    " CONC-4",
    needs="cycle swept hit kept p pace reclaimed slot memory look figures",
    assumes=(SMALL_SCOPE,),
)
def what_is_noted_beside_the_steps() -> Ran:
    """Over some cycles, tiny objects, finalizers and changes of the number of Ps: the page marks,
    the sweepgen, the pace, the hits, the records of objects that are saved, and which P has which
    mcache are what happened, and the statistics are sums of it.
    """
    return every_case(
        (
            ("cycles", cycles),
            ("before the world stops", before_the_world_stops),
            ("tiny objects", tiny_hits),
            ("records", records_that_stay),
            ("Ps", each_p_has_one),
            ("the pace", the_pace),
            ("a stopped world", swept_in_a_stopped_world),
            ("a debt under another pace", a_debt_under_another_pace),
            ("looks of the reclaimer", looks_of_the_reclaimer),
            ("pages beyond what is wanted", pages_beyond_what_is_wanted),
            ("spans beyond a chunk", spans_beyond_a_chunk),
            ("the last slot of a word", the_last_slot_of_a_word),
            ("memory", memory_of_what_is_noted),
            ("a late look", a_late_look),
            ("the figures", the_figures),
        )
    )
