"""The lists of mcentral keep their contract: membership, order, both ends, for any length.

Each operation is asked of lists of which nothing is known but the contract; it is assumed at the
spans that the operation touches and at their neighbours, and shown of arbitrary spans. Which
numbers the spans have afterwards, the proof says: the others keep theirs.
"""

from collections.abc import Callable, Sequence
from itertools import product
from typing import Final, cast

import z3

from spanproof.prove.lemmas import Inductive
from spanproof.prove.proof import Proof, obligation
from spanproof.symbolic.integers import Integers
from spanproof.symbolic.values.values import SymbolicTable
from spanspec.base.ids import ClassId, SpanId
from spanspec.base.tables import Table
from spanspec.base.words import U8
from spanspec.sharing.containers.listinvariant import (
    Ranks,
    is_in,
    is_listed_as_told,
    list_has_its_ends,
    span_is_linked,
    spans_are_in_order,
)
from spanspec.sharing.containers.spanlist import (
    SpanLists,
    ends_of,
    first_ends,
    first_link,
    follow,
    insert,
    insert_back,
    remove,
)
from spanspec.sharing.tables.records import NO_SPAN, SharedSpan
from spanspec.span.listing import EMPTY, NONEMPTY, NOWHERE

INTEGERS: Final = Integers()


class Numbered:
    """Lists, and the number of each span in its list."""

    def __init__(self, p: Proof, lists: SpanLists, ranks: SymbolicTable) -> None:
        self._p = p
        self.lists = lists
        self.ranks = ranks

    def rank(self, span: z3.ExprRef) -> z3.ArithRef:
        """Return the number of a span."""
        return cast(z3.ArithRef, self.ranks.get(span))

    def renumbered(self, lists: SpanLists, span: z3.ExprRef, rank: z3.ArithRef) -> "Numbered":
        """Return lists in which all spans but one have the numbers that they had."""
        known = self.ranks
        ranks = SymbolicTable(
            known.key_sort, lambda one: z3.If(one == span, rank, cast(z3.ArithRef, known.get(one)))
        )
        return Numbered(self._p, lists, ranks)

    def show(
        self, span: z3.ExprRef, other: z3.ExprRef, place: z3.ExprRef, central: z3.ExprRef
    ) -> None:
        """Claim the contract of two spans and a list."""
        p, lists = self._p, self.lists
        for name, rule, about in (
            ("a span is linked", span_is_linked, (self.ranks, span)),
            ("a list has its ends", list_has_its_ends, (place, central)),
            ("spans are in order", spans_are_in_order, (self.ranks, span, other)),
        ):
            p.show(name, p.holds(rule, lists, *about))


class LookedAtLists:
    """Lists of which the contract is assumed where they are looked at."""

    def __init__(self, p: Proof) -> None:
        self.p = p
        lists, ranks = p.fresh(SpanLists, "lists"), p.fresh(Ranks, "ranks")
        assert isinstance(lists, SpanLists)
        assert isinstance(ranks, SymbolicTable)
        self.before = Numbered(p, lists, ranks)
        self.span, self.other = (cast(z3.ExprRef, p.fresh(SpanId, n)) for n in ("any", "other"))
        self.central = cast(z3.ExprRef, p.fresh(ClassId, "any_class"))
        self.place = p.number(U8, "any_list")
        p.assume(self.is_list(self.place))

    def is_list(self, place: z3.ExprRef) -> z3.BoolRef:
        """Return that a place is a list."""
        return z3.And(place >= NONEMPTY, place <= EMPTY)

    def term(self, rule: Callable[..., int], *about: object) -> z3.ExprRef:
        """Return a span as a term."""
        return cast(z3.ExprRef, self.p.call(rule, self.before.lists, *about))

    def ends(self, place: object, central: object) -> list[z3.ExprRef]:
        """Return the ends of a list."""
        return [self.term(rule, place, central) for rule in (first_of, last_of)]

    def sound_around(self, spans: Sequence[z3.ExprRef], ends: Sequence[z3.ExprRef]) -> None:
        """Assume the contract of spans, of the ends of lists, and of what stands next to them."""
        p, lists, ranks = self.p, self.before.lists, self.before.ranks
        for span in spans:
            p.assume(p.holds(has_a_list_with_ends, lists, span))
        around = [*spans, *(self.term(rule, one) for one in spans for rule in (prev_of, next_of))]
        around = list({one.get_id(): one for one in (*around, *ends)}.values())
        one, two = (cast(z3.ExprRef, p.fresh(SpanId, name)) for name in ("some", "second"))
        of_one = p.holds(span_is_linked, lists, ranks, one)
        of_two = p.holds(spans_are_in_order, lists, ranks, one, two)
        p.assume(*(z3.substitute(of_one, (one, span)) for span in around))
        for span, other in product(around, repeat=2):
            p.assume(z3.substitute(of_two, (one, span), (two, other)))

    def lists_have_ends(self, *lists: tuple[object, object]) -> list[z3.ExprRef]:
        """Assume the contract of lists; return their ends."""
        p, found = self.p, list[z3.ExprRef]()
        for place, central in lists:
            p.assume(p.holds(list_has_its_ends, self.before.lists, place, central))
            found += self.ends(place, central)
        return found


