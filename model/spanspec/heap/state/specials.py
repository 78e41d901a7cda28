"""The special records of a span in use, and the steps by which they come and go (SWP-24).

A program gives an object a record, or takes it away. A sweep that finds the object dead frees its
records with it; but if one of them is a finalizer, the object lives on until the finalizer has run.
"""

from collections.abc import Iterator
from typing import Final

from msgspec.structs import replace

from spanspec.base.constants import TINY_SPAN_CLASS
from spanspec.base.ids import Address, SpecialId
from spanspec.base.records import Record
from spanspec.base.steps import step_of
from spanspec.base.tables import Table
from spanspec.base.words import U16, U64
from spanspec.heap.state.advancing import after
from spanspec.span.mspan import Mspan, is_allocated, obj_index, set_marked, slot_address
from spanspec.span.specials import (
    FINALIZER,
    KEPT,
    PROFILE,
    QUEUED,
    Special,
    Specials,
    add_special,
    has_special,
    remove_special,
)


def special_id(offset: U64, kind: int) -> SpecialId:
    """Return the identity of a record: in order of them, records are by offset and kind."""
    return SpecialId(2 * offset + kind - FINALIZER)


def offset_of(it: SpecialId) -> U64:
    """Return how far above the span's base the address of a record is, in bytes."""
    return it // 2


def kind_of(it: SpecialId) -> int:
    """Return the kind of a record."""
    return it % 2 + FINALIZER


class SlotSpecial(Record, frozen=True):
    """Whether a record is there, and the slot that its address lies in."""

    there: bool
    slot: U16


class SpanSpecials(Record, frozen=True):
    """The special records of a span, and the addresses whose finalizers are due.

    `found` is the span as its sweep has found it, with the marks of the cycle. In `span` the slots
    are marked, too, that the sweep saves. Where nobody sweeps, both are the span.
    """

    found: Mspan
    span: Mspan
    records: Table[SpecialId, SlotSpecial]
    due: Table[Address, bool]


class SpecialTable:
    """The records of one span, in the table of all spans that have some; updated in place."""

    def __init__(self, all_records: dict[int, Specials], number: int, span: Mspan) -> None:
        self._all = all_records
        self._number = number
        self._span = span

    def __getitem__(self, it: SpecialId) -> SlotSpecial:
        """Return whether a record is there, and its slot."""
        there = has_special(self._all.get(self._number, ()), offset_of(it), kind_of(it))
        return SlotSpecial(there, obj_index(self._span, self._span.base + offset_of(it)))

    def __iter__(self) -> Iterator[SpecialId]:
        """Iterate over the records that are there, in order of address and kind."""
        records = self._all.get(self._number, ())
        return iter([special_id(special.offset, special.kind) for special in records])

    def set(self, it: SpecialId, value: SlotSpecial) -> "SpecialTable":
        """Give the span a record, or take it away; return this table."""
        change = add_special if value.there else remove_special
        after = change(self._all.pop(self._number, ()), offset_of(it), kind_of(it))
        # A span without records is not in the table, so that a sweep has nothing to ask.
        if after:
            self._all[self._number] = after
        return self


class DueTable:
    """The queue of addresses whose finalizers are due, in order; updated in place."""

    def __init__(self, queue: list[U64]) -> None:
        self._queue = queue

    def __getitem__(self, address: Address) -> bool:
        """Tell whether a finalizer is due."""
        return address in self._queue

    def __iter__(self) -> Iterator[Address]:
        """Iterate over the addresses, in the order in which they were queued."""
        return iter([Address(address) for address in self._queue])

    def set(self, address: Address, value: bool) -> "DueTable":
        """Queue an address, or take it out of the queue; return this table."""
        if value:
            self._queue.append(address)
        else:
            self._queue.remove(address)
        return self


def address_of(at: SpanSpecials, it: SpecialId) -> Address:
    """Return the address that a record is for."""
    return Address(at.found.base + offset_of(it))


def is_there(at: SpanSpecials, it: SpecialId) -> bool:
    """Tell whether the span has a record."""
    return at.records[it].there


def was_marked(at: SpanSpecials, it: SpecialId) -> bool:
    """Tell whether the object of a record was found alive."""
    return at.found.gcmark_bits.bit(at.records[it].slot)


def lives_on(at: SpanSpecials, it: SpecialId) -> bool:
    """Tell whether the object of a record survives the sweep: found alive, or saved.

    Rules: SWP-24 I-27.
    """
    return at.span.gcmark_bits.bit(at.records[it].slot)


def special_holds(at: SpanSpecials, it: SpecialId) -> bool:
    """Say what always holds of a record: it is one of an allocated object.

    Rules: SWP-24.
    """
    slot = at.records[it].slot
    return not is_there(at, it) or (
        it >= 0
        and address_of(at, it) < at.found.limit
        and slot < at.found.nelems
        and is_allocated(at.found, slot)
    )


