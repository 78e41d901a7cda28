"""The theorem: what a program may rely on, whatever its threads do.

It is put together from what the steps were shown to do, one by one: the state of the heap and that
of the abstract allocator, step by step, agree; and the abstract allocator keeps its promises.
"""

import z3

from spanproof.prove.proof import Proof, obligation
from spanproof.theorems.objects.heaps import (
    Whole,
    is_mapped,
)
from spanproof.theorems.objects.layout import LAYOUT
from spanproof.theorems.objects.simulation import INTEGERS, Scene, table_of
from spanproof.theorems.sharing.order import WAITS, has_swept_slots
from spanproof.theorems.sharing.protocol import INTERLEAVED, any_system
from spanproof.theorems.sharing.protocol import WORDS as SHARED_WORDS
from spanspec.base.ids import Address, SpanId
from spanspec.objects.records import NOTHING, lives
from spanspec.pages.records import is_live
from spanspec.sharing.records import Sharing

# --- where it begins ------------------------------------------------------------------------------


@obligation("objects.start", "I-12 I-37 SPAN-3", INTEGERS, contracts=LAYOUT)
def there_is_no_object_at_first(p: Proof) -> None:
    """Before the heap has grown, no address leads to an object, and none is usable."""
    scene = Scene(p)
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
