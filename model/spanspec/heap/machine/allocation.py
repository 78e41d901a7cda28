"""Allocation, by the runtime's decision tree (rules MAL-1 to MAL-14)."""

from typing import Final

from spanspec.base.constants import MAX_SMALL_SIZE, PAGE_SIZE, TINY_SPAN_CLASS
from spanspec.base.ids import NOBODY
from spanspec.base.words import M64, U64
from spanspec.events import span_events as ev
from spanspec.heap.machine.machine import Machine, OutOfMemory, actor_of, require
from spanspec.heap.malloc import (
    MAX_ALLOC,
    Taken,
    check_may_allocate,
    flags_of,
    hit_tiny_block,
    is_tiny,
    pages_for_large,
    span_class_for,
    take_large_object,
    take_slot,
    take_tiny_block,
)
from spanspec.heap.mcache import refill
from spanspec.heap.newspan import take_large
from spanspec.heap.procs import mcache_of
from spanspec.heap.program import Allocate, Input
from spanspec.heap.state import HeapState
from spanspec.pages.pageheap import page_number
from spanspec.span.mspan import Mspan, slot_address

ZERO_BASE: Final = 0x1000
"""The address of every object of 0 bytes: a static variable, outside all arenas (MAL-3)."""


def allocate(machine: Machine, request: Input) -> int:
    """Allocate an object by the runtime's decision tree.

    Rules: MAL-1 MAL-3 MAL-4 MAL-10 MAL-11 MAL-14 MAL-18 T-18 T-52.
    """
    assert isinstance(request, Allocate)
    require(0 <= request.size <= M64, f"a size of {request.size} bytes")
    check_may_allocate(machine.state.phase)
    if request.size == 0:
        return ZERO_BASE
    if request.size > MAX_SMALL_SIZE:
        return _allocate_large(machine, request)
    mcache = mcache_of(machine.state, request.p)
    actor, spanclass = actor_of(request), span_class_for(request.size, request.noscan)
    if is_tiny(request.size, request.noscan):
        block = mcache.tiny.address
        offset = hit_tiny_block(mcache, request.size)
        if offset is not None:
            machine.tell(tiny_hit(machine.state, request, block, offset))
            return block + offset
    taken = take_slot(machine.state, mcache, spanclass)
    if taken is None:
        if not machine.drive(actor, refill(machine.state, actor, mcache, spanclass)):
            raise OutOfMemory(f"T-52: out of memory: no span for {request.size} bytes")
        taken = take_slot(machine.state, mcache, spanclass)
        assert taken is not None, "MAL-19: a refilled span has a free slot"
    tiny_block = is_tiny(request.size, request.noscan)
    current = tiny_block and take_tiny_block(mcache, taken, request.size)
    machine.tell(slot_taken(request, taken, current))
    return slot_address(taken.record, taken.slot)


def slot_taken(request: Allocate, taken: Taken, current: bool) -> ev.Malloc:
    """Tell that an object took a slot; `current`: as the tiny block that is now in use."""
    record = taken.record
    tiny_block = is_tiny(request.size, request.noscan)
    needzero = record.needzero != 0
    return ev.Malloc(
        p=request.p,
        size=request.size,
        path=taken.path,
        spanclass=record.spanclass,
        base_page=page_number(record.base),
        slot=taken.slot,
        flags=flags_of(request.noscan, request.zero, needzero, tiny_block, current),
    )


def large_taken(request: Allocate, record: Mspan) -> ev.Malloc:
    """Tell that an object took a span of its own."""
    return ev.Malloc(
        p=request.p,
        size=request.size,
        path=ev.LARGE,
        spanclass=record.spanclass,
        base_page=page_number(record.base),
        slot=0,
        flags=flags_of(request.noscan, request.zero, needzero=False),
    )


def tiny_hit(state: HeapState, request: Allocate, block: U64, offset: int) -> ev.TinyHit:
    """Tell that a tiny object went into the current block."""
    record = state.spans[state.pages.map.span_of(block)]
    assert record.spanclass == TINY_SPAN_CLASS, "MAL-6: the tiny block is of another class"
    return ev.TinyHit(
        p=request.p,
        size=request.size,
        base_page=page_number(record.base),
        slot=(block - record.base) // record.elemsize,
        offset=offset,
        flags=flags_of(request.noscan, request.zero, needzero=False),
    )


def _allocate_large(machine: Machine, request: Allocate) -> int:
    """Allocate an object of more than 32768 bytes.

    Rules: MAL-11 MAL-12 HEAP-23 T-21 T-22.
    """
    if request.size + PAGE_SIZE > M64:
        raise OutOfMemory(f"T-21: out of memory: {request.size} bytes are too many")
    if request.size > MAX_ALLOC:
        # No system can grant it. The runtime finds that out only after it has swept for it.
        raise OutOfMemory(f"T-22: out of memory: no span for {request.size} bytes")
    npages = pages_for_large(request.size)
    actor = actor_of(request)
    span = machine.drive(actor, take_large(machine.state, actor, npages, request.noscan))
    if span == NOBODY:
        raise OutOfMemory(f"T-22: out of memory: no span for {request.size} bytes")
    record = take_large_object(machine.state, span, request.size)
    machine.tell(large_taken(request, record))
    return record.base
