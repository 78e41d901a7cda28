"""Special records stay with their objects, and finalizers run once: step by step."""

from typing import Final

import z3

from spanproof.prove.proof import Proof, obligation
from spanproof.symbolic.integers import Integers
from spanproof.theorems.objects.simulation.layout import LAYOUT, laid_out, slot_holds
from spanspec.base.ids import Address, SpecialId
from spanspec.base.words import U16
from spanspec.heap.state import specials as of
from spanspec.heap.state.specials import (
    FinalizersDue,
    SpanSpecials,
    address_of,
    is_there,
    lives_on,
    may_queue,
    was_marked,
)
from spanspec.span.mspan import is_allocated, obj_index, slot_address
from spanspec.span.specials import FINALIZER, PROFILE

INTEGERS: Final = Integers()


def marks_stay(at: SpanSpecials, it: SpecialId) -> bool:
    """What was found alive is marked still."""
    return not was_marked(at, it) or lives_on(at, it)


def same_slots(at: SpanSpecials, it: SpecialId) -> bool:
    """To save slots changes nothing of which are allocated."""
    slot = at.records[it].slot
    same = is_allocated(at.span, slot) == is_allocated(at.found, slot)
    return same and at.span.nelems == at.found.nelems


def due_is_alive(at: SpanSpecials, it: SpecialId) -> bool:
    """What has a finalizer that is due was found alive: the queue is a root."""
    return not at.due[address_of(at, it)] or was_marked(at, it)


def stays(before: SpanSpecials, after: SpanSpecials, it: SpecialId) -> bool:
    """A record is there after a step just if it was before."""
    return is_there(after, it) == is_there(before, it)


def same_slot(at: SpanSpecials, it: SpecialId, other: SpecialId) -> bool:
    """Two records are for addresses in one slot."""
    return at.records[it].slot == at.records[other].slot


def is_due(at: SpanSpecials, address: Address) -> bool:
    """The finalizer of an object is due."""
    return at.due[address]


KEPT_BY_ALL: Final = (of.special_holds, marks_stay, same_slots)
"""What holds of every record, whatever is done to it or to others."""


def any_specials(p: Proof, *some: z3.ExprRef) -> SpanSpecials:
    """The records of a span in use, as its sweep goes through them; `some` of them are sound."""
    at = p.fresh(SpanSpecials, "at")
    assert isinstance(at, SpanSpecials)
    p.assume(p.holds(laid_out, at.found))
    for it in some:
        for rule in KEPT_BY_ALL:
            p.assume(p.holds(rule, at, it))
    return at


def may_have_one(at: SpanSpecials, it: SpecialId, slot: U16) -> bool:
    """The address is the first of an allocated object, and has no such record."""
    address = address_of(at, it)
    return (
        it >= 0
        and not is_there(at, it)
        and address < at.found.limit
        and slot == obj_index(at.found, address)
        and slot < at.found.nelems
        and is_allocated(at.found, slot)
        and slot_address(at.found, slot) == address
    )


@obligation("specials.given", "SWP-24 SWP-18 T-42", INTEGERS, contracts=LAYOUT)
def a_record_is_one_of_an_allocated_object(p: Proof) -> None:
    """A program gives records to allocated objects only, at most one of a kind to each address, and
    takes away finalizers only; other records stay.
    """
    it, other = p.number(SpecialId, "it"), p.number(SpecialId, "other")
    at, slot = any_specials(p, it, other), p.number(U16, "slot")
    adds = p.holds(of.may_add, at, it, slot)
    added = p.call_given(adds, of.add, at, it, slot)
    p.show("each object may have it", z3.Implies(p.holds(may_have_one, at, it, slot), adds))
    p.show("it had none", z3.Not(p.holds(is_there, at, it)), adds)
    p.show("it has it", p.implied(adds, is_there, added, it))
    p.show("in its slot", p.implied(adds, slot_holds, at.found, slot, p.call(address_of, at, it)))
    removes = p.holds(of.may_remove, at, it)
    removed = p.call_given(removes, of.remove, at, it)
    p.show("a finalizer", p.integer(of.kind_of, it) == FINALIZER, removes)
    p.show("it is gone", z3.Not(p.implied(removes, is_there, removed, it)), removes)
    for label, given, after in (("added", adds, added), ("removed", removes, removed)):
        p.show(f"{label}: of an object", p.implied(given, of.special_holds, after, other))
        apart = z3.And(given, it != other)
        p.show(f"{label}: others stay", p.implied(apart, stays, at, after, other))
    offset = p.number(U16, "offset")
    for kind in (FINALIZER, PROFILE):
        named = p.call(of.special_id, offset, kind)
        p.show("its offset", p.integer(of.offset_of, named) == offset)
        p.show("its kind", p.integer(of.kind_of, named) == kind)
    p.possible("it is given", adds)
    p.possible("the first of all is given", z3.And(adds, it == 0))
    p.possible("it is taken away", removes)


