"""The theorem: what a program may rely on, whatever its threads do.

It is put together from what the steps were shown to do, one by one: the state of the heap and that
of the abstract allocator, step by step, agree; and the abstract allocator keeps its promises.
"""

from collections.abc import Callable, Iterable
from typing import Final, cast

import z3

from spanproof.prove.assumptions import ATOMICS, LOCK_SECTIONS, NON_PREEMPTION, STOP_THE_WORLD
from spanproof.prove.lemmas import Inductive
from spanproof.prove.proof import Proof, obligation
from spanproof.symbolic.values.merge import as_bool
from spanproof.theorems.objects.abstract import STEPS as ABSTRACT_STEPS
from spanproof.theorems.objects.abstract import is_kept
from spanproof.theorems.objects.simulation.heaps import (
    Whole,
    block_of,
    contents_fit,
    is_dirty,
    is_in_use,
    is_mapped,
    object_at,
    span_at,
)
from spanproof.theorems.objects.simulation.layout import LAYOUT
from spanproof.theorems.objects.simulation.pagesteps import STEPS as PAGE_STEPS
from spanproof.theorems.objects.simulation.simulation import INTEGERS, ClaimedHeap, table_of
from spanproof.theorems.objects.simulation.told import shared_id, told_alike
from spanproof.theorems.pages.tables.statistics import ADDS_UP
from spanproof.theorems.pages.tables.tiling import STEPS as TILING_STEPS
from spanproof.theorems.pages.tables.tilingreads import owner_at
from spanproof.theorems.sharing.steps.order import WAITS, has_swept_slots, is_to_be_swept
from spanproof.theorems.sharing.steps.protocol import INTERLEAVED, any_system
from spanproof.theorems.sharing.steps.protocol import WORDS as SHARED_WORDS
from spanspec.base.constants import is_noscan
from spanspec.base.ids import Address, SpanId
from spanspec.objects import invariant as promises
from spanspec.objects import steps as abstract
from spanspec.objects.records import NOTHING, Objects, is_condemned, lives
from spanspec.pages.tables import invariant as tiling
from spanspec.pages.tables.records import contains, is_live
from spanspec.pages.tables.statistics import ByteSums, HeapStatistics, balances
from spanspec.sharing.tables.records import Sharing
from spanspec.span.mspan import find_object

# --- where it begins ------------------------------------------------------------------------------


@obligation("objects.start", "I-12 I-37 SPAN-3", INTEGERS, contracts=LAYOUT)
def there_is_no_object_at_first(p: Proof) -> None:
    """Before the heap has grown, no address leads to an object, and none is usable."""
    scene = ClaimedHeap(p)
    heap, here = scene.heap, scene.leads_to(scene.address)
    p.assume(p.holds(is_untouched, heap, here, scene.address), z3.Not(heap.marking))
    seen = scene.seen(heap)
    p.show("no object", table_of(seen.block_at).get(scene.address) == NOTHING)
    p.show("no block", z3.Not(p.holds(lives, seen, scene.address)))
    p.show("not usable", z3.Not(p.holds(is_mapped, heap, scene.address)))
    scene.show_kept(heap, here)
    p.possible("an address", scene.address >= 0)


def is_untouched(heap: Whole, span: SpanId, address: Address) -> bool:
    """A descriptor stands for nothing, and an address belongs to no run, nor was it written."""
    return (
        not is_live(heap.tiling, span)
        and heap.tiling.owner[address] < 0
        and not heap.tiling.written[address]
        and not heap.dirty[address]
    )


# --- no slot is lost ------------------------------------------------------------------------------


@obligation(
    "objects.no-slot-lost",
    "SWP-13 SWP-15 SWP-37 MC-7 I-23 I-24",
    SHARED_WORDS,
    assumes=INTERLEAVED,
)
def a_dead_slot_waits_for_a_sweep_that_comes(p: Proof) -> None:
    """A span whose slots are not those of this cycle's sweep is still in the unswept stack, just
    popped, in a cache that is to be flushed, or being swept; no cycle begins before all are swept.
    """
    state, span = any_system(p), p.fresh(SpanId, "span")
    p.shows(WAITS, state, span)
    used, swept = p.holds(is_used, state, span), p.holds(has_swept_slots, state, span)
    p.possible("an unswept span", z3.And(used, z3.Not(swept)))
    p.possible("a swept one", z3.And(used, swept))


def is_used(state: Sharing, span: SpanId) -> bool:
    """A span is in use."""
    return state.spans[span].in_use


# --- the theorem ----------------------------------------------------------------------------------


