"""Steps on the slots of one span: malloc, tiny objects, sweeps, marks, finalizers."""

from typing import cast

import z3

from spanproof.prove.assumptions import MARKER, SPECIALS
from spanproof.prove.proof import Proof, obligation
from spanproof.theorems.objects.simulation.heaps import (
    Whole,
    is_in_use,
    marks_are_of_objects,
    object_at,
    span_at,
    tiny_block_holds,
    with_mark,
    with_new_object,
    with_swept,
    with_tiny_object,
)
from spanproof.theorems.objects.simulation.layout import INDEX, LAYOUT, SERVES, slot_end
from spanproof.theorems.objects.simulation.simulation import INTEGERS, ClaimedHeap, table_of
from spanproof.theorems.objects.simulation.slots import SWEEPS, TAKES
from spanproof.theorems.objects.simulation.told import (
    shared,
    shared_id,
    show_told,
    threads,
    told_alike,
    works_with,
)
from spanproof.theorems.sharing.steps.order import ALLOCATES, ALONE, SWEEPS_ONCE
from spanspec.base.constants import TINY_SIZE, is_noscan
from spanspec.base.ids import Address, SlotId, SpanId, ThreadId
from spanspec.base.words import U8, U16, U64
from spanspec.heap.state.collector import MARK, OFF
from spanspec.objects import steps
from spanspec.objects.records import NOTHING, Objects, is_condemned, lives
from spanspec.sharing.tables.records import Sharing
from spanspec.span.alloccache import NextFree
from spanspec.span.mspan import Mspan, slot_address
from spanspec.span.sweep import Swept
from spanspec.span.tiny import TinyBlock, align_tiny, take_tiny, tiny_fits


def caches(heap: Whole, state: Sharing, cached: SlotId, span: SpanId) -> bool:
    """A slot of an mcache holds a span."""
    return state.slots[cached].span == shared_id(span)


def swept_now(heap: Whole, span: SpanId) -> bool:
    """A span was swept in this cycle, or taken into use in it."""
    return heap.swept_in[span] == heap.cycle


@obligation(
    "objects.malloc",
    "MAL-10 MAL-14 MAL-22 MAL-23 I-37 I-38 I-39",
    INTEGERS,
    contracts=LAYOUT,
    lemmas=(INDEX, TAKES, SERVES, ALLOCATES, ALONE),
)
def an_allocation_is_one_of_the_abstract_allocator(p: Proof) -> None:
    """A slot that a search takes from a swept span becomes a block: nothing lived there, it is
    aligned, in usable memory, and zero if that is promised; nothing else changes.
    """
    scene = ClaimedHeap(p)
    span = scene.span("span")
    heap, size = scene.heap, p.number(U64, "size")
    zero = cast(z3.BoolRef, p.fresh(bool, "zero"))
    found = p.fresh(NextFree, "found")
    assert isinstance(found, NextFree)
    record = cast(Mspan, table_of(heap.contents).get(span))
    scene.sound([span])
    state, cached = threads(scene, span), cast(z3.ExprRef, p.fresh(SlotId, "cached"))
    p.assume(p.holds(caches, heap, state, cached, span))
    p.rely(ALLOCATES, state, cached, p.fresh(ThreadId, "any_thread"))
    p.show("it is in use", p.holds(is_in_use, heap.tiling, span))
    p.show("it is swept", p.holds(swept_now, heap, span))
    p.assume(record.spanclass >= 2, found.slot != record.nelems)
    scene.rely(TAKES, record, found, found.slot)
    p.rely(SERVES, record, size)
    p.assume(size >= 1)
    p.assume(p.holds(marks_are_of_objects, heap, span, found.slot))
    p.assume(p.holds(marks_are_of_objects, heap, span, scene.index(record, scene.address)))
    for at in (scene.address, scene.block):
        scene.only_slot(record, found.slot, at)
    phase = z3.If(heap.marking, z3.IntVal(MARK), z3.IntVal(OFF))
    after = p.call(with_new_object, heap, span, found.span, found.slot, size, zero, phase)
    assert isinstance(after, Whole)
    at, end = (p.integer(rule, record, found.slot) for rule in (slot_address, slot_end))
    scene.only_slot(record, found.slot, at)
    abstract = scene.seen(heap, at)
    p.show("it may be cleared", p.holds(steps.is_vacant, abstract, at, end))
    clears = z3.And(zero, record.needzero != 0)
    cleared = p.call(steps.provide, abstract, at, end)
    assert isinstance(cleared, Objects)
    noscan = p.holds(is_noscan, record.spanclass)
    arguments = at, end - at, size, noscan, zero
    for given, ready in ((clears, cleared), (z3.Not(clears), abstract)):
        p.show("it is possible", p.implied(given, steps.may_malloc, ready, *arguments))
    ready = clears_or_not(p, clears, cleared, abstract)
    made = p.call(steps.malloc, ready, *arguments)
    assert isinstance(made, Objects)
    scene.show_same(made, after)
    scene.show_kept(after, span)
    show_told(scene, ALONE, state, after, span)
    p.possible("while marking", heap.marking)
    p.possible("cleared", clears)
    p.possible("another object in the span", p.holds(is_another, heap, scene.block, at))


