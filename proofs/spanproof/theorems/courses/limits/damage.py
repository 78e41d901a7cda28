"""Invariants that judge a running heap can fail: each is broken in the smallest way, and told."""

from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial
from typing import Final

from msgspec.structs import replace

from spanproof.prove.assumptions import SMALL_SCOPE
from spanproof.prove.exploration import Ran, explored
from spanproof.simulate.exhaustive.trying import promise
from spanproof.theorems.cases import every_case
from spanspec.base.bitmap import Bits
from spanspec.base.ids import NOBODY, ProcId, SlotId, SpanId
from spanspec.heap.heap import Heap
from spanspec.heap.program import FlushMcaches, FreeManual, TakeManual
from spanspec.heap.state.state import HeapState
from spanspec.invariants import violations
from spanspec.invariants.pages import coalesced
from spanspec.invariants.spans import marked_is_allocated, zeroed, zeroed_span
from spanspec.invariants.sweeping import lists
from spanspec.pages.tables.invariant import run_is_sound
from spanspec.pages.tables.runs import LISTED, LOOSE, SPARE, PhysicalPages
from spanspec.sharing.tables.growing import span_id
from spanspec.sharing.tables.records import NO_SPAN, Proc
from spanspec.span.alloccache import cache_is_exact
from spanspec.span.listing import EMPTY, NONEMPTY, NOWHERE
from spanspec.span.mspan import DEAD, FREE, IN_USE, MANUAL, init_span, marked_and_free

BEFORE: Final = (1 << 32) - 2
"""The sweepgen before a heap's first."""


class DamagedHeap:
    """A heap with a cached span that has room, one with room in a list, a full one, a large one."""

    def __init__(self) -> None:
        self.heap = Heap()
        state = self.heap.state
        self.listed = self.heap.span_of(self.heap.malloc(4096))
        self.full = self.heap.span_of(self.heap.malloc(8192))
        self.large = self.heap.span_of(self.heap.malloc(40_000))
        self.heap.step(FlushMcaches())
        self.cached = self.heap.span_of(self.heap.malloc(16))
        self.state: HeapState = state

    def share(self, span: int, **changes: object) -> None:
        """Change what threads share of a span."""
        it = self.state.shared(span)
        self.state.sharing.spans.set(span_id(span), replace(it, **changes))

    def slot(self) -> SlotId:
        """The slot of the cached span."""
        return self.state.shared(self.cached).cacher

    def hold(self, slot: SlotId, span: int) -> None:
        """Let a slot hold a span, or none."""
        held = NO_SPAN if span == NOBODY else span_id(span)
        slots = self.state.sharing.slots
        slots.set(slot, replace(slots[slot], span=held))

    def record(self, span: int, **changes: object) -> None:
        """Change the record of a span in use."""
        self.state.spans[span] = replace(self.state.spans[span], **changes)


def full_in_nonempty(it: DamagedHeap) -> None:
    """The listed span is full, and is told to be."""
    it.record(it.listed, alloc_count=2)
    it.share(it.listed, has_free=False)


def moved_to_empty(it: DamagedHeap) -> None:
    """The listed span is in the empty list, although it has room."""
    central = it.state.central[it.state.spans[it.listed].spanclass]
    central.nonempty.remove(it.listed)
    central.empty.insert(it.listed)
    it.share(it.listed, place=EMPTY)


def unflushed(it: DamagedHeap) -> None:
    """The mcache was not flushed in this cycle, and its span is of this one."""
    it.state.sharing.procs.set(ProcId(0), Proc(BEFORE))


def not_in_use(it: DamagedHeap) -> None:
    """The cached span is not in use."""
    del it.state.spans[it.cached]


Damage = tuple[str, Callable[[DamagedHeap], object]]


def damages_in_lists() -> tuple[Damage, ...]:
    """Return what is told, and by which damage."""
    return (
        ("does not agree with its slots", lambda it: it.share(it.cached, has_free=False)),
        ("does not agree with its slots", lambda it: it.share(it.full, has_free=True)),
        ("large, and in a list", lambda it: it.share(it.large, place=NONEMPTY)),
        ("large, and in a list", lambda it: it.share(it.large, place=EMPTY)),
        ("nonempty, and full", full_in_nonempty),
        ("nonempty, and cached", lambda it: it.hold(it.slot(), it.listed)),
        ("empty, and neither full nor cached", lambda it: it.hold(it.slot(), NOBODY)),
        ("empty, and neither full nor cached", moved_to_empty),
        ("in neither list", lambda it: it.share(it.listed, place=EMPTY)),
        ("in neither list", lambda it: it.share(it.listed, place=NOWHERE)),
        ("in neither list", lambda it: it.share(it.full, place=NONEMPTY)),
        ("in neither list", lambda it: it.share(it.full, place=NOWHERE)),
        ("is not one of class", lambda it: it.hold(it.slot(), it.full)),
        ("is not one of class", not_in_use),
        ("has sweepgen", lambda it: it.share(it.cached, sweepgen=1)),
        ("has sweepgen", lambda it: it.share(it.cached, sweepgen=0)),
        ("has sweepgen", unflushed),
    )


