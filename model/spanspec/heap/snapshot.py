"""Snapshots: the whole state of a heap as one record, to be compared, kept, and saved as JSON.

Left out is what nothing depends on: ghosts, the treap's shape, and what follows from the rest.
"""

from typing import Final

import msgspec

from spanspec.base.bitmap import hexadecimal
from spanspec.base.records import Record
from spanspec.heap.decisions import Decisions
from spanspec.heap.state.accounts import Accounts, ClassCounts
from spanspec.heap.state.collector import Collector
from spanspec.heap.state.inputs import Inputs
from spanspec.heap.state.marking import page_is_marked
from spanspec.heap.state.pacing import SweepPace, Trigger
from spanspec.heap.state.progress import Progress
from spanspec.heap.state.state import Centrals, HeapState
from spanspec.pages.courses.bgscavenge import Scavenger
from spanspec.pages.freeset.freeruns import FreeSpan
from spanspec.pages.memory.arena import Hint
from spanspec.pages.memory.fixalloc import Records
from spanspec.pages.memory.persistent import Chunk
from spanspec.pages.pageheap import PageHeap
from spanspec.pages.tables.records import Arena
from spanspec.pages.tables.runs import PageRun
from spanspec.pages.tables.statistics import HeapStatistics
from spanspec.span.markbits import BitsArenas, SpanBits
from spanspec.span.mspan import Mspan
from spanspec.span.specials import Specials
from spanspec.span.tiny import TinyBlock


class SpanShot(Record, frozen=True):
    """An in-use span; bitmaps are bytes in hexadecimal, slot 0 in the lowest bit of the first.

    `bits` tells in which epochs allocBits and mark bits were obtained, and whether some slot was
    ever freed, `page_marked` that the marker has found an object on its first page.
    """

    span: int
    base: int
    npages: int
    spanclass: int
    limit: int
    freeindex: int
    alloc_count: int
    alloc_cache: int
    alloc_bits: str
    gcmark_bits: str
    sweepgen: int
    needzero: int
    specials: Specials
    bits: SpanBits
    page_marked: bool


class McacheShot(Record, frozen=True):
    """An mcache: its P, the pairs of span class and cached span, and the tiny block.

    `refilled` is the class whose span is fresh from a refill, -1 for none.
    """

    mcache: int
    p: int
    flush_gen: int
    alloc: tuple[tuple[int, int], ...]
    refilled: int
    tiny: TinyBlock


class CentralShot(Record, frozen=True):
    """The lists of a span class, from the front, and what was handed out and found dead of it."""

    spanclass: int
    nonempty: tuple[int, ...]
    empty: tuple[int, ...]
    counts: ClassCounts


class BufferShot(Record, frozen=True):
    """A sweep buffer: what is at which place, its blocks, and how many its spine has room for."""

    entries: tuple[tuple[int, int], ...]
    made: int
    spine: int


class LineShot(Record, frozen=True):
    """The scavenger's line; `rate` is as `float.hex` writes it, since JSON has no infinity."""

    goal: int
    basis: int
    time_basis: int
    rate: str
    generation: int


class PacingShot(Record, frozen=True):
    """What a heap on its own goes by when it decides for itself (see `Decisions`)."""

    gc_percent: int
    marked: int
    last_next_gc: int
    last_heap_inuse: int
    line: LineShot
    scavenger: Scavenger
    time_ns: int


class OwnMemory(Record, frozen=True):
    """What the runtime has taken for itself, and how far each piece is used up.

    `chunks` are those that persistentalloc cuts up, by P. Of the tables of all spans and of all
    arenas it is how many there is room for. `special_records` are by kind.
    """

    counted: tuple[tuple[str, int], ...]
    chunks: tuple[tuple[int, Chunk], ...]
    descriptors: Records
    mcaches: Records
    treap_nodes: Records
    hints: Records
    special_records: tuple[tuple[int, Records], ...]
    spans_room: int
    arenas_room: int
    finalizer_blocks: int
    bits_arenas: BitsArenas


class Snapshot(Record, frozen=True):
    """A whole heap between two operations. Two with equal snapshots answer every input alike.

    `map` has the span of each page, where it changes. `generations` are the sweepgens of what is
    not in use, and was; `purposes` what manual spans are for. `pacing` is None in a replay.
    """

    sweepgen: int
    collector: Collector
    procs: int
    sweepers: tuple[int, ...]
    accounts: Accounts
    progress: Progress
    trigger: Trigger
    pace: SweepPace
    pacing: PacingShot | None
    runs: tuple[tuple[int, PageRun], ...]
    map: tuple[tuple[int, int], ...]
    generations: tuple[tuple[int, int], ...]
    purposes: tuple[tuple[int, str], ...]
    spans: tuple[SpanShot, ...]
    finalizers: tuple[int, ...]
    mcaches: tuple[McacheShot, ...]
    central: tuple[CentralShot, ...]
    buffers: tuple[BufferShot, ...]
    free: tuple[FreeSpan, ...]
    arenas: tuple[int, ...]
    current: Arena
    hints: tuple[Hint, ...]
    stats: HeapStatistics
    own: OwnMemory

    def to_json(self) -> bytes:
        """Return the snapshot as one JSON document."""
        return msgspec.json.encode(self)


