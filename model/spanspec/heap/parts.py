"""The part of a heap that its steps have changed: plain numbers, to be compared or judged.

Records are never changed, but replaced. So what has changed since the last look is what is another
record now.
"""

from typing import Final, Generic, NamedTuple, TypeVar

from spanspec.base.bitmap import Bits
from spanspec.base.ids import SpanId
from spanspec.heap.state.progress import NO_MORE_RECLAIM
from spanspec.heap.state.state import HeapState
from spanspec.pages.tables.pagemap import arena_base
from spanspec.pages.tables.runs import PageRun
from spanspec.sharing.tables.records import NO_SPAN, SharedSpan
from spanspec.span.mspan import DEAD, IN_USE, Mspan
from spanspec.span.specials import Specials

# Not bound to `int`, which they all are: compiled, a key is then looked up as it is.
KeyT = TypeVar("KeyT")
ValueT = TypeVar("ValueT")

NO_DESCRIPTOR: Final = -1
"""Stands for the next descriptor where there is none that was used before."""


class Wanted(NamedTuple):
    """Which part of a state is asked for: of some descriptors, and with `shape` what they are in.

    `classes` are the span classes whose lists are part of it.
    """

    spans: list[int]
    classes: list[int]
    shape: bool


class Part(NamedTuple):
    """A part of a state, in plain tuples that compare as a whole.

    Whatever is in it is in the whole state as well, by which a difference is told. `figures` are
    those of the whole heap. `slots` has an entry for each descriptor that was asked for, None if it
    is not in use for objects. The rest is empty without `shape`: the runs of the descriptors, None
    for one that is dead; the lists of the classes; all caches; the free spans by address; and the
    descriptor that is used next.
    """

    figures: tuple[object, ...]
    slots: tuple[tuple[object, ...] | None, ...]
    runs: tuple[tuple[int, ...] | None, ...]
    central: tuple[tuple[object, ...], ...]
    caches: tuple[tuple[object, ...], ...]
    free: tuple[int, ...]
    next_descriptor: int


class Whole(NamedTuple):
    """A whole state, in plain tuples that compare as a whole: all that is in use, and where it is.

    `part` is that of all descriptors that are not dead, and of all classes that list a span. With
    it go what its figures only count: the sweep buffers from the bottom, the descriptors that were
    used before, the arenas in the order in which they were mapped, the finalizers that are due.
    """

    part: Part
    buffers: tuple[tuple[int, ...], ...]
    descriptors: tuple[int, ...]
    arenas: tuple[int, ...]
    finalizers: tuple[int, ...]


class Followed(Generic[KeyT, ValueT]):
    """The values that a table had at the last look, by key, in the order of the table.

    A key that goes on having its value stays where it is in the order. So to look whether anything
    has changed is to go through both at once; only where keys have gone they are looked up.
    """

    def __init__(self) -> None:
        self._keys: list[KeyT] = []
        self._values: list[ValueT] = []

    def look(self, now: dict[KeyT, ValueT]) -> dict[KeyT, ValueT | None]:
        """Return which keys have another value than at the last look, or none now.

        Each has the value that it had, None if it had none.
        """
        keys, values = self._keys, self._values
        known, at = len(keys), 0
        changed: list[int] = []
        added: list[KeyT] = []
        for key, value in now.items():
            if at >= known:
                added.append(key)
            elif keys[at] is not key:
                return self._anew(now)
            elif values[at] is not value:
                changed.append(at)
            at += 1
        if at < known:
            return self._anew(now)
        found: dict[KeyT, ValueT | None] = {}
        for at in changed:
            key = keys[at]
            found[key] = values[at]
            values[at] = now[key]
        for key in added:
            found[key] = None
            keys.append(key)
            values.append(now[key])
        return found

    def _anew(self, now: dict[KeyT, ValueT]) -> dict[KeyT, ValueT | None]:
        """Return what `look` does, where keys have gone."""
        before = dict(zip(self._keys, self._values, strict=True))
        found: dict[KeyT, ValueT | None] = {}
        for key, value in now.items():
            earlier = before.get(key)
            if earlier is not value:
                found[key] = earlier
        for key, value in before.items():
            if key not in now:
                found[key] = value
        self._keys, self._values = list(now), list(now.values())
        return found


class Changes:
    """Which descriptors of a heap have other records than at the last look."""

    def __init__(self, state: HeapState) -> None:
        self._state = state
        self._spans: Followed[int, Mspan] = Followed()
        self._shared: Followed[SpanId, SharedSpan] = Followed()
        self._runs: Followed[int, PageRun] = Followed()
        self._specials: Followed[int, Specials] = Followed()
        self._phase: tuple[object, ...] = ()

    def look(self, shape: bool) -> Wanted:
        """Return what has changed since the last look; without `shape`, of the slots alone."""
        state = self._state
        spans = self._spans.look(state.spans)
        given = self._specials.look(state.specials)
        if not shape:
            return Wanted([*spans, *[span for span in given if span not in spans]], [], False)
        classes = {before.spanclass for before in spans.values() if before is not None}
        changed = {*spans, *given, *self._runs.look(state.pages.runs.records)}
        for identity in self._shared.look(state.tables.spans.records):
            if identity > 0:
                changed.add(identity - 1)
        for span in changed:
            record = state.spans.get(span)
            if record is not None:
                classes.add(record.spanclass)
        return Wanted(sorted(changed), sorted(classes), True)

    def phase_has_changed(self) -> bool:
        """Tell whether anything has changed on which the state of each span depends."""
        state, before = self._state, self._phase
        self._phase = (state.sweepgen, state.phase, state.sweepdone, state.collector.marked)
        return before != self._phase