def tells(says: str, problems: Iterable[str]) -> None:
    """Require that a problem is told."""
    told = list(problems)
    promise(any(says in one for one in told), f"{says!r} is expected, told is {told}")


def in_lists(says: str, damage: Callable[[DamagedHeap], object], met: Counter[str]) -> None:
    """Damage what is in the lists and in the mcache."""
    scene = DamagedHeap()
    told = list(lists(scene.state))
    promise(not told, f"I-19: {told} of a sound heap")
    damage(scene)
    tells(says, lists(scene.state))
    if says == "is not one of class":
        # Whether it was flushed in time is not asked of a span that does not belong there.
        more = [one for one in lists(scene.state) if "has sweepgen" in one]
        promise(not more, f"I-19: {more} of a span that is not one of the class")
    met["lists"] += 1


def stale_is_sound(met: Counter[str]) -> None:
    """In an mcache that was not flushed since the cycle began, spans are rightly stale."""
    scene = DamagedHeap()
    unflushed(scene)
    scene.share(scene.cached, sweepgen=1)
    promise(not list(lists(scene.state)), "I-19: a stale span in an unflushed mcache")
    met["lists"] += 1


def zero(met: Counter[str]) -> None:
    """What was freed, or handed out, is zero only where needzero says that it may not be."""
    scene = DamagedHeap()
    state, span = scene.state, scene.listed
    promise(not list(zeroed(state)), "I-10: a sound heap")
    state.bits_epoch[span] = replace(state.bits_epoch[span], freed=True)
    tells("something in it was freed", [zeroed_span(state, span, state.spans[span]) or ""])
    tells("something in it was freed", zeroed(state))
    scene.record(span, needzero=1)
    promise(not list(zeroed(state)), "I-10: a span that needs to be zeroed")
    heap = Heap()
    span = heap.step(TakeManual(0, 4)).result or 0
    heap.step(FreeManual(0, span))
    promise(not list(zeroed(heap.state)), "I-10: a free run that needs to be zeroed")
    runs = heap.state.pages.tiling.runs
    freed = next(one for one in heap.state.pages.runs if heap.state.pages.runs[one].needzero)
    runs.set(freed, replace(runs[freed], needzero=0))
    tells("free, used before", zeroed(heap.state))
    met["zero"] += 1


def neighbours(met: Counter[str]) -> None:
    """Free neighbours of one kind have merged, unless physical pages are larger than the heap's."""
    for size, told in ((4096, True), (8192, True), (16384, False)):
        phys = PhysicalPages(size, 0)
        heap = Heap(phys=phys)
        spans = [heap.step(TakeManual(0, 16)).result or 0 for _ in range(4)]
        heap.step(FreeManual(0, spans[0]))
        state = heap.state
        lower = span_of_run(state, spans[0])
        promise(coalesced(state, lower, state.pages.runs[lower]) is None, "I-14: sound")
        run = state.pages.runs[lower]
        other = state.pages.runs[spans[1]]
        alike = replace(other, state=FREE, role=LISTED, scavenged=run.scavenged)
        state.pages.tiling.runs.set(SpanId(spans[1]), alike)
        problem = coalesced(state, lower, run)
        promise(
            (problem is not None) == told, f"I-14: {problem} where physical pages have {phys.size}"
        )
        unlike = replace(alike, scavenged=not run.scavenged)
        state.pages.tiling.runs.set(SpanId(spans[1]), unlike)
        promise(coalesced(state, lower, run) is None, "I-14: neighbours of two kinds")
        met["neighbours"] += 1


def runs(met: Counter[str]) -> None:
    """A run is found from both ends, has pages, and is in the state that its role tells."""
    heap = Heap()
    spans = [SpanId(heap.step(TakeManual(0, 4)).result or 0) for _ in range(3)]
    heap.step(FreeManual(0, spans[1]))
    tiling = heap.state.pages.tiling
    taken, free, spare = spans[0], spans[1], SpanId(spans[2] + 1)
    for span in (*spans, SpanId(NOBODY)):
        promise(run_is_sound(tiling, span), f"HEAP-8: the run of {span}")
    for span, changes in (
        (taken, {"npages": 0}),
        (taken, {"scavenged": True}),
        (taken, {"base": tiling.runs[spans[2]].base}),
        (taken, {"npages": 5}),
        (taken, {"role": SPARE}),
        (free, {"npages": 5}),
        (free, {"state": MANUAL}),
        (free, {"role": LOOSE, "state": IN_USE}),
    ):
        before = tiling.runs[span]
        tiling.runs.set(span, replace(before, **changes))
        promise(not run_is_sound(tiling, span), f"HEAP-8: {span} with {changes} is sound")
        tiling.runs.set(span, before)
    tiling.runs.set(spare, replace(tiling.runs[taken], role=SPARE, state=DEAD))
    promise(run_is_sound(tiling, spare), "HEAP-8: a spare descriptor that is dead")
    tiling.runs.set(spare, replace(tiling.runs[taken], role=SPARE, state=FREE))
    promise(not run_is_sound(tiling, spare), "HEAP-8: a spare descriptor that is free")
    tiling.runs.set(free, replace(tiling.runs[free], role=LOOSE))
    promise(run_is_sound(tiling, free), "HEAP-8: a run on its way to the free set")
    met["runs"] += 1