_DECODER: Final = msgspec.json.Decoder(Snapshot)


def from_json(document: bytes) -> Snapshot:
    """Return a snapshot that was saved.

    Raises: msgspec.ValidationError, or DecodeError, if the document is none.
    """
    return _DECODER.decode(document)


def snapshot_of(state: HeapState) -> Snapshot:
    """Return the state of a heap as a record."""
    heap = state.pages
    return Snapshot(
        sweepgen=state.sweepgen,
        collector=state.collector,
        procs=state.procs,
        sweepers=tuple(sorted(state.sweepers)),
        accounts=state.accounts,
        progress=state.progress,
        trigger=state.trigger,
        pace=state.pace,
        pacing=pacing_shot(state.inputs),
        runs=tuple(sorted(heap.runs.records.items())),
        map=tuple((start, int(heap.map[start])) for start in heap.map),
        generations=generations(state),
        purposes=tuple(sorted(heap.purposes.items())),
        spans=tuple(shot(state, span, record) for span, record in sorted(state.spans.items())),
        finalizers=tuple(state.finalizers),
        mcaches=mcache_shots(state),
        central=central_shots(state.central),
        buffers=tuple(
            BufferShot(tuple(sorted(buffer.entries.items())), buffer.stack.made, buffer.stack.spine)
            for buffer in state.buffers
        ),
        free=tuple(heap.free.in_order()),
        arenas=tuple(heap.all_arenas),
        current=heap.current,
        hints=heap.hints,
        stats=heap.stats,
        own=own_memory(state, heap),
    )


def shot(state: HeapState, span: int, record: Mspan) -> SpanShot:
    """Return an in-use span as it is saved."""
    return SpanShot(
        span=span,
        base=record.base,
        npages=record.npages,
        spanclass=record.spanclass,
        limit=record.limit,
        freeindex=record.freeindex,
        alloc_count=record.alloc_count,
        alloc_cache=record.alloc_cache,
        alloc_bits=hexadecimal(record.alloc_bits, record.nelems),
        gcmark_bits=hexadecimal(record.gcmark_bits, record.nelems),
        sweepgen=state.generation(span),
        needzero=record.needzero,
        specials=state.specials.get(span, ()),
        bits=state.bits_epoch[span],
        page_marked=page_is_marked(state.marked_span(span), state.collector.epoch),
    )


def generations(state: HeapState) -> tuple[tuple[int, int], ...]:
    """Return the sweepgens of descriptors not in use: one that is manual is freed with its own."""
    known = ((identity - 1, it.sweepgen) for identity, it in state.tables.spans.records.items())
    return tuple(
        sorted((span, gen) for span, gen in known if span >= 0 and span not in state.spans)
    )


def mcache_shots(state: HeapState) -> tuple[McacheShot, ...]:
    """Return the mcaches as they are saved."""
    owners = {identity: p for p, identity in state.mcache_of.items()}
    return tuple(
        McacheShot(
            identity,
            owners[identity],
            state.flush_gen(identity),
            tuple(state.cached_spans(identity).items()),
            mcache.refilled,
            mcache.tiny,
        )
        for identity, mcache in sorted(state.mcaches.items())
    )


def central_shots(central: Centrals) -> tuple[CentralShot, ...]:
    """Return the lists of the classes that were ever used."""
    unused = ClassCounts()
    return tuple(
        CentralShot(number, tuple(one.nonempty), tuple(one.empty), one.counts)
        for number, one in central.used()
        if one.counts != unused or one.nonempty or one.empty
    )


def pacing_shot(inputs: Inputs) -> PacingShot | None:
    """Return what a heap decides by; None where a recording tells."""
    if not isinstance(inputs, Decisions):
        return None
    line = inputs.line
    return PacingShot(
        gc_percent=inputs.gc_percent,
        marked=inputs.marked,
        last_next_gc=inputs.last_next_gc,
        last_heap_inuse=inputs.last_heap_inuse,
        line=LineShot(line.goal, line.basis, line.time_basis, line.rate.hex(), line.generation),
        scavenger=inputs.scavenger,
        time_ns=inputs.time_ns,
    )


def own_memory(state: HeapState, heap: PageHeap) -> OwnMemory:
    """Return the memory of the runtime's own as it is saved."""
    return OwnMemory(
        counted=tuple(heap.metadata.counted.items()),
        chunks=tuple(sorted(heap.metadata.chunks.items())),
        descriptors=heap.descriptors.records(),
        mcaches=state.mcache_ids.records(),
        treap_nodes=heap.treap_nodes.records(),
        hints=heap.hint_records.records(),
        special_records=tuple(
            (kind, records.records()) for kind, records in state.special_records.items()
        ),
        spans_room=heap.all_spans.capacity,
        arenas_room=heap.arena_table.capacity,
        finalizer_blocks=state.finalizer_blocks.made,
        bits_arenas=state.bits_arenas,
    )
