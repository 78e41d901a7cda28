"""The slots of a span change where threads say so, and threads are told of it what its record says.

Each step of a record is taken together with one of what threads share of its span. So threads know
whether a span has room just if its record counts a free slot, after each step of either kind.
"""

from collections.abc import Callable
from typing import Final, cast

import z3
from msgspec.structs import replace

from spanproof.prove.assumptions import MARKER
from spanproof.prove.lemmas import ShownOfSteps
from spanproof.prove.proof import Proof, obligation
from spanproof.symbolic.bitvectors import Words
from spanproof.symbolic.integers import Integers
from spanproof.symbolic.values.merge import as_bool
from spanproof.symbolic.values.values import Value
from spanproof.theorems.objects.simulation.slots import TAKES
from spanproof.theorems.sharing.steps.rooms import NOTHING_NEW, OF_END, OF_FREED, OF_LAST, OF_USE
from spanproof.theorems.span.counting import (
    BETWEEN,
    FULL,
    MARKS,
    ROOM,
    TAKEN,
    marks_allocated,
)
from spanproof.theorems.span.counts import any_exact_span, search, search_to_the_end
from spanproof.theorems.span.searches import SEARCHES, SLOW, keeps_layout
from spanspec.base.bitmap import Bitmap
from spanspec.base.constants import HEAP_ADDR_BITS, MAX_SMALL_SIZE, NUM_SPAN_CLASSES, PAGE_SIZE
from spanspec.base.ids import SlotId, SpanId, ThreadId
from spanspec.base.words import U8, U16, U32, U64
from spanspec.heap.courses.malloc import pages_for_large
from spanspec.heap.state import contents as of
from spanspec.heap.state.collector import MARK, OFF
from spanspec.heap.state.contents import class_is_told, is_told
from spanspec.sharing.steps.sweeping import may_examine
from spanspec.sharing.tables.records import SWEEPING, UNUSED, SharedSpan, Sharing
from spanspec.span.alloccache import (
    NextFree,
    cache_is_exact,
    next_free_fast,
    next_free_index,
    next_free_slow,
)
from spanspec.span.mspan import DEAD, IN_USE, Mspan, has_room, is_allocated, is_free
from spanspec.span.sweep import Swept, frees_some, leaves_nothing

INTEGERS: Final = Integers()
WORDS: Final = Words(64)


class Told:
    """What threads share before and after a step, and a span that it is about."""

    def __init__(self, p: Proof, record: Mspan, about: Callable[..., bool], kind: object) -> None:
        self.p, self.record = p, record
        before, after = p.fresh(Sharing, "before"), p.fresh(Sharing, "after")
        assert isinstance(before, Sharing)
        assert isinstance(after, Sharing)
        self.before, self.after = before, after
        self.span, self.by = (cast(z3.ExprRef, p.fresh(one, "it")) for one in (SpanId, kind))
        p.assume(p.holds(about, before, self.by, self.span))
        p.assume(p.holds(is_told, record, self.it))

    @property
    def it(self) -> SharedSpan:
        """What threads share of the span before the step."""
        return cast(SharedSpan, self.p.call(shared, self.before, self.span))

    def rely(self, shown: ShownOfSteps, *chosen: Value) -> None:
        """Build on what is shown of the step, which is taken of this span."""
        self.p.rely(shown, self.before, self.after, *chosen, self.span)

    def show(self, record: Value, given: z3.BoolRef) -> None:
        """Claim that threads are told afterwards what a record says."""
        self.p.show("threads are told", self.p.implied(given, told, record, self.after, self.span))


def shared(state: Sharing, span: SpanId) -> SharedSpan:
    """What threads share of a span."""
    return state.spans[span]


def told(record: Mspan, state: Sharing, span: SpanId) -> bool:
    """Threads are told what a record says."""
    return is_told(record, state.spans[span])


def works_with(state: Sharing, thread: ThreadId, span: SpanId) -> bool:
    """A thread is at work with a span."""
    return state.threads[thread].span == span


def has_cached(state: Sharing, slot: SlotId, span: SpanId) -> bool:
    """A slot of an mcache holds a span."""
    return state.slots[slot].span == span


def any_record(p: Proof) -> Mspan:
    """The record of some span, of whatever slots."""
    record = p.fresh(Mspan, "record")
    assert isinstance(record, Mspan)
    return record