def is_settled(at: SpanSpecials, it: SpecialId) -> bool:
    """Say when a sweep has decided on a record: it is gone, or stays with an object that lives on.

    A finalizer stays only if its object was found alive.

    Rules: SWP-24 I-27.
    """
    if not is_there(at, it):
        return True
    return lives_on(at, it) if kind_of(it) == PROFILE else was_marked(at, it) and lives_on(at, it)


def may_add(at: SpanSpecials, it: SpecialId, slot: U16) -> bool:
    """Guard: the address is that of an allocated object, which has no such record; it is the first
    of a slot, unless that is a tiny block.

    Rules: SWP-24 T-42.
    """
    if it < 0 or is_there(at, it) or address_of(at, it) >= at.found.limit:
        return False
    first = slot_address(at.found, slot) == address_of(at, it)
    return (
        slot == obj_index(at.found, address_of(at, it))
        and slot < at.found.nelems
        and is_allocated(at.found, slot)
        and (first or at.found.spanclass == TINY_SPAN_CLASS)
    )


def add(at: SpanSpecials, it: SpecialId, slot: U16) -> SpanSpecials:
    """Give an object a record.

    Rules: SWP-24.
    """
    return replace(at, records=at.records.set(it, SlotSpecial(True, slot)))


def without(at: SpanSpecials, it: SpecialId) -> SpanSpecials:
    """Return the records without one.

    Rules: SWP-24.
    """
    slot = at.records[it].slot
    return replace(at, records=at.records.set(it, SlotSpecial(False, slot)))


def may_remove(at: SpanSpecials, it: SpecialId) -> bool:
    """Guard: the object has a finalizer.

    Rules: SWP-24.
    """
    return is_there(at, it) and kind_of(it) == FINALIZER


def remove(at: SpanSpecials, it: SpecialId) -> SpanSpecials:
    """Take the finalizer of an object away, as its program asks for.

    Rules: SWP-24.
    """
    return without(at, it)


def may_queue(at: SpanSpecials, it: SpecialId) -> bool:
    """Guard: the sweep has found the object dead, and its finalizer is not due yet.

    Rules: SWP-24.
    """
    return (
        is_there(at, it)
        and kind_of(it) == FINALIZER
        and not was_marked(at, it)
        and not at.due[address_of(at, it)]
    )


def queue(at: SpanSpecials, it: SpecialId) -> SpanSpecials:
    """Let a finalizer be due: the object is saved for it.

    Rules: SWP-24 I-27.
    """
    slot, address = at.records[it].slot, address_of(at, it)
    # Marked before the marks are counted, so that the object outlives this sweep; its finalizer
    # must find it.
    return replace(without(at, it), span=set_marked(at.span, slot), due=at.due.set(address, True))


def may_free(at: SpanSpecials, it: SpecialId) -> bool:
    """Guard: the object dies with this sweep, and none of its finalizers is left to be queued.

    Rules: SWP-24 I-27.
    """
    slot = at.records[it].slot
    return (
        is_there(at, it)
        and not lives_on(at, it)
        and all(
            kind_of(other) != FINALIZER
            or not at.records[other].there
            or at.records[other].slot != slot
            for other in at.records
        )
    )


def free(at: SpanSpecials, it: SpecialId) -> SpanSpecials:
    """Free a record with its object.

    Rules: SWP-24.
    """
    return without(at, it)


class FinalizersDue(Record, frozen=True):
    """The addresses whose finalizers are due."""

    due: Table[Address, bool]


def may_run(at: FinalizersDue, address: Address) -> bool:
    """Guard: the finalizer is due.

    Rules: SWP-24.
    """
    return at.due[address]


def run(at: FinalizersDue, address: Address) -> FinalizersDue:
    """Run a finalizer: its object is a root no longer.

    Rules: SWP-24.
    """
    return replace(at, due=at.due.set(address, False))


ADD: Final = step_of("specials", may_add, add, it=SpecialId, slot=int)
REMOVE: Final = step_of("specials", may_remove, remove, it=SpecialId)
QUEUE: Final = step_of("specials", may_queue, queue, it=SpecialId)
FREE_SPECIAL: Final = step_of("specials", may_free, free, it=SpecialId)
RUN: Final = step_of("finalizers", may_run, run, address=Address)


def by_fate(at: SpanSpecials, special: Special, fate: int) -> SpanSpecials:
    """Return what becomes of a record in the sweep of its span, as was decided.

    Rules: SWP-24.

    Raises: NotAStep if the decision is wrong.
    """
    it = special_id(special.offset, special.kind)
    if fate == KEPT:
        return at
    return after(at, QUEUE if fate == QUEUED else FREE_SPECIAL, it)