def books(met: Counter[str]) -> None:
    """What marking has found is live, and a span has a purpose while it is manual."""
    heap = Heap()
    state, span = heap.state, heap.step(TakeManual(0, 4)).result
    heap.gc([heap.malloc(4096)])
    promise(not list(violations(state, ("I-31", "I-33"))), "I-31: nothing is wrong")
    accounts, purposes = state.accounts, dict(state.pages.purposes)
    state.accounts = replace(accounts, heap_live=accounts.live_at_mark - 1)
    promise([one.invariant for one in violations(state, ("I-31",))] == ["I-31"], "I-31: live bytes")
    for wrong in ({}, {**purposes, NOBODY: "gc"}):
        state.pages.purposes = wrong
        told = [one.invariant for one in violations(state, ("I-33",))]
        promise(told == ["I-33"], f"I-33: purposes {wrong}, and {span} is manual")
    met["books"] += 1


def span_of_run(state: HeapState, span: int) -> int:
    """The descriptor of the run that a span became part of when it was freed."""
    return span if state.pages.runs[span].role == LISTED else state.pages.map.span_of(span)


def caches(met: Counter[str]) -> None:
    """A cache is exact if it has the free slots from freeindex on, or no slot is left."""
    span = init_span(base=0xC000000000, npages=1, spanclass=36, limit=0xC000002000)
    taken = replace(span, alloc_bits=Bits(0b100101), alloc_count=3)
    for at in (0, 1, 3, span.nelems - 1, span.nelems):
        free = 0
        for ahead in range(64 - at):
            if not taken.alloc_bits.word(0) >> (at + ahead) & 1:
                free |= 1 << ahead
        for cache, good in (
            (free, True),
            (free ^ 1, at >= span.nelems),
            (free ^ 2, at >= span.nelems),
        ):
            told = cache_is_exact(replace(taken, freeindex=at, alloc_cache=cache))
            promise(told == good, f"I-3: a cache of {cache:#x} at slot {at}")
    met["cache"] += 1


def marks(met: Counter[str]) -> None:
    """Each slot is told that is marked and free: none that was allocated since the sweep, and none
    beyond the last.
    """
    span = init_span(base=0xC000000000, npages=1, spanclass=8, limit=0)
    nelems = span.nelems
    promise(nelems == 170, "I-4: slots that fill two words and a part of the third")
    slots = (0, 1, 2, 62, 63, 64, 65, 127, 128, 168, 169)
    marked = sum(1 << slot for slot in (*slots, nelems, nelems + 1))
    taken = sum(1 << slot for slot in slots[::3])
    for at in (0, 1, 63, 64, 65, 128, nelems):
        record = replace(
            span, freeindex=at, alloc_bits=Bits(taken), gcmark_bits=Bits(marked), alloc_count=1
        )
        wrong = [slot for slot in slots if slot >= at and not taken >> slot & 1]
        told = marked_and_free(record)
        promise(told == wrong, f"I-4: {told} are told with freeindex {at}, not {wrong}")
        problem = marked_is_allocated(Heap().state, 0, record)
        promise((problem is not None) == bool(wrong), f"I-4: {problem} with freeindex {at}")
    met["marks"] += 1


@explored(
    "courses.damage",
    "I-3 I-4 I-9 I-10 I-13 I-14 I-19 I-31 I-33 HEAP-8 SPAN-10 SPAN-29 MC-13 CEN-16 HEAP-33 HEAP-35",
    needs="lists zero neighbours cache marks runs books",
    assumes=(SMALL_SCOPE,),
)
def what_is_damaged_is_told() -> Ran:
    """Of a sound heap the invariants of lists, mcaches, zero memory, free neighbours, caches, marks
    and books tell nothing; each damage to it they tell in the words that are due.
    """
    return every_case(
        [
            *((says, partial(in_lists, says, damage)) for says, damage in damages_in_lists()),
            ("a stale span", stale_is_sound),
            ("zero memory", zero),
            ("free neighbours", neighbours),
            ("caches", caches),
            ("marks", marks),
            ("runs", runs),
            ("books", books),
        ]
    )