@obligation("contents.others", "CEN-6 CEN-16 MAL-12", INTEGERS, lemmas=(NOTHING_NEW,))
def what_tells_nothing_new_leaves_it_true(p: Proof) -> None:
    """A step of threads beside which no slots change leaves true what they are told of any span."""
    record = any_record(p)
    it = Told(p, record, works_with, ThreadId)
    it.rely(NOTHING_NEW)
    it.show(record, z3.BoolVal(True))
    p.assume(p.holds(class_is_told, record, it.it))
    after = p.call(shared, it.after, it.span)
    p.show("its class is told", p.holds(class_is_told, record, after))
    p.show("nothing is told at first", p.holds(is_told, of.NO_CONTENTS, UNUSED))
    p.possible("a full span", z3.Not(as_bool(it.it.has_free)))


@obligation("contents.enter-use", "HEAP-22 SPAN-3 SPAN-4 SPAN-6 MAL-12", WORDS, lemmas=(OF_USE,))
def a_span_comes_into_use_empty(p: Proof) -> None:
    """A descriptor comes into use for the class that it was made ready for, on as many pages as the
    class has, with all its slots free; and threads are told so.
    """
    record = any_record(p)
    it = Told(p, record, works_with, ThreadId)
    it.rely(OF_USE, it.by)
    base, npages = p.number(U64, "base"), p.number(U32, "npages")
    p.assume(z3.ULT(base, 1 << HEAP_ADDR_BITS), z3.ULT(npages, 1 << 35))
    then = p.call(shared, it.after, it.span)
    for spanclass in range(NUM_SPAN_CLASSES):
        given = p.holds(of.may_enter_use, record, it.it, base, npages, spanclass)
        after = p.call_given(given, of.enter_use, record, it.it, base, npages, spanclass)
        told_of = p.implied(given, told, after, it.after, it.span)
        told_of = z3.And(told_of, p.implied(given, class_is_told, after, then))
        empty = p.implied(given, comes_empty, record, after, base, npages)
        p.show(f"class {spanclass}", z3.And(told_of, empty))
        if spanclass in (1, 133):
            p.possible(f"a span of class {spanclass}", given)


def comes_empty(before: Mspan, after: Mspan, base: U64, npages: U32) -> bool:
    """What was not in use has slots in its pages, none of which is allocated."""
    return (
        before.state == DEAD
        and after.base == base
        and after.npages == npages
        and after.nelems >= 1
        and after.alloc_count == 0
    )


@obligation("contents.leave-use", "SWP-26 HEAP-28", INTEGERS, lemmas=(OF_END,))
def a_span_leaves_use_empty(p: Proof) -> None:
    """A span leaves use with no slot allocated, and threads are told; of its slots none is left."""
    record = any_record(p)
    it = Told(p, record, works_with, ThreadId)
    it.rely(OF_END, it.by)
    given = p.holds(of.may_leave_use, record, it.it)
    after = p.call_given(given, of.leave_use, record, it.it)
    assert isinstance(after, Mspan)
    it.show(after, given)
    p.show("it was in use", z3.And(record.state == IN_USE, it.it.in_use), given)
    p.show("it was empty", record.alloc_count == 0, given)
    p.show("nothing is left", z3.And(after.state == DEAD, after.nelems == 0), given)
    p.possible("a span with slots", z3.And(given, record.nelems > 1))