@obligation("specials.swept", "SWP-24 I-27", INTEGERS, contracts=LAYOUT)
def a_record_is_freed_only_with_its_object(p: Proof) -> None:
    """Whatever a sweep does with a record, it has decided on it then, and on those on which it had
    before: a finalizer that is queued saves its object, and a record that is freed goes with it.
    """
    it, other = p.number(SpecialId, "it"), p.number(SpecialId, "other")
    at = any_specials(p, it, other)
    queues, frees = p.holds(of.may_queue, at, it), p.holds(of.may_free, at, it)
    queued, freed = p.call_given(queues, of.queue, at, it), p.call_given(frees, of.free, at, it)
    address = p.call(address_of, at, it)
    p.show("it was not due", z3.Not(p.holds(is_due, at, address)), queues)
    p.show("it is due", p.implied(queues, is_due, queued, address))
    p.show("its object was dead", z3.Not(p.holds(was_marked, at, it)), queues)
    p.show("its object lives on", p.implied(queues, lives_on, queued, it))
    p.show("its object dies", z3.Not(p.holds(lives_on, at, it)), frees)
    p.show("no finalizer is freed", p.integer(of.kind_of, it) == PROFILE, frees)
    saved = z3.And(frees, p.holds(of.may_queue, at, other))
    p.show("nothing saves it later", z3.Not(p.holds(same_slot, at, it, other)), saved)
    decided = p.holds(of.is_settled, at, other)
    for label, given, after in (("queued", queues, queued), ("freed", frees, freed)):
        p.show(f"{label}: decided", p.implied(given, of.is_settled, after, it))
        for rule in KEPT_BY_ALL:
            name = rule.__name__.replace("_", " ")
            p.show(f"{label}: {name}", p.implied(given, rule, after, other))
        stay = z3.And(given, decided)
        p.show(f"{label}: what was decided stays so", p.implied(stay, of.is_settled, after, other))
        apart = z3.And(given, it != other)
        p.show(f"{label}: others stay", p.implied(apart, stays, at, after, other))
        p.possible(label, given)
    p.possible("it saves another record", z3.And(queues, p.holds(same_slot, at, it, other)))


def nothing_to_queue(at: SpanSpecials) -> bool:
    """No finalizer is left that has to be queued."""
    return all(not may_queue(at, it) for it in at.records)


def all_due_are_alive(at: SpanSpecials) -> bool:
    """Of every record."""
    return all(due_is_alive(at, it) for it in at.records)


@obligation("specials.decided", "SWP-24 I-27", INTEGERS, contracts=LAYOUT)
def a_sweep_decides_on_each_record(p: Proof) -> None:
    """Where no finalizer is left to be queued, and a record is not to be freed, the sweep has
    decided on it: what stays is with an object that lives on, a finalizer with one found alive.
    """
    it = p.number(SpecialId, "it")
    at = any_specials(p, it)
    p.assume(p.holds(nothing_to_queue, at), p.holds(all_due_are_alive, at))
    decided = z3.Or(p.holds(of.may_free, at, it), p.holds(of.is_settled, at, it))
    p.show("decided", decided)
    p.possible("it is to be freed", p.holds(of.may_free, at, it))
    p.possible("it stays", p.holds(is_there, at, it))


@obligation("specials.run", "SWP-24", INTEGERS)
def a_finalizer_runs_once(p: Proof) -> None:
    """A finalizer runs when it is due, and is not due then any more; the others are."""
    at = p.fresh(FinalizersDue, "at")
    address, other = p.number(Address, "address"), p.number(Address, "other")
    runs = p.holds(of.may_run, at, address)
    after = p.call_given(runs, of.run, at, address)
    p.show("once", z3.Not(p.holds(of.may_run, after, address)), runs)
    same = p.holds(of.may_run, after, other) == p.holds(of.may_run, at, other)
    p.show("others are due", same, z3.And(runs, other != address))
    p.possible("it runs", runs)
