"""Each step of the heap is a step of the abstract allocator, or nothing that a program sees.

A step is claimed to be possible for the abstract allocator, and to lead to the abstraction of the
heap after it: at an arbitrary address, and of an arbitrary block.
"""

from collections.abc import Callable, Sequence
from typing import Final, cast

import z3
from msgspec.structs import replace

from spanproof.prove.assumptions import PHYSICAL_PAGES
from spanproof.prove.lemmas import ShownOfSteps
from spanproof.prove.proof import Proof
from spanproof.symbolic.integers import Integers
from spanproof.symbolic.values.merge import as_bool
from spanproof.symbolic.values.values import IDENTITY_SORT, SymbolicTable, Value
from spanproof.theorems.objects.simulation.heaps import (
    Whole,
    block_of,
    contents_fit,
    free_slot_is_clean,
    is_mapped,
    marks_are_of_objects,
    memory_is_clean,
    object_at,
    span_at,
)
from spanproof.theorems.objects.simulation.layout import INDEX, holds_it, is_slot
from spanproof.theorems.pages.tables.tilingaround import distinct
from spanproof.theorems.pages.tables.tilingreads import owner_at
from spanspec.base.ids import Address, SpanId
from spanspec.objects.records import Block, Objects
from spanspec.pages.tables import invariant
from spanspec.pages.tables.runs import PhysicalPages
from spanspec.span.mspan import Mspan, obj_index

INTEGERS: Final = Integers()


