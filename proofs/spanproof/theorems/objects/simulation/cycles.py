"""Cycles: what marking, and its end, are to the objects; and what a program does to its own."""

from typing import Final, cast

import z3

from spanproof.prove.assumptions import NON_PREEMPTION, STOP_THE_WORLD
from spanproof.prove.proof import Proof, obligation
from spanproof.theorems.objects.simulation.heaps import (
    Whole,
    tiny_block_holds,
    with_cycle_over,
    with_finalizer,
    with_mark,
    with_marking,
    with_queued,
    with_written,
)
from spanproof.theorems.objects.simulation.layout import INDEX, LAYOUT
from spanproof.theorems.objects.simulation.simulation import INTEGERS, ClaimedHeap, table_of
from spanproof.theorems.objects.simulation.slotsteps import address_of, swept_now
from spanproof.theorems.objects.simulation.told import shared, show_told, threads
from spanproof.theorems.sharing.steps.order import BEGINS
from spanspec.base.ids import Address
from spanspec.objects import steps as abstract
from spanspec.objects.records import NOTHING, Objects, is_condemned, lives
from spanspec.sharing.tables.records import Sharing
from spanspec.span.mspan import Mspan
from spanspec.span.tiny import TinyBlock

STOPPED: Final = (STOP_THE_WORLD, NON_PREEMPTION)


@obligation(
    "objects.start-marking",
    "SWP-32 SWP-33 SWP-40 T-91",
    INTEGERS,
    contracts=LAYOUT,
    lemmas=(BEGINS,),
    assumes=STOPPED,
)
def marking_begins_with_everything_swept(p: Proof) -> None:
    """Where marking begins, everything is swept: so no block waits to be freed, and none dies by
    it. The current tiny blocks are marked at once.
    """
    scene = ClaimedHeap(p)
    heap, here = scene.heap, scene.leads_to(scene.address)
    tiny = p.fresh(TinyBlock, "tiny")
    assert isinstance(tiny, TinyBlock)
    at = cast(z3.ExprRef, p.call(address_of, tiny))
    scene.sound([], [at])
    scene.marks(here)
    p.assume(z3.Not(heap.marking))
    held = z3.And(at != 0, p.holds(tiny_block_holds, heap, tiny))
    p.assume(z3.Implies(held, p.holds(swept_now, heap, scene.leads_to(at))))
    # What may start a cycle holds here: so all is swept, as if one began.
    state = threads(scene, here)
    p.rely(BEGINS, state, p.fresh(Sharing, "threads_then"), shared(p, here))
    before = scene.seen(heap)
    p.show("none is condemned", z3.Not(p.holds(is_condemned, before, scene.address)))
    after = p.call(with_marking, heap)
    assert isinstance(after, Whole)
    marking = p.call(abstract.start_marking, before)
    assert isinstance(marking, Objects)
    scene.show_same(marking, after)
    scene.show_kept(after, here)
    span = scene.leads_to(at)
    marked = p.call_given(held, with_mark, after, span, at)
    assert isinstance(marked, Whole)
    p.show("a tiny block is marked", p.implied(held, tiny_block_holds, marked, tiny))
    p.possible("a current tiny block", held)
    p.possible("a block", p.holds(lives, before, scene.address))


@obligation(
    "objects.end-marking",
    "SWP-2 SWP-4 SWP-34 SWP-35 I-24",
    INTEGERS,
    contracts=LAYOUT,
    lemmas=(BEGINS,),
    assumes=STOPPED,
)
def a_cycle_condemns_what_it_has_not_marked(p: Proof) -> None:
    """Where sweepgen is raised, marking ends: what is marked is kept for the cycle that begins,
    what is not is condemned; no slot changes. The current tiny blocks were marked.
    """
    scene = ClaimedHeap(p)
    heap, here = scene.heap, scene.leads_to(scene.address)
    tiny = p.fresh(TinyBlock, "tiny")
    assert isinstance(tiny, TinyBlock)
    scene.sound([])
    scene.marks(here)
    p.assume(heap.marking)
    before = scene.seen(heap)
    p.show("it is possible", p.holds(abstract.may_end_marking, before))
    after = p.call(with_cycle_over, heap)
    assert isinstance(after, Whole)
    over = p.call(abstract.end_marking, before)
    assert isinstance(over, Objects)
    scene.show_same(over, after)
    scene.show_kept(after, here)
    held = p.holds(tiny_block_holds, heap, tiny)
    show_told(scene, BEGINS, threads(scene, here), after, here)
    p.show("tiny blocks are kept", z3.Implies(held, p.holds(tiny_block_holds, after, tiny)))
    dead = p.holds(is_condemned, over, scene.address)
    p.possible("a block is condemned", dead)
    p.possible("one is not", z3.And(p.holds(lives, over, scene.address), z3.Not(dead)))


@obligation("objects.write", "MAL-23 I-39", INTEGERS, contracts=LAYOUT, lemmas=(INDEX,))
def a_program_writes_to_its_objects_only(p: Proof) -> None:
    """What a program writes to its objects changes no memory that is said to be zero."""
    scene = ClaimedHeap(p)
    heap, at = scene.heap, cast(z3.ExprRef, p.fresh(Address, "at"))
    scene.sound([], [at])
    before = scene.seen(heap, at)
    p.assume(p.holds(abstract.is_reachable, before, at))
    span = scene.leads_to(at)
    scene.marks(span)
    record = cast(Mspan, table_of(heap.contents).get(span))
    scene.only_slot(record, scene.index(record, at), scene.address)
    after = p.call(with_written, heap, at)
    assert isinstance(after, Whole)
    written = p.call(abstract.write, before, at)
    assert isinstance(written, Objects)
    scene.show_same(written, after)
    scene.show_kept(after, span)
    p.possible("another address", scene.address != at)


@obligation("objects.finalizer", "SWP-18 SWP-24", INTEGERS, contracts=LAYOUT, lemmas=(INDEX,))
def a_finalizer_saves_its_object(p: Proof) -> None:
    """To set a finalizer, or take it away, moves nothing. Where a sweep finds a condemned object
    that has one, it marks it: the object lives on through this cycle.
    """
    scene = ClaimedHeap(p)
    heap, at = scene.heap, cast(z3.ExprRef, p.fresh(Address, "at"))
    wanted = cast(z3.BoolRef, p.fresh(bool, "wanted"))
    scene.sound([], [at])
    before = scene.seen(heap, at)
    set_it = p.call(with_finalizer, heap, at, wanted)
    assert isinstance(set_it, Whole)
    p.assume(p.holds(lives, before, at))
    asked = p.call(abstract.set_finalizer, before, at, wanted)
    assert isinstance(asked, Objects)
    scene.show_same(asked, set_it)
    span = scene.leads_to(at)
    record = cast(Mspan, table_of(heap.contents).get(span))
    slot = scene.index(record, at)
    scene.only_slot(record, slot, scene.address)
    saves = p.holds(abstract.may_resurrect, before, at)
    saved = p.call_given(saves, with_queued, heap, span, slot, at)
    assert isinstance(saved, Whole)
    expected = p.call(abstract.resurrect, before, at)
    assert isinstance(expected, Objects)
    scene.show_same(expected, saved, saves)
    queued = scene.seen(saved, at)
    alive = z3.Not(p.holds(abstract.may_die, queued, at))
    p.show("it lives on", z3.Implies(saves, alive))
    p.possible("it is saved", saves)
    p.possible("another block", z3.And(scene.address != at, scene.object_at(at) != NOTHING))
