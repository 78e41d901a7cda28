"""The map from pages to spans keeps its contract, however many pages and spans there are.

What steps are proved with is that a range of addresses has the value that it was given last, and
all others what they had. The map holds pages that are alike as one interval. It is asked with any
number of intervals, of which an arbitrary address sees one.
"""

from itertools import product
from typing import Final, NamedTuple, cast

import z3

from spanproof.prove.lemmas import Inductive
from spanproof.prove.methods import Fields, words_of
from spanproof.prove.proof import Proof, obligation
from spanproof.symbolic.evaluation.frames import LoopInvariant
from spanproof.symbolic.integers import Integers
from spanproof.symbolic.values.merge import as_bool, scalar_of
from spanproof.symbolic.values.values import SymbolicObject, SymbolicVector, SymbolicWords, Value
from spanproof.theorems.pages.tables.tilingaround import sound_around, tiling_of_pages
from spanproof.theorems.pages.tables.tilingreads import is_in_use, owner_at
from spanspec.base.constants import HEAP_ADDR_LIMIT, PAGE_SIZE
from spanspec.base.ids import NOBODY, Address, SpanId
from spanspec.base.intervals import FAR_BELOW, Intervals
from spanspec.base.tables import AddressMap
from spanspec.pages.tables.pagemap import PageMap, PageTable
from spanspec.pages.tables.records import NO_SPAN, UNMAPPED

INTEGERS: Final = Integers()


def interval_lies_between(starts: list[int], place: int, low: int, high: int) -> bool:
    """The interval of a place is none below `low`, and none from `high` on."""
    return (
        0 <= low < high <= len(starts)
        and starts[low] <= place
        and (high == len(starts) or starts[high] > place)
    )


def intervals_left(low: int, high: int) -> int:
    """How many intervals are still in question."""
    return high - low


def replaced_begin_in_time(starts: list[int], end: int, at: int, behind: int, size: int) -> bool:
    """Of the intervals from one on up to another, all begin at the end of the range or before."""
    return 0 <= at <= behind <= size and (behind == at or starts[behind - 1] <= end)


def not_looked_at(behind: int, size: int) -> int:
    """How many intervals were not looked at."""
    return size - behind


SEARCHED: Final = "spanspec.base.intervals.Intervals.find"
PASSED: Final = "spanspec.base.intervals.Intervals.set"
SEARCH: Final = {SEARCHED: LoopInvariant(interval_lies_between, intervals_left)}
LOOPS: Final = {**SEARCH, PASSED: LoopInvariant(replaced_begin_in_time, not_looked_at)}

FIRST: Final = z3.IntVal(0)
"""The number of the first interval."""


class Held(NamedTuple):
    """What the lists of intervals hold at some moment."""

    starts: SymbolicWords
    values: SymbolicWords


def held_by(p: Proof, fields: Fields) -> Held:
    """Return what the lists of intervals hold now."""
    starts, values = fields.value("_starts"), fields.value("_values")
    assert isinstance(starts, SymbolicVector)
    assert isinstance(values, SymbolicVector)
    return Held(words_of(p, starts), words_of(p, values))


class Line:
    """Intervals of which nothing is known but their contract, assumed where they are looked at."""

    def __init__(self, p: Proof, fields: Fields) -> None:
        self._p = p
        self.fields = fields
        self.before = self.now = self._later = self.held()
        starts, values = self.before
        p.assume(starts.length == values.length, starts.length >= 1)
        p.assume(starts.get(FIRST) == FAR_BELOW)

    def held(self) -> Held:
        """Return what the lists hold now."""
        return held_by(self._p, self.fields)

    def as_they_are(self) -> Fields:
        """Return intervals that hold what these do now, wherever they are looked at.

        What a search in them reads is a symbol then, and not all that was done to the lists.
        """
        self.now = self.held()
        later = Fields(self._p, Intervals, "later")
        self._later = held_by(self._p, later)
        for one, other in zip(self._later, self.now, strict=True):
            self._p.assume(one.length == other.length, one.get(FIRST) == other.get(FIRST))
        return later

    def looked_at(self, *later: z3.ArithRef, searches: int = 0) -> None:
        """Assume that the intervals were in order, and neighbours different, wherever a search has
        ended so far. `later` are numbers of intervals as they are now; so are those that the last
        `searches` have found.
        """
        found = [cast(z3.ArithRef, env["low"]) for env in self._p.arrivals(SEARCHED)]
        passed = [cast(z3.ArithRef, env["behind"]) for env in self._p.arrivals(PASSED)]
        earlier = found[: len(found) - searches]
        now = [*later, *found[len(earlier) :]]
        # What has a number behind those that were exchanged had another one before.
        moved = self.before.starts.length - self.now.starts.length
        for place in (at for one in now for at in (one, one + 1)):
            for held, known in zip(self._later, self.now, strict=True):
                self._p.assume(held.get(place) == known.get(place))
        places = [FIRST, *earlier, *passed, *now, *(one + moved for one in now)]
        places += [place + 1 for place in places]
        starts, values = self.before
        for one, other in product(places, repeat=2):
            known = z3.And(one >= 0, one < other, other < starts.length)
            self._p.assume(z3.Implies(known, starts.get(one) < starts.get(other)))
        for one in places:
            known = z3.And(one >= 0, one + 1 < starts.length)
            self._p.assume(z3.Implies(known, values.get(one) != values.get(one + 1)))