def is_another(heap: Whole, block: Address, address: Address) -> bool:
    """A block lives in the span that another address leads to."""
    return object_at(heap, block) == block and span_at(heap, block) == span_at(heap, address)


def clears_or_not(p: Proof, clears: z3.BoolRef, yes: Objects, no: Objects) -> Objects:
    """Return one of two heaps."""
    chosen = p.call(one_of, clears, yes, no)
    assert isinstance(chosen, Objects)
    return chosen


def one_of(choice: bool, yes: Objects, no: Objects) -> Objects:
    """One of two heaps."""
    return yes if choice else no


# --- sweeping -------------------------------------------------------------------------------------


@obligation(
    "objects.sweep",
    "SWP-24 SWP-28 SWP-30 I-27 I-38",
    INTEGERS,
    contracts=LAYOUT,
    lemmas=(INDEX, SWEEPS, SWEEPS_ONCE),
    assumes=(MARKER, SPECIALS),
)
def a_sweep_frees_what_is_condemned(p: Proof) -> None:
    """A sweep ends the lives of the blocks of its span that were not marked in the last cycle, each
    of which may die; to all others nothing happens.
    """
    scene = ClaimedHeap(p)
    heap, span = scene.heap, scene.span("span")
    swept = p.fresh(Swept, "swept")
    assert isinstance(swept, Swept)
    record = cast(Mspan, table_of(heap.contents).get(span))
    found, other = scene.object_at(scene.address), scene.object_at(scene.block)
    scene.sound([span], [found, other])
    state, thread = threads(scene, span), cast(z3.ExprRef, p.fresh(ThreadId, "thread"))
    p.assume(p.holds(works_with, heap, state, thread, span))
    then = p.fresh(Sharing, "threads_then")
    p.rely(SWEEPS_ONCE, state, then, thread, shared(p, span))
    p.show("it is in use", p.holds(is_in_use, heap.tiling, span))
    p.show("it was not swept", z3.Not(p.holds(swept_now, heap, span)))
    for at in (scene.address, scene.block):
        p.assume(p.holds(marks_are_of_objects, heap, span, scene.index(record, at)))
    scene.rely(SWEEPS, record, swept)
    after = p.call(with_swept, heap, span, swept)
    assert isinstance(after, Whole)
    found = cast(z3.ExprRef, p.call(object_at, heap, scene.address))
    abstract = scene.seen(heap, found)
    for at in (scene.address, scene.block):
        slot = scene.index(record, cast(z3.ExprRef, p.call(object_at, heap, at)))
        scene.only_slot(
            record, scene.index(record, at), cast(z3.ExprRef, p.call(object_at, heap, at))
        )
        p.assume(p.holds(finalizer_is_marked, heap, span, slot, p.call(object_at, heap, at)))
    here = scene.leads_to(scene.address) == span
    dead = z3.And(here, p.holds(is_condemned, abstract, found))
    p.show("the condemned may die", p.holds(steps.may_die, abstract, found), dead)
    freed = p.call(steps.free, abstract, found)
    assert isinstance(freed, Objects)
    gone = scene.object_at(scene.address, after)
    p.show("it is gone", gone == table_of(freed.block_at).get(scene.address), dead)
    p.show("all else lives on", gone == found, z3.Not(dead))
    scene.show_block(abstract, after, z3.Not(p.holds(is_condemned, abstract, scene.block)))
    scene.show_kept(after, span)
    p.show("it is swept", p.holds(swept_now, after, span))
    p.show("threads are told", p.holds(told_alike, after, then, span))
    p.possible("one dies", dead)
    p.possible("one lives", z3.And(here, found != NOTHING, z3.Not(dead)))


