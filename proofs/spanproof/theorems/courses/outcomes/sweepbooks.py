"""What is noted of who sweeps for whom: the pace, debts, looks of the reclaimer, and credit."""

from collections import Counter

from msgspec.structs import replace

from spanproof.simulate.exhaustive.trying import promise
from spanspec.base.constants import PAGE_SIZE
from spanspec.base.words import U64
from spanspec.events.heap_events import ReclaimEnds
from spanspec.events.span_events import BufferPop, SweepDebt, SweepPhaseStarts
from spanspec.heap.courses.cycle import gc_mark_done, gc_start
from spanspec.heap.courses.reclaim import reclaim
from spanspec.heap.courses.sweeping import deduct_sweep_credit
from spanspec.heap.decisions import Decisions
from spanspec.heap.heap import Heap
from spanspec.heap.program import FinishCycle, MarkObject, StartCycle, SweepOne
from spanspec.heap.state.collector import STOPPED_TO_SWEEP
from spanspec.heap.state.pacing import SweepPace, trigger_for
from spanspec.pages.courses.scavenge import scavenge
from spanspec.pages.pageheap import Actor


def the_pace(met: Counter[str]) -> None:
    """The pace is set where a sweep phase begins and where GOGC is, for the pages that are left by
    then, and dropped by who has found nothing to sweep.
    """
    heap = Heap()
    state, live = heap.state, [heap.malloc(40_000) for _ in range(8)]
    promise(state.pace == SweepPace(), f"SWP-20: {state.pace} before the first cycle")
    heap.step(StartCycle())
    for address in live:
        heap.step(MarkObject(0, address))
    heap.step(FinishCycle())
    for percent in (100, 50, 400):
        left = state.pages.stats.pages_in_use - state.progress.pages_swept
        ahead = max(state.trigger.heap - state.accounts.heap_live - (1 << 20), 8192)
        due = SweepPace(left / ahead, state.accounts.heap_live, state.progress.pages_swept)
        promise(state.pace == due and left > 0, f"SWP-20: {state.pace}, not {due}")
        heap.step(SweepOne())
        promise(state.pace == due, f"SWP-20: {state.pace} after a sweep, not {due}")
        heap.set_gc_percent(percent)
        met["pace"] += 1
    heap.sweep()
    before = state.pace
    promise(before.pages_per_byte > 0, f"SWP-19: {before} although nobody was in debt")
    heap.malloc(64 << 20)
    promise(state.pace == before, f"SWP-19: {state.pace} without a debt")
    heap.malloc(8192)
    promise(state.pace == replace(before, pages_per_byte=0.0), f"SWP-19: {state.pace} at the end")
    heap.set_gc_percent(100)
    promise(state.pace == replace(before, pages_per_byte=0.0), f"SWP-20: {state.pace}, all swept")


def swept_in_a_stopped_world(met: Counter[str]) -> None:
    """A cycle that stops the world to sweep has swept all before the trigger, the pace and the
    scavenger's goal are set: nothing is owed, and only what is still in use counts.
    """
    decisions, actor = Decisions(), Actor(0, 0)
    heap = Heap(decisions=decisions)
    state, kept = heap.state, [heap.malloc(40_000) for _ in range(8)][-1]
    for _ in gc_start(state, actor, STOPPED_TO_SWEEP):
        pass
    heap.step(MarkObject(0, kept))
    told = list(gc_mark_done(state, actor))
    begins = next(n for n, event in enumerate(told) if isinstance(event, SweepPhaseStarts))
    pops = [n for n, event in enumerate(told) if isinstance(event, BufferPop)]
    promise(begins < min(pops) and len(pops) == 9, f"SWP-35: {len(pops)} pops, from {min(pops)}")
    promise(state.sweepdone and state.pace == SweepPace(), f"SWP-20: {state.pace}, all swept")
    due = trigger_for(state.trigger.ratio, decisions.marked, 0, 100, sweep_is_done=True)
    promise(state.trigger == due, f"SWP-20: {state.trigger}, not {due}")
    left = decisions.last_heap_inuse
    promise(left == 5 * PAGE_SIZE, f"SWP-34: {left} bytes in use, where one object is left")
    met["pace"] += 1