def ran(
    p: Proof, fields: Fields, method: str, *arguments: Value, given: z3.BoolRef | None = None
) -> z3.ExprRef:
    """Return what a method yields, as a term."""
    value = fields.run(method, *arguments, given=given).value
    return p.arithmetic.lift(scalar_of(value)).term


@obligation("intervals.set", "HEAP-6 HEAP-8", INTEGERS, loops=LOOPS)
def a_range_has_the_value_that_it_was_given(p: Proof) -> None:
    """Of a long line each place from one up to another has the value that it is given, and every
    other place the one that it had. Intervals stay in order, and two next to each other have
    different values.
    """
    fields = Fields(p, Intervals, "line")
    line = Line(p, fields)
    start, end, value, at, index = numbers(p, "start", "end", "value", "at", "index")
    p.assume(start > FAR_BELOW, end > FAR_BELOW, at > FAR_BELOW)
    before = ran(p, fields, "at", at)
    fields.run("set", start, end, value)
    after = ran(p, line.as_they_are(), "at", at)
    line.looked_at(index, searches=1)
    inside = z3.And(start <= at, at < end)
    p.show("what a place has", after == z3.If(inside, value, before))
    starts, values = line.held()
    p.show("as many values", starts.length == values.length)
    p.show("the first begins below all", starts.get(FIRST) == FAR_BELOW)
    inner = z3.And(index >= 0, index + 1 < starts.length)
    p.show("in order", starts.get(index) < starts.get(index + 1), inner)
    p.show("neighbours differ", values.get(index) != values.get(index + 1), inner)
    more = starts.length - line.before.starts.length
    p.possible("within one interval", z3.And(inside, before != value, more == 2))
    p.possible("over several", z3.And(inside, more == -3))
    p.possible("nothing", start >= end)


def numbers(p: Proof, *names: str) -> list[z3.ArithRef]:
    """Return arbitrary numbers."""
    return [cast(z3.ArithRef, p.number(int, name)) for name in names]


@obligation("intervals.all-are", "HEAP-7", INTEGERS, loops=SEARCH)
def a_range_has_one_value_just_if_each_place_has_it(p: Proof) -> None:
    """All places of a range are told to have a value just if each of them has it."""
    fields = Fields(p, Intervals, "line")
    line = Line(p, fields)
    start, end, value, at = numbers(p, "start", "end", "value", "at")
    p.assume(start > FAR_BELOW, at > FAR_BELOW)
    told = as_bool(fields.run("all_are", start, end, value).value)
    has_it = ran(p, fields, "at", at) == value
    # Where it is told not to be so, the first place or the one at which the next interval begins
    # has another value.
    own, first = ran(p, fields, "at", start), ran(p, fields, "find", start)
    starts, values = line.before
    line.looked_at()
    inside = z3.And(start <= at, at < end)
    p.show("each has it", z3.Implies(z3.And(told, inside), has_it))
    begins = z3.And(first + 1 < starts.length, starts.get(first + 1) < end)
    other = z3.Or(own != value, z3.And(begins, values.get(first + 1) != value))
    p.show("some has not", z3.Implies(z3.Not(told), z3.And(start < end, other)))
    p.possible("a range of one value", z3.And(told, inside))
    p.possible("of two", z3.And(z3.Not(told), own == value))


# --- what steps take a map to be ------------------------------------------------------------------


class Pages(NamedTuple):
    """The map that runs, with its line of intervals, and what steps take it to be."""

    map: Fields
    line: Line
    told: Value


def any_pages(p: Proof) -> Pages:
    """Return a map of which nothing is known but its contract."""
    pages, fields = Fields(p, PageMap, "map"), Fields(p, Intervals, "line")
    pages.set("_pages", fields.target)
    return Pages(pages, Line(p, fields), p.fresh(AddressMap[SpanId], "told"))


def any_address(p: Proof) -> z3.ArithRef:
    """Return an arbitrary address."""
    return cast(z3.ArithRef, p.fresh(Address, "address"))


def whole_pages(p: Proof) -> tuple[z3.ArithRef, z3.ArithRef, z3.ExprRef]:
    """Return the ends of a range of whole pages, and a span."""
    start, end = (cast(z3.ArithRef, p.fresh(Address, name)) for name in ("start", "end"))
    p.assume(start >= 0, end >= 0, start % PAGE_SIZE == 0, end % PAGE_SIZE == 0)
    return start, end, cast(z3.ExprRef, p.fresh(SpanId, "span"))