def finalizer_is_marked(heap: Whole, span: SpanId, slot: U16, block: Address) -> bool:
    """A block that has a finalizer is marked when the marks of its span are counted."""
    return not heap.block_ghosts[block].finalizer or heap.contents[span].gcmark_bits.bit(slot)


# --- marking --------------------------------------------------------------------------------------


@obligation(
    "objects.mark",
    "SPAN-21 MAL-24 SWP-32 I-4",
    INTEGERS,
    contracts=LAYOUT,
    lemmas=(INDEX,),
    assumes=(MARKER,),
)
def a_mark_keeps_one_block(p: Proof) -> None:
    """To mark the object at an address, a tiny block for instance, keeps its block through this
    cycle, and moves nothing.
    """
    scene = ClaimedHeap(p)
    heap, at = scene.heap, cast(z3.ExprRef, p.fresh(Address, "at"))
    block = scene.object_at(at)
    scene.sound([], [at, block])
    span = scene.leads_to(at)
    record = cast(Mspan, table_of(heap.contents).get(span))
    p.assume(block != NOTHING, heap.marking)
    slot = scene.index(record, at)
    for other in (scene.address, scene.block, block):
        scene.only_slot(record, slot, other)
        p.assume(p.holds(marks_are_of_objects, heap, span, scene.index(record, other)))
    abstract = scene.seen(heap, block)
    p.show("it is possible", p.holds(steps.may_mark, abstract, block))
    after = p.call(with_mark, heap, span, at)
    assert isinstance(after, Whole)
    marked = p.call(steps.mark, abstract, block)
    assert isinstance(marked, Objects)
    scene.show_same(marked, after)
    scene.show_kept(after, span)
    p.possible("another block", z3.And(scene.block != block, p.holds(lives, abstract, scene.block)))


# --- tiny objects ---------------------------------------------------------------------------------


@obligation("objects.place", "MAL-5 MAL-6 MAL-24 I-36 I-37", INTEGERS, contracts=LAYOUT)
def a_tiny_object_is_placed_in_a_living_block(p: Proof) -> None:
    """A tiny object that fits the current block of a P is placed behind all that the block holds,
    aligned, and in a block that lives as long as a new one would.
    """
    scene = ClaimedHeap(p)
    heap = scene.heap
    tiny, size = p.fresh(TinyBlock, "tiny"), p.number(U8, "size")
    assert isinstance(tiny, TinyBlock)
    at = cast(z3.ExprRef, p.call(address_of, tiny))
    scene.sound([], [at])
    p.assume(size >= 1, size < TINY_SIZE, p.holds(tiny_fits, tiny, size))
    p.assume(p.holds(tiny_block_holds, heap, tiny))
    abstract = scene.seen(heap, at)
    offset = p.integer(align_tiny, tiny.offset, size)
    p.show("it is possible", p.holds(steps.may_place, abstract, at, offset, size))
    current = p.call(take_tiny, tiny, size)
    assert isinstance(current, TinyBlock)
    after = p.call(with_tiny_object, heap, tiny, current)
    assert isinstance(after, Whole)
    placed = p.call(steps.place, abstract, at, offset, size)
    assert isinstance(placed, Objects)
    scene.show_same(placed, after)
    p.show("the block is still the one", p.holds(tiny_block_holds, after, current))
    p.possible("behind another object", tiny.offset > 0)
    p.possible("while marking", heap.marking)


def address_of(tiny: TinyBlock) -> Address:
    """The address of a tiny block."""
    return Address(tiny.address)
