"""The part of a heap that its steps have changed: plain numbers, to be compared or judged.

Records are never changed, but replaced. So what has changed since the last look is what is another
record now.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple, TypeVar

from spanspec.base.bitmap import Bits
from spanspec.base.ids import SpanId
from spanspec.heap.state.progress import NO_MORE_RECLAIM
from spanspec.heap.state.state import HeapState
from spanspec.pages.tables.runs import PageRun
from spanspec.sharing.tables.records import SharedSpan
from spanspec.span.mspan import DEAD, IN_USE, Mspan
from spanspec.span.specials import Specials

KeyT = TypeVar("KeyT", bound=int)
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


class Changes:
    """Which descriptors of a heap have other records than at the last look."""

    def __init__(self, state: HeapState) -> None:
        self._state = state
        self._spans: dict[int, Mspan] = {}
        self._shared: dict[SpanId, SharedSpan] = {}
        self._runs: dict[int, PageRun] = {}
        self._specials: dict[int, Specials] = {}
        self._phase: tuple[object, ...] = ()

    def look(self, shape: bool) -> Wanted:
        """Return what has changed since the last look; without `shape`, of the slots alone."""
        state = self._state
        classes = set[int]()
        changed = replaced(self._spans, state.spans)
        if shape:
            for span in changed:
                before = self._spans.get(span)
                if before is not None:
                    classes.add(before.spanclass)
        follow(self._spans, state.spans, changed)
        if state.specials or self._specials:
            given = replaced(self._specials, state.specials)
            follow(self._specials, state.specials, given)
            changed = changed + [span for span in given if span not in changed]
        if not shape:
            return Wanted(changed, [], False)
        shared = state.tables.spans.records
        moved = replaced(self._shared, shared)
        follow(self._shared, shared, moved)
        runs = replaced(self._runs, state.pages.runs.records)
        follow(self._runs, state.pages.runs.records, runs)
        spans = set(changed)
        spans.update(runs)
        for identity in moved:
            if identity > 0:
                spans.add(identity - 1)
        for span in spans:
            record = state.spans.get(span)
            if record is not None:
                classes.add(record.spanclass)
        return Wanted(sorted(spans), sorted(classes), True)

    def phase_has_changed(self) -> bool:
        """Tell whether anything has changed on which the state of each span depends."""
        state, before = self._state, self._phase
        self._phase = (state.sweepgen, state.phase, state.sweepdone, state.collector.marked)
        return before != self._phase


def replaced(before: dict[KeyT, ValueT], now: Mapping[KeyT, ValueT]) -> list[KeyT]:
    """Return the keys that have another value than before, none now, or had none before."""
    found = [key for key, value in now.items() if before.get(key) is not value]
    if len(before) + len(found) > len(now):
        found += [key for key in before if key not in now]
    return found


def follow(before: dict[KeyT, ValueT], now: Mapping[KeyT, ValueT], keys: list[KeyT]) -> None:
    """Bring what was seen before up to date for some keys."""
    for key in keys:
        value = now.get(key)
        if value is None:
            before.pop(key, None)
        else:
            before[key] = value


def part_of(state: HeapState, wanted: Wanted) -> Part:
    """Return the part that is wanted of a heap in which nobody is in an operation."""
    figures = figures_of(state)
    slots = tuple([slots_of(state, span) for span in wanted.spans])
    if not wanted.shape:
        return Part(figures, slots, (), (), (), (), NO_DESCRIPTOR)
    heap = state.pages
    free = heap.descriptors.free
    return Part(
        figures,
        slots,
        tuple([run_of(span, heap.runs[span]) for span in wanted.spans]),
        tuple([lists_of(state, number) for number in wanted.classes]),
        tuple([cache_of(state, p, state.mcache_of[p]) for p in sorted(state.mcache_of) if p >= 0]),
        tuple([one.span for one in heap.free.in_order()]),
        free[-1] if free else NO_DESCRIPTOR,
    )


def slots_of(state: HeapState, span: int) -> tuple[object, ...] | None:
    """Return the slots of a span, None if it is not in use."""
    record = state.spans.get(span)
    if record is None:
        return None
    shared = state.shared(span)
    alloc_bits, mark_bits = record.alloc_bits, record.gcmark_bits
    assert isinstance(alloc_bits, Bits)
    assert isinstance(mark_bits, Bits)
    spanclass, nelems = record.spanclass, record.nelems
    holding = [one for one in state.mcaches if state.cached(one, spanclass) == span]
    known = record.freeindex < nelems and len(holding) > 0
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


def cache_of(state: HeapState, p: int, identity: int) -> tuple[object, ...]:
    """Return the cache of a P."""
    tiny = state.mcaches[identity].tiny
    held = tuple(state.cached_spans(identity).items())
    return (identity, p, state.flush_gen(identity), held, tiny.address, tiny.offset)


def figures_of(state: HeapState) -> tuple[object, ...]:
    """Return the figures of the whole heap, in their order."""
    heap, stats, progress = state.pages, state.pages.stats, state.progress
    blocks: list[int] = []
    for p in sorted(state.mcache_of):
        if p >= 0:
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
