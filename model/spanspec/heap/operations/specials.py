"""Special records of objects, as they are asked for.

A finalizer is set for the address that the program has. That is the first byte of a slot, or any in
a tiny block, in which several objects lie. What the runtime throws for another address is a refusal
here, in its words; the runtime itself does not look whether the slot is free, since no program has
a pointer to one. Nor does it look whether the block is tiny: it asks for the type, and lets a
finalizer be set for a part of any object, if the part has no pointers and less than 16 bytes. The
model knows no types, and refuses that.
"""

from spanspec.base.constants import TINY_SPAN_CLASS
from spanspec.base.ids import NOBODY
from spanspec.base.words import U64
from spanspec.heap.courses.course import Course
from spanspec.heap.courses.malloc import ZERO_BASE
from spanspec.heap.courses.sweeping import ensure_swept
from spanspec.heap.courses.sweepspan import specials_of
from spanspec.heap.operations.refusals import Refused, require
from spanspec.heap.program import AddSpecial, Input, RemoveFinalizer
from spanspec.heap.state.addresses import pointer_is_bad, span_at
from spanspec.heap.state.advancing import advance, after
from spanspec.heap.state.collector import LOOK_THROUGH, OFF
from spanspec.heap.state.specials import ADD, REMOVE, RUN, DueTable, FinalizersDue, special_id
from spanspec.heap.state.state import HeapState
from spanspec.pages.pageheap import Actor
from spanspec.span.mspan import find_object, is_allocated, obj_index
from spanspec.span.specials import FINALIZER, KINDS, has_special


def heap_span(state: HeapState, address: U64, otherwise: str) -> int:
    """Return the span in use that has an address among its objects.

    Raises: Refused if there is none.

    Rules: HEAP-7 T-40 T-41.
    """
    span = span_at(state, address)
    there = span != NOBODY and address < state.spans[span].limit
    require(there, f"{otherwise}: {address:#x}")
    return span


def find_for_finalizer(state: HeapState, address: U64) -> None:
    """Require that an address is one that a program can set a finalizer for.

    Raises: Refused.

    Rules: SPAN-19 SWP-24 T-85.
    """
    bad = pointer_is_bad(state, address)
    require(not bad, f"T-85: found bad pointer in Go heap: {address:#x}")
    inside = span_at(state, address) != NOBODY
    require(inside, f"SetFinalizer: pointer not in allocated block: {address:#x}")
    check_place(state, address, "SetFinalizer: pointer not at beginning of allocated block")


def check_place(state: HeapState, address: U64, otherwise: str) -> None:
    """Require that a record may be for an address: of an allocated slot, the first unless tiny.

    Raises: Refused.

    Rules: SWP-24 SPAN-19.
    """
    record = state.spans[span_at(state, address)]
    found = find_object(record, address)
    first = found.base == address or record.spanclass == TINY_SPAN_CLASS
    require(first, f"{otherwise}: {address:#x}")
    place = f"slot {found.slot} of the span at {record.base:#x}"
    held = is_allocated(record, found.slot)
    require(held, f"no object is at {address:#x}: its slot is free, {place}")


def span_to_change(state: HeapState, address: U64, kind: int, otherwise: str) -> int:
    """Return the span of which a record, of a kind and for an address, is to come or to go.

    Raises: Refused if no object may have such a record there.

    Rules: SWP-24 T-40 T-41 T-85.
    """
    if kind == FINALIZER:
        find_for_finalizer(state, address)
    span = heap_span(state, address, otherwise)
    check_place(state, address, "setprofilebucket: pointer not at beginning of a slot")
    return span


def add(state: HeapState, actor: Actor, request: Input) -> Course[None]:
    """Give the object at an address a special record; its span is swept first, if need be.

    A finalizer for an object of no bytes is forgotten at once. The memory of the record is taken
    before the sweep, and given back if it turns out not to be needed.

    Raises: Refused if there is no such object, or it has a record of that kind (T-42 for a profile
        record).

    Rules: SWP-18 SWP-24 HEAP-2 OS-9 T-40 T-42.
    """
    assert isinstance(request, AddSpecial)
    address = request.address
    kind, already = KINDS[request.kind], "SetFinalizer: finalizer already set"
    if kind == FINALIZER and address == ZERO_BASE:
        return
    if kind != FINALIZER:
        already = "T-42: setprofilebucket: profile already set"
    refused = "T-40: addspecial on invalid pointer"
    span = span_to_change(state, address, kind, refused)
    taken = state.special_records[kind]
    taken.hold(actor.p)
    yield from ensure_swept(state, actor, span)
    try:
        # What was found dead by that sweep has no object any more.
        span = span_to_change(state, address, kind, refused)
        offset, records = address - state.spans[span].base, state.specials.get(span, ())
        require(not has_special(records, offset, kind), f"{already} for {address:#x}")
    except Refused:
        taken.let_go()
        raise
    record = state.spans[span]
    slot = obj_index(record, record.base + offset)
    after(specials_of(state, span, record), ADD, special_id(offset, kind), slot)
    if kind == FINALIZER and state.phase != OFF:
        # While marking the object is looked through at once.
        advance(state, LOOK_THROUGH, state.spans[span].elemsize)


def remove_finalizer(state: HeapState, actor: Actor, request: Input) -> Course[None]:
    """Take away the finalizer that was set for an address, if there is one.

    Raises: Refused if there is no object there.

    Rules: SWP-18 SWP-24 T-41.
    """
    assert isinstance(request, RemoveFinalizer)
    address = request.address
    if address == ZERO_BASE:
        return
    refused = "T-41: removespecial on invalid pointer"
    span = span_to_change(state, address, FINALIZER, refused)
    yield from ensure_swept(state, actor, span)
    span = span_to_change(state, address, FINALIZER, refused)
    record = state.spans[span]
    offset = address - record.base
    if has_special(state.specials.get(span, ()), offset, FINALIZER):
        at = specials_of(state, span, record)
        after(at, REMOVE, special_id(offset, FINALIZER))
        state.special_records[FINALIZER].let_go()


def run_finalizers(state: HeapState, actor: Actor, request: Input) -> Course[None]:
    """Run the finalizers that are due: their objects are roots no longer.

    Rules: SWP-24.
    """
    due = FinalizersDue(DueTable(state.finalizers))
    for address in due.due:
        due = after(due, RUN, address)
    yield from ()