def first_of(lists: SpanLists, place: U8, central: ClassId) -> SpanId:
    """The first span of a list."""
    return ends_of(lists, place, central).first


def last_of(lists: SpanLists, place: U8, central: ClassId) -> SpanId:
    """The last span of a list."""
    return ends_of(lists, place, central).last


def prev_of(lists: SpanLists, span: SpanId) -> SpanId:
    """The span before another one."""
    return lists.links[span].prev


def next_of(lists: SpanLists, span: SpanId) -> SpanId:
    """The span behind another one."""
    return lists.links[span].next


def place_of(lists: SpanLists, span: SpanId) -> U8:
    """Which list of its class a span is in."""
    return lists.links[span].place


def class_of(lists: SpanLists, span: SpanId) -> ClassId:
    """The class of the list that a span is in."""
    return lists.links[span].central


def has_a_list_with_ends(lists: SpanLists, span: SpanId) -> bool:
    """The list that a span is in has its ends."""
    it = lists.links[span]
    return it.place == NOWHERE or list_has_its_ends(lists, it.place, it.central)


def stays_where_it_is(before: SpanLists, after: SpanLists, span: SpanId) -> bool:
    """A span is in the list that it was in, or in none as it was."""
    one, other = before.links[span], after.links[span]
    return one.place == other.place and one.central == other.central


def inserted_at(p: Proof, front: bool) -> None:
    """Claim what a list is into which a span was put at one end."""
    it = LookedAtLists(p)
    span, central = (cast(z3.ExprRef, p.fresh(k, n)) for k, n in ((SpanId, "span"), (ClassId, "c")))
    place = p.number(U8, "place")
    unlisted = it.term(place_of, span) == NOWHERE
    p.assume(span != NO_SPAN, it.is_list(place), unlisted)
    ends = it.lists_have_ends((place, central), (it.place, it.central))
    it.sound_around([span, it.span, it.other], ends)
    first, last = ends[:2]
    after = p.call(insert if front else insert_back, it.before.lists, place, central, span)
    assert isinstance(after, SpanLists)
    rank = it.before.rank(first) - 1 if front else it.before.rank(last) + 1
    numbered = it.before.renumbered(after, span, rank)
    numbered.show(it.span, it.other, it.place, it.central)
    p.show("it is in the list", p.holds(is_in, after, place, central, span))
    end = p.call(first_of if front else last_of, after, place, central)
    p.show("it is at this end", end == span)
    stays = p.holds(stays_where_it_is, it.before.lists, after, it.span)
    p.show("the others stay", z3.Implies(it.span != span, stays))
    p.possible("the first of all", first == NO_SPAN)
    p.possible("one of many", z3.And(first != last, it.span != span, it.other != it.span))


@obligation("lists.insert", "SPAN-28 SPAN-29", INTEGERS)
def a_span_at_the_front_comes_before_all(p: Proof) -> None:
    """A span that is put at the front of a list comes before all others of it, which keep their
    order; no other list changes.
    """
    inserted_at(p, front=True)


@obligation("lists.insert-back", "SPAN-28 SPAN-29", INTEGERS)
def a_span_at_the_back_comes_behind_all(p: Proof) -> None:
    """A span that is put at the back of a list comes behind all others of it, which keep their
    order; no other list changes.
    """
    inserted_at(p, front=False)


@obligation("lists.remove", "SPAN-28 SPAN-29", INTEGERS)
def a_span_that_is_taken_out_leaves_the_others_in_order(p: Proof) -> None:
    """A span that is taken out of its list, wherever it stands there, is in no list; all others
    keep their order, and no other list changes.
    """
    it = LookedAtLists(p)
    span = cast(z3.ExprRef, p.fresh(SpanId, "span"))
    place, central = it.term(place_of, span), it.term(class_of, span)
    p.assume(place != NOWHERE)
    ends = it.lists_have_ends((place, central), (it.place, it.central))
    it.sound_around([span, it.span, it.other], ends)
    after = p.call(remove, it.before.lists, span)
    assert isinstance(after, SpanLists)
    Numbered(p, after, it.before.ranks).show(it.span, it.other, it.place, it.central)
    p.show("it is in no list", p.call(place_of, after, span) == NOWHERE)
    stays = p.holds(stays_where_it_is, it.before.lists, after, it.span)
    p.show("the others stay", z3.Implies(it.span != span, stays))
    neighbours = it.term(prev_of, span), it.term(next_of, span)
    p.possible("the only one", z3.And(*(one == NO_SPAN for one in neighbours)))
    p.possible("between two", z3.And(*(one != NO_SPAN for one in neighbours)))