@obligation(
    "contents.take-slot",
    "MAL-10 MAL-14 SPAN-17 CEN-16 SWP-6 I-4",
    INTEGERS,
    lemmas=(TAKES, OF_LAST),
)
def a_slot_is_taken_once_and_told_when_it_is_the_last(p: Proof) -> None:
    """What may be taken is a free slot; it is allocated and counted then, and marked at once while
    marking. Threads are told when it was the last: before, they need not be told anything.
    """
    record, found = any_record(p), p.fresh(NextFree, "found")
    assert isinstance(found, NextFree)
    it = Told(p, record, has_cached, SlotId)
    marking = cast(z3.BoolRef, p.fresh(bool, "marking"))
    phase = z3.If(marking, z3.IntVal(MARK), z3.IntVal(OFF))
    p.assume(record.spanclass >= 2, record.spanclass < 134)
    p.rely(TAKES, record, found, found.slot)
    given = z3.And(
        p.holds(of.may_take_slot, record, found, phase), record.alloc_count < record.nelems
    )
    given = z3.And(given, record.state == IN_USE)
    after = p.call_given(given, of.take_slot, record, found, phase)
    assert isinstance(after, Mspan)
    p.show("it was free", z3.Not(p.holds(is_allocated, record, found.slot)), given)
    p.show("it is allocated", p.implied(given, is_allocated, after, found.slot))
    p.show("it is counted", after.alloc_count == record.alloc_count + 1, given)
    behind = z3.And(record.freeindex <= found.slot, after.freeindex == found.slot + 1)
    p.show("the next search begins behind it", behind, given)
    p.show("it is marked", after.gcmark_bits.bit(found.slot), z3.And(given, marking))
    last = z3.Not(p.holds(has_room, found.span))
    quiet = z3.And(given, z3.Not(last))
    p.show("nobody has to be told", p.implied(quiet, told, after, it.before, it.span))
    it.rely(OF_LAST, it.by, last)
    it.show(after, given)
    p.possible("the last one", z3.And(given, last))
    p.possible("one of several", quiet)


@obligation(
    "contents.found",
    "MAL-10 MAL-19 SPAN-12 SPAN-15 SPAN-17",
    WORDS,
    contracts=SEARCHES,
    lemmas=(BETWEEN, TAKEN, ROOM, FULL),
)
def what_a_search_finds_may_be_taken(p: Proof) -> None:
    """Whatever slot either search finds, fast or slow, may be taken; and there is room then."""
    p.arbitrary("below", U16)
    span = any_exact_span(p)
    phase = p.number(U8, "phase")
    search_to_the_end(p, span)
    for name, find in (("fast", next_free_fast), ("slow", next_free_slow)):
        found = p.call(find, span)
        assert isinstance(found, NextFree)
        some = found.slot != span.nelems
        if find is next_free_fast:
            search(p, span, find)
        p.show(f"it may be taken, {name}", p.holds(of.may_take_slot, span, found, phase), some)
        p.show(f"there was room, {name}", p.holds(has_room, span), some)
        p.possible(f"a slot, {name}", some)


@obligation("contents.take-large", "MAL-11 MAL-12 MAL-14 I-6", INTEGERS)
def a_large_span_has_the_object_that_it_was_taken_for(p: Proof) -> None:
    """What may be placed in a large span needs just its pages, and ends in its last page; its slot
    is allocated then, and marked while marking. Threads need not be told: to them it was full.
    """
    record = any_record(p)
    it = Told(p, record, works_with, ThreadId)
    marking = cast(z3.BoolRef, p.fresh(bool, "marking"))
    phase = z3.If(marking, z3.IntVal(MARK), z3.IntVal(OFF))
    size = p.number(U64, "size")
    p.assume(record.nelems == 1, z3.Not(as_bool(it.it.has_free)), record.alloc_count == 0)
    p.assume(record.base + record.npages * PAGE_SIZE <= 1 << HEAP_ADDR_BITS)
    given = p.holds(of.may_take_large, record, it.it, size, phase)
    after = p.call_given(given, of.take_large, record, it.it, size, phase)
    assert isinstance(after, Mspan)
    p.show("nobody has to be told", p.implied(given, told, after, it.before, it.span))
    p.show("it is allocated", p.implied(given, is_allocated, after, z3.IntVal(0)))
    p.show("it is marked", after.gcmark_bits.bit(z3.IntVal(0)), z3.And(given, marking))
    p.show("it ends at the limit", after.limit == record.base + size, given)
    asked = z3.And(size > MAX_SMALL_SIZE, size < 1 << HEAP_ADDR_BITS)
    needed = z3.And(asked, record.npages == p.integer_given(asked, pages_for_large, size))
    used = z3.And(needed, p.holds(of.is_of, record, it.it), as_bool(it.it.large))
    may = p.implied(used, of.may_take_large, record, it.it, size, phase)
    p.show("where its size was asked for", may)
    pages = record.npages * PAGE_SIZE
    p.show("in the last page", z3.And(size <= pages, size > pages - PAGE_SIZE), given)
    p.possible("not whole pages", z3.And(given, size % PAGE_SIZE != 0))