class ClaimedHeap:
    """A heap of which something is claimed at an arbitrary address, and of an arbitrary block.

    Its physical pages may be any, unless they are given.
    """

    def __init__(self, p: Proof, phys: PhysicalPages | None = None) -> None:
        self.p = p
        self._seen: dict[tuple[int, ...], list[tuple[Whole, Objects]]] = {}
        heap = p.fresh(Whole, "heap")
        assert isinstance(heap, Whole)
        self.heap = heap
        if phys is not None:
            p.take_for_granted(PHYSICAL_PAGES)
            self.heap = replace(heap, tiling=replace(heap.tiling, phys=phys))
        self.address = cast(z3.ExprRef, p.fresh(Address, "any_address"))
        # Each claim is of one of them, so one symbol stands for every address and every block.
        self.block = self.address

    def span(self, name: str) -> z3.ExprRef:
        """An arbitrary descriptor."""
        return cast(z3.ExprRef, self.p.fresh(SpanId, name))

    def leads_to(self, address: z3.ExprRef) -> z3.ExprRef:
        """The span that an address leads to."""
        return cast(z3.ExprRef, self.p.call(span_at, self.heap, address))

    def object_at(self, address: z3.ExprRef, heap: Whole | None = None) -> z3.ExprRef:
        """The object that an address leads to, or NOTHING."""
        return cast(z3.ExprRef, self.p.call(object_at, heap or self.heap, address))

    def sound(self, spans: Sequence[z3.ExprRef], addresses: Sequence[z3.ExprRef] = ()) -> None:
        """Assume what holds in every state of some spans, and of the places that are looked at."""
        p, tiling = self.p, self.heap.tiling
        places = distinct([self.address, self.block, *addresses])
        owners = [cast(z3.ExprRef, p.call(owner_at, tiling, at)) for at in places]
        around = distinct([*spans, *(self.leads_to(at) for at in places), *owners])
        for at in places:
            p.assume(p.holds(invariant.address_has_its_span, tiling, at))
            p.assume(p.holds(invariant.used_address_is_mapped, tiling, at))
            p.assume(*(p.holds(invariant.run_has_its_address, tiling, one, at) for one in around))
        # Of the descriptors that the step is about, and of those that the addresses lead to or
        # belong to: a stale entry of the map may lead elsewhere.
        for one in around:
            p.assume(p.holds(invariant.run_is_sound, tiling, one))
            p.assume(p.holds(contents_fit, self.heap, one))
        p.assume(p.holds(memory_is_clean, self.heap, self.address))
        p.assume(p.holds(free_slot_is_clean, self.heap, self.address))

    def marks(self, span: z3.ExprRef, *slots: z3.ExprRef) -> None:
        """Assume of a span that only objects are marked: at the address, and of some slots."""
        p = self.p
        record = cast(Mspan, table_of(self.heap.contents).get(span))
        for slot in distinct([self.index(record, self.address), *slots]):
            p.assume(p.holds(marks_are_of_objects, self.heap, span, slot))

    def index(self, record: Mspan, address: z3.ExprRef) -> z3.ExprRef:
        """The slot of a span that an address lies in; anything outside its objects."""
        inside = z3.And(record.base <= address, address < record.limit)
        return self.p.integer_given(inside, obj_index, record, address)

    def only_slot(self, record: Mspan, slot: z3.ExprRef, address: z3.ExprRef) -> None:
        """Build on it that an address in a slot has that slot as its index."""
        p = self.p
        given = z3.And(p.holds(is_slot, record, slot), p.holds(holds_it, record, slot, address))
        p.use(INDEX, record, slot, address, given=given)

    def rely(self, shown: ShownOfSteps, record: Mspan, result: Value, *slots: z3.ExprRef) -> None:
        """Build on what is shown of a slot: of some, and of those that are looked at."""
        looked_at = [self.index(record, at) for at in (self.address, self.block)]
        for slot in distinct([*slots, *looked_at]):
            self.p.rely(shown, record, result, slot)

    def seen(self, heap: Whole, *blocks: z3.ExprRef) -> Objects:
        """What a program sees of a heap, at the arbitrary address and of some blocks."""
        p = self.p
        key = tuple(at.get_id() for at in blocks)
        # Terms are looked up by identity: what is seen of one heap is built once, however often it
        # is asked.
        for known, objects_seen in self._seen.setdefault(key, []):
            if known is heap:
                return objects_seen
        places = distinct([self.address, self.block, *blocks])
        objects = {at.get_id(): p.call(object_at, heap, at) for at in places}
        records = {at.get_id(): p.call(block_of, heap, at) for at in places}
        mapped = {at.get_id(): p.call(is_mapped, heap, at) for at in places}
        make: Callable[..., Objects] = Objects
        seen = make(
            heap.cycle,
            heap.marking,
            SymbolicTable(IDENTITY_SORT, lambda at: records[at.get_id()]),
            self.pointwise(objects),
            self.pointwise(mapped),
            SymbolicTable(IDENTITY_SORT, table_of(heap.dirty).get, stands_for_all=self.address),
        )
        self._seen[key].append((heap, seen))
        return seen

    def pointwise(self, values: dict[int, Value]) -> SymbolicTable:
        """A map of which something is known at a few addresses only."""
        return SymbolicTable(
            IDENTITY_SORT, lambda at: values[at.get_id()], stands_for_all=self.address
        )

    def show_same(self, abstract: Objects, after: Whole, given: z3.BoolRef | None = None) -> None:
        """Claim that what the abstract allocator has become is what a program sees of the heap."""
        p, concrete = self.p, self.seen(after)
        for label, one, other in (
            ("its block", abstract.block_at, concrete.block_at),
            ("usable", abstract.mapped, concrete.mapped),
            ("written", abstract.written, concrete.written),
        ):
            same = table_of(one).get(self.address) == table_of(other).get(self.address)
            p.show(f"an address: {label}", same, given)
        self.show_block(abstract, after, given)
        p.show("the cycle", abstract.cycle == concrete.cycle)
        p.show("whether it is marking", abstract.marking == concrete.marking)

    def show_block(self, abstract: Objects, after: Whole, given: z3.BoolRef | None = None) -> None:
        """Claim that the arbitrary block is what a program sees of the heap, wherever it lives."""
        p, concrete = self.p, self.seen(after)
        block, seen = (table_of(heap.blocks).get(self.block) for heap in (abstract, concrete))
        assert isinstance(block, Block)
        assert isinstance(seen, Block)
        alive = as_bool(seen.size != 0)
        for label, same in (
            ("its size", as_bool(block.size == seen.size)),
            ("its objects", z3.Implies(alive, block.used == seen.used)),
            ("its kind", z3.Implies(alive, block.noscan == seen.noscan)),
            ("how long it lives", z3.Implies(alive, block.kept == seen.kept)),
            ("its finalizer", z3.Implies(alive, block.finalizer == seen.finalizer)),
        ):
            p.show(f"a block: {label}", same, given)

    def show_kept(self, after: Whole, *spans: z3.ExprRef) -> None:
        """Claim what holds in every state of some spans afterwards, and of the address."""
        p = self.p
        for span in spans:
            record = cast(Mspan, table_of(after.contents).get(span))
            slot = self.index(record, self.address)
            p.show("slots are laid out", p.holds(contents_fit, after, span))
            p.show("only objects are marked", p.holds(marks_are_of_objects, after, span, slot))
        p.show("memory is clean", p.holds(memory_is_clean, after, self.address))
        p.show("free slots are clean", p.holds(free_slot_is_clean, after, self.address))


def table_of(value: object) -> SymbolicTable:
    """Return a table of a symbolic record as what it is."""
    assert isinstance(value, SymbolicTable)
    return value