@obligation("lists.walk", "SPAN-28 CEN-3 CEN-4", INTEGERS)
def a_walk_comes_to_every_span(p: Proof) -> None:
    """A walk begins with the span of a list that comes before all others, goes on to the next one,
    with none between them, and ends behind the last: it comes to every span once, in their order.
    """
    it = LookedAtLists(p)
    at = cast(z3.ExprRef, p.fresh(SpanId, "at"))
    first, last = it.lists_have_ends((it.place, it.central))
    it.sound_around([it.span, at], [first, last])
    lists, rank = it.before.lists, it.before.rank
    listed, there = (p.holds(is_in, lists, it.place, it.central, one) for one in (it.span, at))
    following = it.term(next_of, at)
    p.show("it begins", z3.Implies(listed, z3.And(first != NO_SPAN, rank(first) <= rank(it.span))))
    p.show("there is none", z3.Implies(first == NO_SPAN, z3.Not(listed)))
    behind = z3.And(listed, there, rank(at) < rank(it.span))
    goes_on = z3.And(following != NO_SPAN, rank(following) <= rank(it.span))
    p.show("it passes over none", z3.Implies(behind, goes_on))
    nearer = z3.Implies(z3.And(there, following != NO_SPAN), rank(at) < rank(following))
    p.show("never twice", nearer)
    same = z3.Implies(z3.And(listed, there, rank(at) == rank(it.span)), at == it.span)
    p.show("one at a time", same)
    p.possible("a span far behind", z3.And(behind, rank(following) < rank(it.span)))


@obligation("lists.start", "SPAN-28 SPAN-29", INTEGERS)
def lists_are_empty_at_first(p: Proof) -> None:
    """Before a span is put into a list each is empty, and no span is in one: as the records say."""
    it = LookedAtLists(p)
    lists, spans = it.before.lists, p.fresh(Table[SpanId, SharedSpan], "spans")
    for span in (it.span, it.other):
        p.assume(p.holds(is_unlisted, lists, span))
    p.assume(p.holds(is_empty, lists, it.place, it.central), p.holds(is_nowhere, spans, it.span))
    it.before.show(it.span, it.other, it.place, it.central)
    p.show("as the record says", p.holds(is_listed_as_told, lists, spans, it.span))
    p.possible("such lists")


def is_unlisted(lists: SpanLists, span: SpanId) -> bool:
    """A span has the link of one that was never in a list."""
    it, first = lists.links[span], first_link(span)
    same = it.place == first.place and it.central == first.central
    return same and it.prev == first.prev and it.next == first.next


def is_empty(lists: SpanLists, place: U8, central: ClassId) -> bool:
    """A list has the ends that it has at first."""
    ends, first = ends_of(lists, place, central), first_ends(central)
    return ends.first == first.first and ends.last == first.last


def is_nowhere(spans: Table[SpanId, SharedSpan], span: SpanId) -> bool:
    """The record of a span names no list."""
    return spans[span].place == NOWHERE


@obligation("lists.follow", "SPAN-28 SPAN-29 CEN-3 CEN-4 CEN-7 CEN-12 CEN-14 I-19 I-20", INTEGERS)
def the_lists_follow_the_records(p: Proof) -> None:
    """When a step has moved a span, each span is in the list that its record names, as before: the
    one that moved at the front of the nonempty list or at the back of the empty one, or in none.
    """
    lists, spans = p.fresh(SpanLists, "lists"), p.fresh(Table[SpanId, SharedSpan], "spans")
    span, other = (cast(z3.ExprRef, p.fresh(SpanId, name)) for name in ("span", "other"))
    new = p.fresh(SharedSpan, "new")
    assert isinstance(lists, SpanLists)
    assert isinstance(new, SharedSpan)
    assert isinstance(spans, SymbolicTable)
    for one in (span, other):
        p.assume(p.holds(is_listed_as_told, lists, spans, one))
    p.assume(new.place >= NOWHERE, new.place <= EMPTY)
    after = p.call(follow, lists, span, spans.get(span), new)
    assert isinstance(after, SpanLists)
    records = p.call(with_record, spans, span, new)
    p.show("itself", p.holds(is_listed_as_told, after, records, span))
    p.show("any other", p.holds(is_listed_as_told, after, records, other))
    ends = [p.call(rule, after, new.place, new.central) for rule in (first_of, last_of)]
    p.show("to the front", z3.Implies(new.place == NONEMPTY, ends[0] == span))
    p.show("to the back", z3.Implies(new.place == EMPTY, ends[1] == span))
    was = spans.get(span)
    assert isinstance(was, SharedSpan)
    for place, target in product((NOWHERE, NONEMPTY, EMPTY), repeat=2):
        moves = z3.And(was.place == place, new.place == target)
        p.possible(f"from {place} to {target}", moves)


def with_record(
    spans: Table[SpanId, SharedSpan], span: SpanId, record: SharedSpan
) -> Table[SpanId, SharedSpan]:
    """The records after a step."""
    return spans.set(span, record)


LISTED: Final = Inductive(is_listed_as_told, "lists.start", ("lists.follow",))
"""Each span is in the list that its record names: `taking.take` lets the lists follow each step."""