@obligation(
    "contents.search",
    "MC-4 CEN-4 CEN-8 CEN-9 MAL-19 T-46 T-50",
    WORDS,
    contracts=SEARCHES,
    lemmas=(BETWEEN, TAKEN, ROOM, NOTHING_NEW),
)
def a_search_of_a_span_frees_and_takes_nothing(p: Proof) -> None:
    """Where no slots are taken, nothing new is told: a span that threads take for full is let go
    of, and T-50 does not fire; in one with room a cache is made, and T-46 does not fire; a look for
    room leaves a span as full as it was.
    """
    p.arbitrary("below", U16)
    record = any_exact_span(p)
    it = Told(p, record, works_with, ThreadId)
    it.rely(NOTHING_NEW)
    search(p, record, next_free_fast)
    search(p, record, next_free_index)
    stale = replace(record, alloc_cache=p.number(U64, "stale_cache"))
    full = z3.Not(as_bool(it.it.has_free))
    for step, before, given in (
        (of.SEARCH_FULL, record, full),
        (of.LOOK_FOR_ROOM, record, z3.BoolVal(True)),
        (of.ENTER_CACHE, stale, z3.BoolVal(True)),
    ):
        may = z3.And(p.holds(step.may, before, it.it), given)
        after = p.call_given(may, step.take, before, it.it)
        assert isinstance(after, Mspan)
        it.show(after, may)
        p.show(f"a small one, {step.name}", z3.UGE(record.spanclass, 2), may)
        p.show(f"none is counted, {step.name}", after.alloc_count == record.alloc_count, may)
        p.show(f"it keeps its slots, {step.name}", p.implied(may, keeps_layout, record, after))
        if step is of.SEARCH_FULL:
            p.show("at its end", after.freeindex == record.nelems, may)
        elif step is of.LOOK_FOR_ROOM:
            room = z3.And(may, after.freeindex != record.nelems)
            p.show("the next is free", p.implied(room, is_free, record, after.freeindex))
        else:
            p.show("its cache is exact", p.implied(may, cache_is_exact, after))
        p.possible(f"{step.name} is taken", may)


@obligation(
    "contents.sweep",
    "SWP-24 SWP-28 CEN-14 CEN-16",
    WORDS,
    contracts=SLOW,
    lemmas=(BETWEEN, MARKS, OF_FREED),
    assumes=(MARKER,),
)
def threads_are_told_what_a_sweep_frees(p: Proof) -> None:
    """Of a sweep threads are told whether it has freed some slot; so they take a span for full just
    if no slot is free. That all are dead is told only where some died, as their step demands.
    """
    p.arbitrary("below", U16)
    span, slot = any_exact_span(p), p.number(U16, "slot")
    record = replace(span, gcmark_bits=p.fresh(Bitmap, "marks_of_allocation"))
    marks = span.gcmark_bits
    p.use(BETWEEN, marks, 0, span.nelems)
    p.use(MARKS, span, every=lambda slot: [p.holds(marks_allocated, span, slot)])
    p.assume(z3.Implies(z3.ULT(span.spanclass, 2), span.nelems == 1))
    it = Told(p, record, works_with, ThreadId)
    may = p.holds(of.may_sweep_slots, record, it.it, marks)
    swept = p.call_given(may, of.sweep_slots, record, it.it, marks)
    assert isinstance(swept, Swept)
    freed, dead = (p.holds(rule, swept) for rule in (frees_some, leaves_nothing))
    some = z3.And(may, span.alloc_count != 0, p.holds(owns_a_sweep, it.before, it.by))
    p.show("it may be told", p.implied(some, may_examine, it.before, it.by, freed, dead))
    p.show("it keeps its slots", p.implied(may, keeps_layout, record, swept.span))
    allocated = p.implied(may, is_allocated, swept.span, slot)
    p.show("those that were marked", z3.Implies(marks.bit(slot), allocated), may)
    it.rely(OF_FREED, it.by, freed)
    it.show(swept.span, may)
    full = z3.And(may, z3.Not(as_bool(it.it.has_free)))
    p.possible("a full span has room then", z3.And(full, freed))
    p.possible("a full span stays so", z3.And(full, z3.Not(freed)))


def owns_a_sweep(state: Sharing, thread: ThreadId) -> bool:
    """A thread owns the sweep of a span, and has not swept it yet."""
    return state.threads[thread].task == SWEEPING
