"""The containers keep their contracts: each way to fill a small one, against a plain Python list.

What a step is proved with (membership, front, back, lowest that fits) is what the list says.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from itertools import count, permutations, product
from random import Random
from typing import Final

from spanproof.prove.assumptions import SMALL_SCOPE
from spanproof.prove.exploration import Ran, explored
from spanproof.simulate.exhaustive.trying import promise
from spanproof.theorems.cases import Case, every_case, refuses
from spanspec.base.ids import NOBODY, PlaceId, SpanId
from spanspec.heap.state.advancing import advance
from spanspec.pages.freeset.freeruns import (
    ALL,
    UNSCAVENGED,
    UNSCAVENGED_HUGE,
    UNSCAVENGED_SMALL,
    FreeSpan,
    FreeSpans,
    SortedFreeSpans,
    filter_of,
    type_of,
)
from spanspec.pages.freeset.treap import Treap, check_treap
from spanspec.pages.freeset.treapnode import Node
from spanspec.pages.tables.pagemap import PageMap
from spanspec.sharing.containers.spanlist import SpanList
from spanspec.sharing.containers.sweepbuf import FIND_DRAINED, SweepBuffer, may_find_drained

PAGE: Final = 8192


# --- the free runs --------------------------------------------------------------------------------
RUNS: Final = (
    FreeSpan(10 * PAGE, 2, 7, False, False),
    FreeSpan(20 * PAGE, 1, 3, True, True),
    FreeSpan(30 * PAGE, 3, 5, False, True),
    FreeSpan(40 * PAGE, 2, 1, True, False),
)
"""Runs of every type, whose descriptors are not in the order of their addresses."""


FILTERS: Final = (ALL, UNSCAVENGED, UNSCAVENGED_HUGE, UNSCAVENGED_SMALL, 0b1010)


def seed_for(order: Sequence[int]) -> int:
    """Return a seed by which a treap draws priorities in a given order."""
    for seed in count():
        rng = Random(seed)
        drawn = [rng.getrandbits(32) for _ in order]
        if sorted(range(len(drawn)), key=lambda place: drawn[place]) == list(order):
            return seed
    raise AssertionError("every order is drawn some time")


def answers(found: FreeSpans, runs: Sequence[FreeSpan]) -> None:
    """Require of a set of free runs what a list of them says, for each question."""
    runs = sorted(runs, key=lambda run: run.base)
    promise(found.in_order() == runs, "TREAP-1: the runs are others, or out of order")
    for npages in range(1, 5):
        lowest = next((run for run in runs if run.npages >= npages), None)
        promise(found.find(npages) == lowest, f"I-40: {npages} pages, the lowest is {lowest}")
    for wanted in FILTERS:
        good = [run for run in runs if wanted >> (run.scavenged + 2 * run.huge) & 1]
        promise(found.first(wanted) == next(iter(good), None), "TREAP-8: the first")
        promise(found.last(wanted) == next(reversed(good), None), "TREAP-8: the last")
        for base in (0, *(run.base for run in RUNS), 50 * PAGE):
            below = [run for run in good if run.base < base]
            above = [run for run in good if run.base > base]
            promise(found.before(base, wanted) == next(reversed(below), None), "TREAP-8: before")
            promise(found.after(base, wanted) == next(iter(above), None), "TREAP-8: after")
    if isinstance(found, Treap):
        check_treap(found.root)


def filled(make: Callable[[], FreeSpans], order: Sequence[int]) -> FreeSpans:
    """Return a set into which runs came in some order."""
    made = make()
    for number in order:
        made.insert(RUNS[number])
    return made


def free_runs(make: Callable[[], FreeSpans], order: Sequence[int]) -> Case:
    """Fill a set in an order; then take a run out, or change it in place."""

    def case(met: Counter[str]) -> None:
        there = [RUNS[number] for number in order]
        answers(filled(make, order), there)
        for run in there:
            rest = [one for one in there if one != run]
            made = filled(make, order)
            refuses("T-70", partial(made.insert, run))
            made.remove(run.base)
            answers(made, rest)
            refuses("T-73", partial(made.remove, run.base))
            for npages in (1, 4):
                changed = FreeSpan(run.base, npages, run.span, not run.scavenged, not run.huge)
                made = filled(make, order)
                made.mutate(run.base, changed)
                answers(made, [*rest, changed])
                met["mutate"] += 1
            met["remove"] += 1

    return case


@explored(
    "containers.treap",
    "TREAP-1 TREAP-2 TREAP-3 TREAP-4 TREAP-5 TREAP-6 TREAP-7 TREAP-8 TREAP-9 T-70 T-73 I-18 I-40",
    needs="remove mutate",
    assumes=(SMALL_SCOPE,),
)
def the_treap_answers_as_a_sorted_list() -> Ran:
    """Every treap of up to four runs, of whatever priorities, that were inserted in whatever order,
    and from which any one was then taken out or changed: it answers each question as the list does.
    """
    cases = []
    for size in (1, 2, 3):
        for order in permutations(range(4), size):
            for priorities in permutations(range(size)):
                seed = seed_for(priorities)
                case = free_runs(partial(Treap, seed), order)
                cases.append((f"runs {order}, priorities {priorities}", case))
    for priorities in permutations(range(4)):
        seed = seed_for(priorities)
        for order in ((0, 1, 2, 3), (2, 0, 3, 1), (3, 2, 1, 0)):
            case = free_runs(partial(Treap, seed), order)
            cases.append((f"runs {order}, priorities {priorities}", case))
    for order in permutations(range(4), 3):
        cases.append((f"a sorted list of {order}", free_runs(SortedFreeSpans, order)))
    cases += (("filters", filters), ("priorities", equal_priorities))
    return every_case(cases)


def equal_priorities(met: Counter[str]) -> None:
    """A child may have the priority of its parent: two that are drawn may be the same."""
    root = Node(RUNS[1], 5)
    root.hang_left(Node(RUNS[0], 5))
    root.hang_right(Node(RUNS[2], 5))
    check_treap(root)
    met["priorities"] += 1


def filters(met: Counter[str]) -> None:
    """A filter has the bits of the types that it lets through."""
    for mask, match in product(range(4), range(4)):
        for run in RUNS:
            kind = run.scavenged + 2 * run.huge
            promise(type_of(run) == kind, "TREAP-7: the type of a run")
            passes = filter_of(mask, match) >> kind & 1
            promise(bool(passes) == (kind & mask == match), "TREAP-7: a filter")
    met["filters"] += 1


# --- the lists of mcentral, the sweep buffers -----------------------------------------------------
def spans_in_a_list(moves: Sequence[tuple[str, int]]) -> Case:
    """Move spans into a list and out of it."""

    def case(met: Counter[str]) -> None:
        found, plain = SpanList(), list[int]()
        for what, span in moves:
            met[what] += 1
            if what == "remove":
                if span not in plain:
                    refuses("SPAN-28", partial(found.remove, span))
                    continue
                found.remove(span)
                plain.remove(span)
            elif span in plain:
                act = found.insert if what == "front" else found.insert_back
                refuses("SPAN-28", partial(act, span))
            elif what == "front":
                found.insert(span)
                plain.insert(0, span)
            else:
                found.insert_back(span)
                plain.append(span)
            same = list(found) == plain and len(found) == len(plain)
            promise(same and all(one in found for one in plain), f"SPAN-28: {list(found)}")
        other = SpanList()
        other.insert(9)
        other.take_all(found)
        promise(list(other) == [*plain, 9] and not list(found), "SPAN-28: all of another list")

    return case


@explored(
    "containers.lists",
    "SPAN-28 SPAN-29",
    needs="front back remove",
    assumes=(SMALL_SCOPE,),
)
def a_list_of_spans_has_an_order() -> Ran:
    """Every sequence of moves of three spans to the front, to the back and out, as of a list."""
    moves = tuple(product(("front", "back", "remove"), range(3)))
    cases = [(f"{some}", spans_in_a_list(some)) for some in product(moves, repeat=4)]
    return every_case(cases)


def places_of_a_buffer(order: Sequence[int], popped: Sequence[int]) -> Case:
    """Fill reserved places in one order, and empty them in another."""

    def case(met: Counter[str]) -> None:
        buffer, plain, index = SweepBuffer(), dict[int, int](), 0
        for place in order:
            buffer.push(100 + place, place)
            plain[place], index = 100 + place, max(index, place + 1)
            refuses("SWP-10", partial(buffer.push, 7, place))
            _is_right(buffer, plain, index)
            met["reserved"] += len(plain) < index
        for place in popped:
            buffer.pop(place)
            plain.pop(place)
            index = min(index, place)
            _is_right(buffer, plain, index)
            met["given up"] += any(one > place for one in plain)
        promise(not may_find_drained(buffer.stack, PlaceId(0)), "SWP-11: the first place")
        advance(buffer, FIND_DRAINED, -1)
        promise(buffer.index == 0 and buffer.at(-1) == NOBODY, "SWP-11: a drained stack")

    return case


def _is_right(buffer: SweepBuffer, plain: dict[int, int], index: int) -> None:
    promise(buffer.index == index, f"SWP-10: the index is {buffer.index}, not {index}")
    promise(buffer.entries == plain, f"SWP-11: {buffer.entries}, not {plain}")
    promise(buffer.reserved == (len(plain) < index), "SWP-10: reserved places")
    for place in range(4):
        if place in plain:
            promise(buffer.at(place) == plain[place], f"SWP-11: at {place}")
        else:
            refuses("SWP-11", partial(buffer.at, place))


def blocks_of_a_buffer(met: Counter[str]) -> None:
    """A buffer extends over blocks of 512 places, and tells what is in each."""
    buffer = SweepBuffer()
    for place in range(1025):
        made = {0: (8 * 256, 4096), 512: (4096,), 1024: (4096,)}.get(place, ())
        promise(buffer.grow_for(place) == made, f"SWP-10: what place {place} takes")
        promise(buffer.blocks() == -(-place // 512), f"SWP-12: {buffer.blocks()} of {place}")
        if place != 600:
            buffer.push(place, place)
    blocks = [buffer.block(number) for number in range(3)]
    there = [one for one in range(1025) if one != 600]
    promise([one for block in blocks for one in block] == there, "SWP-12: what is in them")
    promise([len(block) for block in blocks] == [512, 511, 1], "SWP-12: their lengths")
    refuses("T-61", partial(buffer.block, 3))
    refuses("T-61", partial(buffer.block, -1))
    for number in range(3, 600):
        spine = {256: (8 * 512,), 512: (8 * 1024,)}.get(number, ())
        promise(buffer.grow_for(512 * number) == (*spine, 4096), f"SWP-10: block {number}")
        promise(buffer.grow_for(512 * number) == (), "SWP-10: a block is made once")
    met["blocks"] += 1


@explored(
    "containers.sweep-buffers",
    "SWP-8 SWP-10 SWP-11 SWP-12 SWP-13 T-61",
    needs="reserved blocks",
    assumes=(SMALL_SCOPE,),
)
def a_sweep_buffer_has_reserved_places() -> Ran:
    """Every order in which up to four reserved places are filled, and every one in which they are
    emptied: each place has its span, and the index is that of the places taken.
    """
    cases: list[tuple[str, Case]] = [("blocks", blocks_of_a_buffer)]
    for size in (1, 2, 3, 4):
        for order in permutations(range(size)):
            for popped in permutations(range(size)):
                name = f"filled {order}, emptied {popped}"
                cases.append((name, places_of_a_buffer(order, popped)))
    return every_case(cases)


# --- the map of pages -----------------------------------------------------------------------------
def pages_of_a_map(ranges: Sequence[tuple[int, int, int]], at: int) -> Case:
    """Give ranges of pages to spans, about a place."""

    def case(met: Counter[str]) -> None:
        found, plain = PageMap(), dict[int, int]()
        for start, end, span in ranges:
            found.set_range((at + start) * PAGE, (at + end) * PAGE, SpanId(span))
            plain.update(dict.fromkeys(range(at + start, at + end), span))
            met["set"] += start < end
        for page in range(at - 1, at + 6):
            span = plain.get(page, NOBODY)
            for address in (page * PAGE, page * PAGE + PAGE - 1):
                promise(found.span_of(address) == span, f"HEAP-6: page {page - at}: not {span}")
        for first, last in product(range(at, at + 5), repeat=2):
            alike = all(plain.get(page, NOBODY) == 1 for page in range(first, last))
            promise(found.all_are(first * PAGE, last * PAGE, SpanId(1)) == alike, "HEAP-7: all are")

    return case


@explored(
    "containers.page-map",
    "HEAP-5 HEAP-6 HEAP-7 HEAP-8",
    needs="set",
    assumes=(SMALL_SCOPE,),
)
def each_page_has_the_span_it_was_given() -> Ran:
    """Every sequence of three ranges of up to four pages, within an arena and across the border of
    two: each page has the span that it was given last, as a map of single pages says.
    """
    ranges = [(a, b, span) for a in range(4) for b in range(a, 5) for span in (1, 2)]
    border = (64 << 20) // PAGE * 3
    cases = [
        (f"{some} at page {at}", pages_of_a_map(some, at))
        for at in (border - 2,)
        for some in product(ranges[::2], ranges, ranges[1::4])
    ]
    return every_case(cases)