def sees(heap: Whole, objects: Objects, address: Address) -> bool:
    """What a program sees of the heap is the abstract allocator: at an address, and of the block
    that begins there.
    """
    block, it = block_of(heap, address), objects.blocks[address]
    same = it.used == block.used and it.noscan == block.noscan and it.kept == block.kept
    return (
        objects.cycle == heap.cycle
        and objects.marking == heap.marking
        and objects.block_at[address] == object_at(heap, address)
        and objects.mapped[address] == is_mapped(heap, address)
        and objects.written[address] == heap.dirty[address]
        and it.size == block.size
        and (block.size == 0 or (same and it.finalizer == block.finalizer))
    )


SLOT_STEPS: Final = (
    "objects.malloc",
    "objects.malloc-large",
    "objects.place",
    "objects.write",
    "objects.finalizer",
    "objects.start-marking",
    "objects.mark",
    "objects.end-marking",
    "objects.sweep",
    "objects.use",
)


def named(prefix: str, steps: Iterable[Callable[..., object]]) -> tuple[str, ...]:
    """Return the obligations of steps."""
    return tuple(f"{prefix}.{step.__name__.replace('_', '-')}" for step in steps)


STEPS: Final = (*SLOT_STEPS, *named("objects.pages", PAGE_STEPS))
SIMULATED: Final = Inductive(sees, "objects.start", STEPS)
FITS: Final = Inductive(contents_fit, "objects.start", STEPS)
TOLD: Final = Inductive(told_alike, "objects.start", STEPS)
ABSTRACT: Final = named("objects.abstract", ABSTRACT_STEPS)
TILED: Final = tuple(
    Inductive(rule, "pages.start", named("pages", TILING_STEPS))
    for rule in (tiling.address_has_its_span, tiling.run_has_its_address, tiling.run_is_sound)
)
PROMISED: Final = tuple(
    Inductive(rule, "objects.abstract.start", ABSTRACT)
    for rule in (
        promises.address_has_its_block,
        promises.block_has_its_address,
        promises.living_is_mapped,
        promises.block_is_sound,
    )
)
"""What holds in every state that can be reached, and the obligations that show it step by step."""


@obligation(
    "objects.safe",
    "I-12 I-13 I-36 I-37 I-38 I-39 MAL-22 MAL-23 SWP-28 SPAN-19",
    INTEGERS,
    contracts=LAYOUT,
    assumes=(ATOMICS, LOCK_SECTIONS, STOP_THE_WORLD, NON_PREEMPTION),
    lemmas=(SIMULATED, FITS, TOLD, WAITS, *TILED, *PROMISED, ADDS_UP),
)
def objects_are_safe(p: Proof) -> None:
    """Live objects are disjoint, aligned as promised, in one span of their class, and in mapped
    arenas; the page map and find_object lead from every interior address to the object, and from
    an address of no object to none. Nothing is handed out twice; no slot is lost: it is free,
    allocated, or waits for a sweep that will come. No object dies in a cycle in which it was
    marked, nor one with a finalizer. What is promised zero is zero; what is scavenged or unmapped
    belongs to no live object; pages in use, idle and released add up.
    """
    heap, objects = p.fresh(Whole, "heap"), p.fresh(Objects, "objects")
    state = p.fresh(Sharing, "threads")
    assert isinstance(heap, Whole)
    assert isinstance(objects, Objects)
    block, other, address = (
        cast(z3.ExprRef, p.fresh(Address, name)) for name in ("block", "other", "address")
    )
    span = cast(z3.ExprRef, p.call(span_at, heap, block))
    here = cast(z3.ExprRef, p.call(span_at, heap, address))
    # What holds everywhere is relied on where the claims look: at two blocks, an address, and the
    # spans that these lead to. A solver that had it of all places would not come to an end.
    for at in (block, other, address):
        p.rely(SIMULATED, heap, objects, at)
    for one in (span, here):
        p.rely(FITS, heap, one)
        p.rely(TOLD, heap, state, one)
        p.rely(WAITS, state, p.call(shared_id, one))
    # Runs do not overlap, so that what the map says of a block's span can be said of the run that
    # owns the address.
    owned, inside, sound = TILED
    for at in (block, address):
        p.rely(owned, heap.tiling, at)
        for one in (span, here, p.call(owner_at, heap.tiling, at)):
            p.rely(inside, heap.tiling, one, at)
            p.rely(sound, heap.tiling, one)
    belongs, apart, usable, whole = PROMISED
    for at in (block, address):
        p.rely(belongs, objects, at)
        p.rely(usable, objects, at)
        for one in (block, other):
            p.rely(apart, objects, one, at)
            p.rely(whole, objects, one)
    alive = p.holds(lives, objects, block)
    within = z3.And(alive, p.holds(is_within, objects, block, address))
    both = z3.And(
        within, p.holds(lives, objects, other), p.holds(is_within, objects, other, address)
    )
    p.show("live objects are disjoint", block == other, both)
    p.show("aligned as promised", p.holds(is_placed, objects, block), alive)
    p.show("in one span of their class", p.holds(is_of_span, heap, objects, block, address), within)
    p.show("inside mapped arenas", p.holds(is_mapped, heap, address), within)
    found = cast(z3.ExprRef, p.call(object_at, heap, address))
    p.show("found from every interior address", found == block, within)
    p.show("nothing else is found", p.holds(is_nothing_or_lives, objects, found, address))
    # Any request that the abstract allocator may serve: the heap serves no other (objects.malloc).
    request = p.parameters(abstract.may_malloc)
    may = p.holds(abstract.may_malloc, objects, *request.values())
    at, room = (cast(z3.ExprRef, request[name]) for name in ("at", "room"))
    new = z3.And(may, at <= address, address < at + room)
    p.show("nothing is handed out twice", found == NOTHING, new)
    zero = z3.And(new, as_bool(request["zero"]))
    p.show("what is promised zero is zero", z3.Not(p.holds(is_dirty, heap, address)), zero)
    dead = p.holds(is_condemned, objects, block)
    p.show("no slot is lost", p.holds(is_awaited, heap, state, block), dead)
    # One step further: who was marked is asked for after the end of the marking that it was marked
    # in.
    over = p.call(abstract.end_marking, objects)
    assert isinstance(over, Objects)
    marked = z3.And(
        alive, p.holds(abstract.may_end_marking, objects), p.holds(is_kept, objects, block)
    )
    p.show("none dies that was marked", z3.Not(p.holds(abstract.may_die, over, block)), marked)
    dies = p.holds(abstract.may_die, objects, block)
    p.show("who dies was not marked", p.holds(is_unmarked, heap, block), dies)
    released = p.holds(is_released, heap, address)
    p.show("what is released has no object", found == NOTHING, released)
    figures, runs = p.fresh(HeapStatistics, "figures"), p.fresh(ByteSums, "runs")
    assert isinstance(figures, HeapStatistics)
    assert isinstance(runs, ByteSums)
    p.rely(ADDS_UP, figures, runs)
    p.show("pages in use, idle and released add up", p.holds(adds_up, figures, runs))
    p.possible("an object with an inner address", z3.And(within, address > block))
    p.possible("two objects", z3.And(alive, p.holds(lives, objects, other), block != other))
    p.possible("a condemned one", dead)
    p.possible("a new one", new)
    p.possible("released memory", released)