def a_debt_under_another_pace(met: Counter[str]) -> None:
    """Where somebody has set another pace while a debt is paid, what is left is reckoned anew."""
    heap, actor = Heap(), Actor(0, 0)
    for _ in range(8):
        heap.malloc(40_000)
    heap.step(StartCycle())
    heap.step(FinishCycle())
    state = heap.state
    live = state.accounts.heap_live
    state.pace = SweepPace(1.0, live - 30, state.progress.pages_swept)
    paying = deduct_sweep_credit(state, actor, 0, 0)
    debts = [event for event in (next(paying),) if isinstance(event, SweepDebt)]
    promise([(one.target, one.swept) for one in debts] == [(30, 0)], f"SWP-19: {debts} at first")
    state.pace = SweepPace(1.0, live - 12, 1)
    debts = [event for event in paying if isinstance(event, SweepDebt)]
    told = [(one.target, one.swept) for one in debts]
    promise(told == [(12, 4), (12, 9)], f"SWP-19: {told} of another pace")
    met["pace"] += 1


class Looks(Decisions):
    """Decisions that note where the reclaimer looks for a span."""

    def __init__(self) -> None:
        super().__init__()
        self.looks: list[tuple[U64, U64]] = []

    def reclaim_candidate(self, first: U64, end: U64) -> int | None:
        """Note the look."""
        self.looks.append((first, end))
        return super().reclaim_candidate(first, end)


def looks_of_the_reclaimer(met: Counter[str]) -> None:
    """The reclaimer looks at each page of a chunk once, upwards: at first from its start, and then
    from the page behind the first one of the span that it has swept.
    """
    decisions = Looks()
    heap = Heap(decisions=decisions)
    chunk = 4 << 20
    dead = [heap.malloc(size) for size in (40_000, 2 * chunk, 40_000, 40_000)]
    start = dead[0]
    heap.step(StartCycle())
    heap.step(FinishCycle())
    for _ in reclaim(heap.state, Actor(0, 0), 4096):
        pass
    behind = {0: dead[:2], 2: dead[2:]}
    right = [
        (first, start + (number + 1) * chunk)
        for number in range(16)
        for first in (
            start + number * chunk,
            *(address + PAGE_SIZE for address in behind.get(number, ())),
        )
    ]
    promise(decisions.looks == right, f"SWP-22: {decisions.looks}, not {right}")
    met["reclaimed"] += 1


def spans_beyond_a_chunk(met: Counter[str]) -> None:
    """A page in the middle of a free run may still name a descriptor that it had, which stands for
    other pages by now. A span that begins where a chunk ends is not of that chunk.
    """
    heap = Heap()
    chunk = 512
    below, stale, _, last, above = (
        heap.malloc(npages * PAGE_SIZE) for npages in (chunk - 7, 3, 1, 12, 1)
    )
    descriptor = heap.span_of(stale)
    for live in ((stale, last), (last,), ()):
        heap.gc(live=[below, *live, above])
    # Cut off the run at the end of the chunk, it gets the descriptor that was given back last.
    for _ in scavenge(heap.state.pages, Actor(0, 0), "bg", 9 * PAGE_SIZE):
        pass
    beyond = heap.malloc(9 * PAGE_SIZE)
    promise(beyond == below + chunk * PAGE_SIZE, f"SCAV-9: the run is cut at {beyond:#x}")
    promise(heap.span_of(beyond) == descriptor, "HEAP-4: another descriptor comes back first")
    promise(descriptor in set(heap.state.pages.map.values(stale, beyond)), "HEAP-8: no stale page")
    heap.step(StartCycle())
    heap.step(FinishCycle())
    found = heap.state.inputs.reclaim_candidate(stale, beyond)
    promise(found is None, f"SWP-22: span {found} is looked at in the chunk below its own")
    found = heap.state.inputs.reclaim_candidate(beyond, beyond + PAGE_SIZE)
    promise(found == descriptor, f"SWP-22: span {found} is looked at, not {descriptor}")
    met["reclaimed"] += 1


def pages_beyond_what_is_wanted(met: Counter[str]) -> None:
    """What a chunk yields beyond what is wanted by then is credit for others, to the page."""
    heap = Heap()
    # Five pages that are dead, in each of three chunks.
    dead, live = list[int](), list[int]()
    for _ in range(3):
        dead.append(heap.malloc(40_000))
        live.append(heap.malloc(4 << 20))
    heap.step(StartCycle())
    for address in live:
        heap.step(MarkObject(0, address))
    heap.step(FinishCycle())
    for npages, credit in ((3, 2), (4, 3), (3, 0), (1, 4)):
        told = list(reclaim(heap.state, Actor(0, 0), npages))
        left = heap.state.progress.reclaim_credit
        promise(left == credit, f"SWP-21: a credit of {left} pages, not {credit}")
        ends = [one.npages for one in told if isinstance(one, ReclaimEnds)]
        promise(ends == [0], f"SWP-21: {ends} pages are wanted at the end")
        met["reclaimed"] += 1
