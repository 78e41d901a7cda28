"""The sweep buffers hold the spans whose records say so, from the first step on."""

from typing import Final, cast

import z3

from spanproof.prove.lemmas import Inductive
from spanproof.prove.proof import Proof, obligation
from spanproof.symbolic.values.values import SymbolicTable
from spanproof.theorems.sharing.containers.buffers import (
    INTEGERS,
    LookedAtStack,
    number,
    put,
    span_at,
)
from spanproof.theorems.sharing.steps.protocol import STOPPED, WORDS, any_system
from spanspec.base.ids import PlaceId, SpanId
from spanspec.base.tables import Table
from spanspec.base.words import U8, U32
from spanspec.sharing.containers.bufferinvariant import (
    Content,
    EntryPlaces,
    has_entry_as_told,
    is_filled,
    is_in_buffer,
    is_taken,
    place_is_of_its_span,
)
from spanspec.sharing.containers.sweepbuf import (
    NOT_FILLED,
    Stack,
    first_stack,
    follow,
    is_reserved,
)
from spanspec.sharing.steps.cycle import may_start_cycle, start_cycle
from spanspec.sharing.tables.records import NO_SPAN, SharedSpan, Sharing, swept_buffer


@obligation("buffers.start", "SWP-8 SWP-10 SWP-13", INTEGERS)
def a_buffer_has_no_entry_at_first(p: Proof) -> None:
    """Before a span is pushed no place is filled or reserved, and no record says otherwise."""
    it = LookedAtStack(p)
    spans, buffer = p.fresh(Table[SpanId, SharedSpan], "spans"), p.number(U8, "buffer")
    first = p.call(first_stack, it.before.places)
    assert isinstance(first, Stack)
    own = cast(z3.ExprRef, p.call(span_at, it.entries, it.span))
    p.assume(*(it.at(first, one) == NOT_FILLED for one in (it.place, own)))
    p.assume(z3.Not(p.holds(is_told, spans, buffer, it.span)))
    told = p.holds(has_entry_as_told, first.places, it.entries, spans, buffer, it.span)
    p.show("nothing is made", z3.And(first.made == 0, first.spine == 0))
    p.show("as the record says", told)
    p.show("one entry", p.holds(place_is_of_its_span, first.places, it.entries, it.place))
    p.show("below the index", p.holds(is_taken, first, it.place))
    p.show("filled", p.holds(is_filled, first, it.place))
    p.show("not reserved", z3.Not(p.holds(is_reserved, first)))
    p.show("the spine has room", number(p, first.made) <= number(p, first.spine))
    p.possible("such a stack")


def is_told(spans: Table[SpanId, SharedSpan], buffer: U8, span: SpanId) -> bool:
    """The record of a span says that a buffer has an entry for it."""
    return is_in_buffer(spans[span], buffer)


@obligation("buffers.follow", "SWP-8 SWP-9 SWP-10 SWP-11 SWP-13 I-23", INTEGERS)
def the_buffers_follow_the_records(p: Proof) -> None:
    """When a step has pushed a span or popped it, each span has an entry just if its record says
    so, as before, and one at most: a push fills a place that was not filled, a pop empties that of
    the span.
    """
    it = LookedAtStack(p)
    spans, buffer = p.fresh(Table[SpanId, SharedSpan], "spans"), p.number(U8, "buffer")
    new = p.fresh(SharedSpan, "new")
    another = cast(z3.ExprRef, p.fresh(SpanId, "another"))
    assert isinstance(spans, SymbolicTable)
    stack, entries, place = it.before, it.entries, it.place
    was, now = p.holds(is_told, spans, buffer, it.span), p.holds(is_in_buffer, new, buffer)
    for span in (it.span, another):
        p.assume(p.holds(has_entry_as_told, stack.places, entries, spans, buffer, span))
    own = cast(z3.ExprRef, p.call(span_at, entries, another))
    for one in (place, it.other, own):
        p.assume(p.holds(place_is_of_its_span, stack.places, entries, one))
    content = it.at(stack, place)
    p.assume(it.span != NO_SPAN, place >= 0, number(p, stack.filled) > 0)
    p.assume(z3.Implies(z3.And(now, z3.Not(was)), content == NOT_FILLED))
    p.assume(z3.Implies(z3.And(was, z3.Not(now)), content == it.span))
    after = p.call(follow, stack, it.span, place, was, now)
    assert isinstance(after, Stack)
    records = p.call(with_record, spans, it.span, new)
    for pushed, given in ((True, z3.And(now, z3.Not(was))), (False, z3.Or(was, z3.Not(now)))):
        where = p.call(put, entries, it.span, place) if pushed else entries
        label = "pushed" if pushed else "popped, or as it was"
        for name, span in (("itself", it.span), ("any other", another)):
            told = p.holds(has_entry_as_told, after.places, where, records, buffer, span)
            p.show(f"{label}: {name}", told, given)
        one_entry = p.holds(place_is_of_its_span, after.places, where, it.other)
        p.show(f"{label}: one entry", one_entry, given)
    p.possible("a push", z3.And(now, z3.Not(was), another != it.span))
    p.possible("a pop", z3.And(was, z3.Not(now), another != it.span))


def with_record(
    spans: Table[SpanId, SharedSpan], span: SpanId, record: SharedSpan
) -> Table[SpanId, SharedSpan]:
    """The records after a step."""
    return spans.set(span, record)


ENTERED: Final = Inductive(has_entry_as_told, "buffers.start", ("buffers.follow",))
"""Each span has an entry just if its record says so: `taking.take` lets the buffers follow."""

ONE_ENTRY: Final = Inductive(place_is_of_its_span, "buffers.start", ("buffers.follow",))
"""Each span has one entry at most."""


@obligation(
    "buffers.drained",
    "SWP-4 SWP-13 SWP-33 T-88",
    WORDS,
    assumes=STOPPED,
    lemmas=(ENTERED, ONE_ENTRY),
)
def a_cycle_begins_with_a_drained_buffer(p: Proof) -> None:
    """When a cycle may start no place of the unswept stack is filled, so it can be pushed on in the
    next one (`buffers.turn`), and what was pushed is popped then.
    """
    state, places = any_system(p), p.fresh(Content, "places")
    entries, place = p.fresh(EntryPlaces, "at"), p.fresh(PlaceId, "place")
    span, buffer = p.call(span_at, places, place), p.integer(unswept_buffer, state.sweepgen)
    p.rely(ENTERED, places, entries, state.spans, buffer, span)
    p.rely(ONE_ENTRY, places, entries, place)
    may = p.holds(may_start_cycle, state)
    p.show("drained", z3.Implies(may, span == NOT_FILLED))
    after = p.call(start_cycle, state)
    assert isinstance(after, Sharing)
    turned = p.integer(unswept_buffer, after.sweepgen) == p.integer(swept_buffer, state.sweepgen)
    p.show("the other one is popped from", turned)
    p.possible("a cycle starts", may)
    p.possible("an entry", z3.And(span != NOT_FILLED, z3.Not(may)))


def unswept_buffer(sg: U32) -> U8:
    """The number of the unswept stack."""
    return 1 - swept_buffer(sg)
