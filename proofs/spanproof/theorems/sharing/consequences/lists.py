"""Where a span is: in one list or one slot, and where a walk finds it."""

import z3

from spanproof.prove.proof import Proof, obligation
from spanproof.theorems.sharing.consequences.bufferrecords import ENTERED, unswept_buffer
from spanproof.theorems.sharing.containers.spanlists import LISTED
from spanproof.theorems.sharing.steps.protocol import (
    INTERLEAVED,
    WORDS,
    any_system,
    has_room,
    is_unswept,
    is_used,
)
from spanspec.base.ids import ClassId, SpanId
from spanspec.base.words import U8
from spanspec.sharing.containers.bufferinvariant import Content, EntryPlaces
from spanspec.sharing.containers.listinvariant import is_in
from spanspec.sharing.containers.spanlist import SpanLists
from spanspec.sharing.invariant import places
from spanspec.sharing.invariant.places import is_in_cache
from spanspec.sharing.tables.records import (
    POPPED,
    SAW_USED,
    Sharing,
    is_in_unswept,
)
from spanspec.span.listing import EMPTY, NONEMPTY, STOP, belongs, on_empty


@obligation(
    "lists.one-place",
    "CEN-1 CEN-16 SPAN-29 I-19 I-20",
    WORDS,
    assumes=INTERLEAVED,
    lemmas=(LISTED,),
)
def a_span_is_in_exactly_one_place(p: Proof) -> None:
    """At every moment a span is in exactly one place: the page heap, large, the nonempty or the
    empty list, a cache slot, or on its way; one that rests in the empty list has no free slot.
    The lists that are linked say so, too.
    """
    state = any_system(p)
    span, lists = p.fresh(SpanId, "span"), p.fresh(SpanLists, "lists")
    p.rely(LISTED, lists, state.spans, span)
    where = [
        p.holds(place, state, span)
        for place in (
            places.is_in_heap,
            places.is_large_object,
            places.is_being_moved,
            places.is_in_cache,
            places.is_in_nonempty,
            places.is_in_empty,
        )
    ]
    p.show("at least one", z3.Or(*where))
    p.show("at most one", z3.AtMost(*where, 1))
    p.show("nonempty has room", z3.Implies(where[4], p.holds(has_room, state, span)))
    p.show("empty is full", z3.Implies(where[5], z3.Not(p.holds(has_room, state, span))))
    p.show("own class", z3.Implies(z3.Or(*where[3:]), p.holds(in_own_class, state, span)))
    for place, rests in ((NONEMPTY, where[4]), (EMPTY, where[5])):
        p.show(f"linked {place}", z3.Implies(rests, p.holds(is_linked, lists, state, place, span)))
    for number, place in enumerate(where):
        p.possible(f"place {number}", place)


def is_linked(lists: SpanLists, state: Sharing, place: U8, span: SpanId) -> bool:
    """A span is linked into a list of its class."""
    return is_in(lists, place, state.spans[span].spanclass, span)


def in_own_class(state: Sharing, span: SpanId) -> bool:
    """A span's list is one of its class."""
    return state.spans[span].central == state.spans[span].spanclass


@obligation("lists.belongs", "CEN-1 CEN-16 SPAN-29 I-19", WORDS, assumes=INTERLEAVED)
def a_span_that_nobody_moves_is_where_it_belongs(p: Proof) -> None:
    """A span in use that nobody has in hand is in the list in which it belongs, by whether it is
    large, has a free slot, and is in a cache.
    """
    state = any_system(p)
    span = p.fresh(SpanId, "span")
    rests = z3.And(
        p.holds(is_used, state, span), z3.Not(p.holds(places.is_being_moved, state, span))
    )
    p.show("in its list", z3.Implies(rests, p.holds(is_where_it_belongs, state, span)))
    for place in (places.is_large_object, places.is_in_cache, places.is_in_nonempty):
        p.possible(place.__name__, z3.And(rests, p.holds(place, state, span)))


def is_where_it_belongs(state: Sharing, span: SpanId) -> bool:
    """A span is in the list in which it belongs."""
    it = state.spans[span]
    return it.place == belongs(it.large, it.has_free, is_in_cache(state, span))


@obligation(
    "lists.early-stop", "CEN-4 CEN-5 SWP-13", WORDS, assumes=INTERLEAVED, lemmas=(LISTED, ENTERED)
)
def the_walk_along_empty_loses_no_span(p: Proof) -> None:
    """Where the walk along the empty list stops early, no span that it did not reach is lost: one
    with a free slot is cached or on its way, and one that needs sweeping will be swept.
    """
    # Which spans a walk comes to, their links say; the contract is that the records agree.
    state, lists = any_system(p), p.fresh(SpanLists, "lists")
    stop, missed = p.fresh(SpanId, "stop"), p.fresh(SpanId, "missed")
    spanclass = p.fresh(ClassId, "spanclass")
    for span in (stop, missed):
        p.rely(LISTED, lists, state.spans, span)
        p.assume(p.holds(is_in, lists, EMPTY, spanclass, span))
    p.assume(p.holds(walk_stops, state, stop))
    for name, span in (("missed", missed), ("stopped at", stop)):
        elsewhere = z3.Or(
            p.holds(places.is_in_cache, state, span), p.holds(places.is_being_moved, state, span)
        )
        p.show(f"{name}: with room", z3.Implies(p.holds(has_room, state, span), elsewhere))
    due = p.holds(is_unswept, state, missed)
    kept = p.holds(places.will_be_swept, state, missed)
    p.show("missed: unswept", z3.Implies(due, kept))
    p.show("by whom", z3.Implies(kept, p.holds(has_a_popper_or_entry, state, missed)))
    content, entries = p.fresh(Content, "content"), p.fresh(EntryPlaces, "at")
    p.rely(
        ENTERED, content, entries, state.spans, p.integer(unswept_buffer, state.sweepgen), missed
    )
    told = p.holds(is_told_unswept, state, missed)
    p.show("where", z3.Implies(told, p.holds(is_at_its_place, content, entries, missed)))
    p.possible("an unswept span behind a swept one", z3.And(due, missed != stop))


def is_told_unswept(state: Sharing, span: SpanId) -> bool:
    """The record of a span says that it is in the unswept stack."""
    return is_in_unswept(state.sweepgen, state.spans[span])


def is_at_its_place(content: Content, at: EntryPlaces, span: SpanId) -> bool:
    """The entry of a span is one that a sweeper will find."""
    return content[at[span]] == span


def has_a_popper_or_entry(state: Sharing, span: SpanId) -> bool:
    """A span is in the unswept stack, or a thread has popped it and not looked at it yet."""
    it = state.spans[span]
    popper = state.threads[it.popper]
    return is_in_unswept(state.sweepgen, it) or (
        popper.span == span and POPPED <= popper.task <= SAW_USED
    )


def walk_stops(state: Sharing, span: SpanId) -> bool:
    """The walk along the empty list ends at a span of it."""
    return on_empty(state.sweepgen, state.spans[span].sweepgen) == STOP