def value_at(told: AddressMap[SpanId], address: Address) -> SpanId:
    """What an address has."""
    return told[address]


def given_range(
    told: AddressMap[SpanId], start: Address, end: Address, span: SpanId
) -> AddressMap[SpanId]:
    """A map, once a range of addresses has a span."""
    return told.set_range(start, end, span)


def leads_as_told(found: SpanId, told: AddressMap[SpanId], address: Address) -> bool:
    """The map that runs has at an address what steps take it to have."""
    return found == told[address]


@obligation("pages.map-start", "HEAP-6 HEAP-8", INTEGERS, loops=SEARCH)
def no_address_leads_to_a_span_at_first(p: Proof) -> None:
    """A map that nothing was entered into has the same at every address."""
    made = p.call(first_map)
    assert isinstance(made, SymbolicObject)
    told, address = p.fresh(AddressMap[SpanId], "told"), any_address(p)
    p.assume(address >= 0, p.call(value_at, told, address) == UNMAPPED)
    found = p.translator.call_method(made, "__getitem__", address)
    p.show("at every address", p.holds(leads_as_told, found, told, address))
    p.possible("an address")


def first_map() -> PageTable[SpanId]:
    """A table of pages as the page heap makes it."""
    return PageTable(UNMAPPED)


@obligation("pages.map", "HEAP-6 HEAP-8", INTEGERS, loops=LOOPS)
def each_address_has_what_its_page_was_given(p: Proof) -> None:
    """After a range of whole pages was set, across arenas or not, each address in it has that
    span, and every other address has what it had: as steps take a map to be.
    """
    pages, line, told = any_pages(p)
    address, (start, end, span) = any_address(p), whole_pages(p)
    p.assume(address >= 0)
    before = ran(p, pages, "__getitem__", address)
    p.assume(p.holds(leads_as_told, before, told, address))
    returned = pages.run("set_range", start, end, span).value
    pages.set("_pages", line.as_they_are().target)
    after = ran(p, pages, "__getitem__", address)
    line.looked_at(searches=1)
    assert isinstance(returned, SymbolicObject)
    p.show("the map itself", returned.identity == pages.target.identity)
    later = p.call(given_range, told, start, end, span)
    p.show("what an address has", p.holds(leads_as_told, after, later, address))
    inside = z3.And(start <= address, address < end)
    p.possible("the last byte of a page", z3.And(address == end - 1, inside))
    p.possible("pages of three arenas", z3.And(inside, end - start > 1 << 27))


@obligation("pages.map-range", "HEAP-7", INTEGERS, loops=SEARCH)
def a_range_is_told_to_have_a_span_if_it_has(p: Proof) -> None:
    """Where a range of whole pages is told to have a span, each address in it has it."""
    pages, line, told = any_pages(p)
    address, (start, end, span) = any_address(p), whole_pages(p)
    p.assume(address >= 0)
    says = as_bool(pages.run("all_are", start, end, span).value)
    found = ran(p, pages, "__getitem__", address)
    p.assume(p.holds(leads_as_told, found, told, address))
    line.looked_at()
    inside = z3.And(start <= address, address < end)
    has_it = p.call(value_at, told, address) == span
    p.show("each has it", z3.Implies(z3.And(says, inside), has_it))
    p.show("an empty range", z3.Implies(start >= end, says))
    p.possible("pages of two arenas", z3.And(says, inside, end - start > 1 << 26))


LEADS: Final = Inductive(leads_as_told, "pages.map-start", ("pages.map",))
"""The map that runs has at each address what steps take it to have."""


@obligation("pages.span-of", "HEAP-5 HEAP-6 HEAP-8 I-13", INTEGERS, loops=SEARCH, lemmas=(LEADS,))
def any_address_leads_to_its_span(p: Proof) -> None:
    """The span that is looked up for an address, whichever of the 2^64 it is, is the one in use or
    manual that it lies in; what was never in an arena leads to none.
    """
    tiling = tiling_of_pages(p)
    pages, line, _ = any_pages(p)
    address = any_address(p)
    p.assume(address >= 0)
    sound_around(p, tiling, [], [address])
    found = ran(p, pages, "__getitem__", address)
    p.rely(LEADS, found, tiling.map, address)
    looked_up = ran(p, pages, "span_of", address)
    line.looked_at()
    span = cast(z3.ExprRef, p.call(owner_at, tiling, address))
    used = p.holds(is_in_use, tiling, span)
    owned = z3.And(used, span != NO_SPAN)
    p.show("in use or manual", z3.Implies(owned, looked_up == span))
    nowhere = z3.Or(address >= HEAP_ADDR_LIMIT, p.call(value_at, tiling.map, address) == UNMAPPED)
    p.show("in no arena", z3.Implies(nowhere, looked_up == NOBODY))
    p.possible("a span in use", owned)
    p.possible("an address of 64 bits", z3.And(address == (1 << 64) - 1, looked_up == NOBODY))
