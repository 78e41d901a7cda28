"""Snapshots: the whole state of a heap as one record, to be compared, kept, and saved as JSON."""

from typing import Final

import msgspec

from spanspec.base.bitmap import hexadecimal
from spanspec.base.records import Record
from spanspec.heap.state import HeapState
from spanspec.pages.freeruns import FreeSpan
from spanspec.pages.records import Arena
from spanspec.pages.runs import PageRun
from spanspec.pages.statistics import HeapStatistics
from spanspec.span.mspan import Mspan
from spanspec.span.tiny import TinyBlock


class SpanShot(Record, frozen=True):
    """An in-use span; bitmaps are bytes in hexadecimal, slot 0 in the lowest bit of the first."""

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


class McacheShot(Record, frozen=True):
    """An mcache: its P, the pairs of span class and cached span, and the tiny block."""

    mcache: int
    p: int
    flush_gen: int
    alloc: tuple[tuple[int, int], ...]
    tiny: TinyBlock


class CentralShot(Record, frozen=True):
    """The lists of a span class, from the front."""

    spanclass: int
    nonempty: tuple[int, ...]
    empty: tuple[int, ...]


class Snapshot(Record, frozen=True):
    """A whole heap. Two heaps with equal snapshots answer every input alike."""

    sweepgen: int
    phase: int
    cycle: int
    procs: int
    sweepdone: bool
    heap_live: int
    reclaim_index: int
    reclaim_credit: int
    runs: tuple[tuple[int, PageRun], ...]
    spans: tuple[SpanShot, ...]
    mcaches: tuple[McacheShot, ...]
    central: tuple[CentralShot, ...]
    buffers: tuple[tuple[tuple[int, int], ...], ...]
    free: tuple[FreeSpan, ...]
    free_descriptors: tuple[int, ...]
    arenas: tuple[int, ...]
    current: Arena
    stats: HeapStatistics

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
    owners = {identity: p for p, identity in state.mcache_of.items()}
    return Snapshot(
        sweepgen=state.sweepgen,
        phase=state.phase,
        cycle=state.cycle,
        procs=state.procs,
        sweepdone=state.sweepdone,
        heap_live=state.accounts.heap_live,
        reclaim_index=state.progress.reclaim_index,
        reclaim_credit=state.progress.reclaim_credit,
        runs=tuple(sorted(heap.runs.items())),
        spans=tuple(shot(state, span, record) for span, record in sorted(state.spans.items())),
        mcaches=tuple(
            McacheShot(
                identity,
                owners[identity],
                state.flush_gen(identity),
                tuple(state.cached_spans(identity).items()),
                mcache.tiny,
            )
            for identity, mcache in sorted(state.mcaches.items())
        ),
        central=tuple(
            CentralShot(number, tuple(central.nonempty), tuple(central.empty))
            for number, central in enumerate(state.central)
            if len(central.nonempty) + len(central.empty) > 0
        ),
        buffers=tuple(tuple(sorted(buffer.entries.items())) for buffer in state.buffers),
        free=tuple(heap.free.in_order()),
        free_descriptors=tuple(heap.descriptors.free),
        arenas=tuple(heap.all_arenas),
        current=heap.current,
        stats=heap.stats,
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
    )