def is_within(objects: Objects, block: Address, address: Address) -> bool:
    """An address lies in a block."""
    return block <= address < block + objects.blocks[block].size


def is_placed(objects: Objects, block: Address) -> bool:
    """A block begins at a multiple of 8, and of 16 if it has 16 bytes or more."""
    return block % 16 == 0 if objects.blocks[block].size >= 16 else block % 8 == 0


def is_of_span(heap: Whole, objects: Objects, block: Address, address: Address) -> bool:
    """A block and an address in it lead to one span in use, of its class, that has them."""
    span = heap.tiling.map[block]
    return (
        heap.tiling.map[address] == span
        and is_in_use(heap.tiling, span)
        and contains(heap.tiling.runs[span], address)
        and is_noscan(heap.contents[span].spanclass) == objects.blocks[block].noscan
    )


def is_nothing_or_lives(objects: Objects, found: Address, address: Address) -> bool:
    """What is found at an address is nothing, or a block that lives and contains it."""
    return found == NOTHING or (lives(objects, found) and is_within(objects, found, address))


def is_awaited(heap: Whole, state: Sharing, block: Address) -> bool:
    """The span of a block that is condemned waits for its sweep."""
    span = shared_id(heap.tiling.map[block])
    return state.spans[span].in_use and is_to_be_swept(state, span)


def is_unmarked(heap: Whole, block: Address) -> bool:
    """A block has no mark and no finalizer, and its span was not swept since marking ended."""
    span = heap.tiling.map[block]
    record = heap.contents[span]
    marked = record.gcmark_bits.bit(find_object(record, block).slot)
    return (
        not marked and heap.swept_in[span] != heap.cycle and not heap.block_ghosts[block].finalizer
    )


def is_released(heap: Whole, address: Address) -> bool:
    """An address is in a run that is scavenged, or in none."""
    span = heap.tiling.owner[address]
    return not is_live(heap.tiling, span) or heap.tiling.runs[span].scavenged


def adds_up(figures: HeapStatistics, runs: ByteSums) -> bool:
    """The figures of the heap are the bytes of its runs."""
    return balances(figures, runs)