def whole_of(state: HeapState) -> Whole:
    """Return the whole state of a heap in which nobody is in an operation."""
    heap, lists = state.pages, state.lists
    spans = [span for span, run in heap.runs.records.items() if run.state != DEAD]
    listed = {
        number
        for table in (lists.nonempty, lists.empty)
        for number in table
        if table[number].first != NO_SPAN
    }
    wanted = Wanted(sorted(spans), sorted(listed), True)
    return Whole(
        part_of(state, wanted),
        tuple(
            [
                tuple([span for _, span in sorted(buffer.entries.items())])
                for buffer in state.buffers
            ]
        ),
        tuple(heap.descriptors.free),
        tuple([arena_base(index) for index in heap.all_arenas]),
        tuple(state.finalizers),
    )


def part_of(state: HeapState, wanted: Wanted) -> Part:
    """Return the part that is wanted of a heap in which nobody is in an operation."""
    figures = figures_of(state)
    slots = tuple([slots_of(state, span) for span in wanted.spans])
    if not wanted.shape:
        return Part(figures, slots, (), (), (), (), NO_DESCRIPTOR)
    heap = state.pages
    free, held = heap.descriptors.free, held_of(state)
    return Part(
        figures,
        slots,
        tuple([run_of(span, heap.runs[span]) for span in wanted.spans]),
        tuple([lists_of(state, number) for number in wanted.classes]),
        tuple([cache_of(state, p, state.mcache_of[p], held) for p in procs_of(state)]),
        tuple([one.span for one in heap.free.in_order()]),
        free[-1] if free else NO_DESCRIPTOR,
    )


Held = dict[int, list[tuple[int, int]]]
"""Of each mcache that has any, its spans, as pairs of a span class and a descriptor."""


def held_of(state: HeapState) -> Held:
    """Return the spans that mcaches have, in the order of the classes.

    In one pass over the slots, as most of them are empty.
    """
    held: Held = {}
    for slot in state.slots.values():
        if slot.span != NO_SPAN and slot.proc in state.mcaches:
            held.setdefault(slot.proc, []).append((slot.spanclass, slot.span - 1))
    for pairs in held.values():
        pairs.sort()
    return held


def procs_of(state: HeapState) -> list[int]:
    """Return the Ps that have an mcache, in order."""
    return sorted([p for p in state.mcache_of if p >= 0])


def slots_of(state: HeapState, span: int) -> tuple[object, ...] | None:
    """Return the slots of a span, None if it is not in use.

    Of an allocCache it tells only where slots are taken by it.
    """
    record = state.spans.get(span)
    if record is None:
        return None
    shared = state.shared(span)
    alloc_bits, mark_bits = record.alloc_bits, record.gcmark_bits
    assert isinstance(alloc_bits, Bits)
    assert isinstance(mark_bits, Bits)
    spanclass, nelems = record.spanclass, record.nelems
    known = record.freeindex < nelems and is_cached(state, span, spanclass)
    mask = (1 << nelems) - 1
    return (
        span,
        record.base,
        record.npages,
        spanclass,
        record.elemsize,
        nelems,
        record.limit,
        record.freeindex,
        record.alloc_count,
        record.alloc_cache if known else None,
        alloc_bits.value & mask,
        mark_bits.value & mask,
        shared.sweepgen,
        record.needzero,
        shared.place,
        tuple([(one.offset, one.kind) for one in state.specials.get(span, ())]),
    )


def is_cached(state: HeapState, span: int, spanclass: int) -> bool:
    """Tell whether an mcache has a span, for its class."""
    return any(state.cached(one, spanclass) == span for one in state.mcaches)


def run_of(span: int, run: PageRun) -> tuple[int, ...] | None:
    """Return a run of pages; of one in use, whether it needs zeroing is told by its slots."""
    if run.state == DEAD:
        return None
    needzero = 0 if run.state == IN_USE else run.needzero
    return (span, run.base, run.npages, run.state, run.scavenged, needzero)


def lists_of(state: HeapState, spanclass: int) -> tuple[object, ...]:
    """Return the lists of a span class."""
    one = state.central[spanclass]
    return (spanclass, tuple(one.nonempty), tuple(one.empty))


def cache_of(state: HeapState, p: int, identity: int, held: Held) -> tuple[object, ...]:
    """Return the cache of a P."""
    tiny = state.mcaches[identity].tiny
    pairs = tuple(held.get(identity, []))
    return (identity, p, state.flush_gen(identity), pairs, tiny.address, tiny.offset)


def figures_of(state: HeapState) -> tuple[object, ...]:
    """Return the figures of the whole heap, in their order."""
    heap, stats, progress = state.pages, state.pages.stats, state.progress
    blocks: list[int] = []
    for p in procs_of(state):
        tiny = state.mcaches[state.mcache_of[p]].tiny
        blocks.append(tiny.address)
        blocks.append(tiny.offset)
    first, second = state.buffers
    over = progress.reclaim_index >= NO_MORE_RECLAIM
    return (
        state.sweepgen,
        state.phase,
        state.cycle,
        state.procs,
        state.sweepdone,
        state.accounts.heap_live,
        -1 if over else progress.reclaim_index,
        progress.reclaim_credit,
        progress.pages_swept,
        len(state.finalizers),
        first.stack.filled,
        second.stack.filled,
        len(heap.descriptors.free),
        len(heap.all_arenas),
        heap.current.base,
        heap.current.end,
        stats.heap_sys,
        stats.heap_idle,
        stats.heap_inuse,
        stats.heap_released,
        stats.stacks_inuse,
        stats.gc_manual,
        stats.pages_in_use,
        heap.unscavenged_huge,
        *blocks,
    )
