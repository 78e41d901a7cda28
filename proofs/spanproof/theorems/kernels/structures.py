"""The implementation's page map, page set, free runs and tree, each against a plain Python value.

They are lists of objects and loops over them, which no formula says. Each way to fill a small one
is tried instead, at the borders of words, of rows, of arenas and of groups of these.
"""

from collections import Counter
from collections.abc import Sequence
from itertools import permutations, product
from typing import Final

from spanalloc.base.maxtree import MaxTree
from spanalloc.base.pagesizes import PageSizes
from spanalloc.pages.freeruns import FreeRuns
from spanalloc.pages.pagemap import HeapArena, PageMap
from spanalloc.pages.pageset import PageSet
from spanalloc.span.span import Span
from spanproof.prove.assumptions import SMALL_SCOPE
from spanproof.prove.exploration import Ran, explored
from spanproof.simulate.exhaustive.trying import Wrong, promise
from spanproof.theorems.cases import Case, every_case

PAGE: Final = 8192


ARENA: Final = 64 << 20


GROUP: Final = 1 << 37


SPACE: Final = 1 << 48


BORDER: Final = 7 * GROUP


PLACES: Final = (BORDER - ARENA, BORDER, BORDER + ARENA, 0, SPACE - ARENA)
"""Bases of arenas: on both sides of a border of groups, and the first and last of all."""


def a_span(base: int, npages: int) -> Span:
    """A large span of some pages."""
    return Span(base, 0, npages, 0)


# --- the page map ---------------------------------------------------------------------------------
def mapped_in(order: Sequence[int]) -> Case:
    """Map arenas in an order, and look every address up."""

    def case(met: Counter[str]) -> None:
        pages, there = PageMap(), dict[int, HeapArena]()
        for number in order:
            arena = HeapArena(PLACES[number], None)
            highest = pages.add(arena)
            promise(highest == all(arena.base > one for one in there), "AR-7: the highest arena")
            there[arena.base] = arena
            promise([one.base for one in pages.all] == list(there), "AR-7: in the order of mapping")
            promise([one.base for one in pages.by_address] == sorted(there), "AR-7: by address")
            ranks = [one.rank for one in pages.by_address]
            promise(ranks == list(range(len(there))), f"AR-7: ranks {ranks}")
            for base in (*PLACES, BORDER + 2 * ARENA, BORDER + GROUP):
                found = there.get(base)
                for address in (base, base + ARENA - 1):
                    promise(pages.arena_of(address) is found, f"HEAP-5: arena of {address:#x}")
                    promise(found is None or pages.arena_at(address) is found, "HEAP-5: arena_at")
                    promise(pages.span_at(address) is None, "HEAP-6: a span where none is")
                if found is None:
                    _is_refused(pages, base)
            met["arena"] += 1

    return case


def _is_refused(pages: PageMap, address: int) -> None:
    try:
        pages.arena_at(address)
    except AssertionError:
        return
    raise Wrong(f"HEAP-5: there is no arena at {address:#x}, and one is found")


def spans_at(border: int) -> Case:
    """Enter spans on both sides of a border, as pages, ends and wholes, over each other."""

    def case(met: Counter[str]) -> None:
        pages, plain = PageMap(), dict[int, Span]()
        for base in (border - ARENA, border, border + ARENA):
            pages.add(HeapArena(base, None))
        for start, npages in ((-2, 1), (-3, 4), (0, 1), (-1, 3), (-1, 8194), (8190, 4), (-4, 2)):
            for how in ("page", "ends", "all"):
                span = a_span(border + start * PAGE, npages)
                last = start + npages - 1
                if how == "page":
                    pages.enter(span.base + PAGE - 1, span)
                    plain[start] = span
                elif how == "ends":
                    pages.enter_ends(span)
                    plain |= {start: span, last: span}
                else:
                    pages.enter_all(span)
                    plain |= dict.fromkeys(range(start, last + 1), span)
                for page in (*range(-8, 8), *range(8184, 8200), 4000):
                    for address in (border + page * PAGE, border + page * PAGE + PAGE - 1):
                        good = pages.span_at(address) is plain.get(page)
                        promise(good, f"HEAP-6: page {page} after {npages} from {start} as {how}")
                met[how] += 1

    return case


@explored(
    "kernels.page-map",
    "AR-7 HEAP-5 HEAP-6 HEAP-8",
    needs="arena page ends all",
    assumes=(SMALL_SCOPE,),
)
def the_page_map_leads_from_pages_to_spans() -> Ran:
    """Arenas that are mapped in any order are found by each of their addresses, and listed by
    address; spans of up to 8194 pages, entered over each other across arenas and groups, are found
    at the pages for which they were entered last.
    """
    orders = [order for size in (2, 3, 4) for order in permutations(range(len(PLACES)), size)]
    return every_case(
        [
            *((f"arenas {order}", mapped_in(order)) for order in orders),
            *((f"spans about {at:#x}", spans_at(at)) for at in (BORDER, BORDER + 3 * ARENA)),
        ]
    )


# --- sets of pages, and trees ---------------------------------------------------------------------
MEMBERS: Final = (0, 1, 31, 32, 63, 8160, 8191)
"""Pages at the borders of words."""


def members(moves: Sequence[tuple[bool, int]]) -> Case:
    """Add pages to a set and remove them."""

    def case(met: Counter[str]) -> None:
        found, plain = PageSet(), set[int]()
        for adds, page in moves:
            (found.add if adds else found.discard)(page)
            (plain.add if adds else plain.discard)(page)
            promise(found.count == len(plain), f"TREAP-7: {found.count} of {len(plain)} members")
            for one in MEMBERS:
                promise(found.has(one) == (one in plain), f"TREAP-7: member {one}")
            for last in (*MEMBERS, 30, 33, 4000, 8190):
                highest = max((one for one in plain if one <= last), default=-1)
                promise(found.highest(last) == highest, f"TREAP-8: the highest up to {last}")
            met["member" if plain else "none"] += 1

    return case


@explored("kernels.page-set", "TREAP-7 TREAP-8", needs="member none", assumes=(SMALL_SCOPE,))
def a_set_of_pages_is_a_set() -> Ran:
    """Every sequence of three additions and removals of pages at the borders of words: the set has
    its members, knows how many, and finds the highest one up to a page.
    """
    moves = tuple(product((True, False), MEMBERS))
    return every_case([(f"{some}", members(some)) for some in product(moves, repeat=3)])


def weights(capacity: int, places: Sequence[int]) -> Case:
    """Store weights, list them, and clear them all."""

    def case(met: Counter[str]) -> None:
        tree, plain = MaxTree(capacity), dict[int, int]()
        for number, place in enumerate([*places, places[0]]):
            weight = (3, 1, 2, 0)[number % 4]
            tree.store(place, weight)
            plain[place] = weight
            there = sorted(one for one, weight in plain.items() if weight > 0)
            promise(list(tree.in_use()) == there, f"TREAP-3: {tree.in_use()}, not {there}")
            promise(tree.largest() == max(plain.values()), "TREAP-4: the largest weight")
            for least in (1, 2, 3, 4):
                fits = [one for one in there if plain[one] >= least]
                promise(tree.lowest(least) == min(fits, default=-1), f"I-40: at least {least}")
            met["stored"] += 1
        tree.clear()
        promise(not tree.in_use() and tree.largest() == 0, "TREAP-3: a tree that was cleared")
        promise(tree.lowest(1) == -1, "I-40: a tree that was cleared")

    return case


@explored("trees.in-use", "TREAP-3 TREAP-4 I-40", needs="stored", assumes=(SMALL_SCOPE,))
def a_tree_lists_its_weights() -> Ran:
    """Every way to store up to three weights at the borders of groups, in trees of one row to
    four: the tree lists its places, has the largest weight, finds the lowest, and can be cleared.
    """
    return every_case(
        [
            (f"{places} of {capacity}", weights(capacity, places))
            for capacity in (16, 17, 256, 257, 8192)
            for size in (1, 2, 3)
            for places in permutations(
                sorted({0, 15, 16 % capacity, 255 % capacity, capacity - 1}), size
            )
        ]
    )


# --- free runs ------------------------------------------------------------------------------------
HUGE_PAGES: Final = 256


Run = tuple[int, int, bool]
"""A free run: its first page from the border on, how many it has, and whether it is scavenged."""


RUNS: Final[tuple[Run, ...]] = (
    (-600, 2, False),
    (-520, 520, False),
    (5, 3, True),
    (10, 300, False),
    (8192 + 3, 1, False),
)


def whole_huge(start: int, npages: int) -> int:
    """The huge pages that lie in a run."""
    return max((start + npages) // HUGE_PAGES - -(-start // HUGE_PAGES), 0)


def answers(free: FreeRuns, runs: Sequence[Run]) -> None:
    """Require of a set of free runs what a list of them says."""
    runs = sorted(runs)
    told = [((one.base - BORDER) // PAGE, one.npages, one.scavenged) for one in free.in_order()]
    promise(told == runs, f"TREAP-3: {told}, not {runs}")
    promise(free.count == len(runs), f"TREAP-1: {free.count} runs")
    kept = [run for run in runs if not run[2]]
    huge = sum(whole_huge(start, npages) for start, npages, _ in kept)
    promise(free.huge_pages == huge, f"TREAP-6: {free.huge_pages} huge pages, not {huge}")
    for npages in (1, 2, 3, 4, 299, 301, 521):
        fits = [run for run in runs if run[1] >= npages]
        found = free.first_fit(npages)
        place = None if found is None else (found.base - BORDER) // PAGE
        promise(place == (fits[0][0] if fits else None), f"I-40: {npages} pages at {place}")
    for below, wanted in product((-600, -599, -519, 0, 11, 8192, 8196, 9000), (False, True)):
        good = [s for s, n, _ in kept if s < below and (whole_huge(s, n) > 0) == wanted]
        last = free.highest(BORDER + below * PAGE, wanted)
        place = None if last is None else (last.base - BORDER) // PAGE
        promise(place == (good[-1] if good else None), f"TREAP-8: below {below} is {place}")


def filled(order: Sequence[int], arenas: Sequence[int]) -> tuple[FreeRuns, dict[Run, Span]]:
    """Map arenas, then add runs, each in an order; return the set and the spans of the runs."""
    pages = PageMap()
    free = FreeRuns(pages, PageSizes())
    for number in arenas:
        free.make_room(len(pages.all) + 1)
        free.arena_added(pages.add(HeapArena(BORDER + number * ARENA, None)))
    spans = dict[Run, Span]()
    for number in order:
        start, npages, scavenged = run = RUNS[number]
        span = a_span(BORDER + start * PAGE, npages)
        span.scavenged = scavenged
        pages.enter_ends(span)
        free.insert(span)
        spans[run] = span
    return free, spans


def free_runs(order: Sequence[int], arenas: Sequence[int]) -> Case:
    """Fill a set; then take a run out, or pages off its front."""

    def case(met: Counter[str]) -> None:
        free, spans = filled(order, arenas)
        answers(free, list(spans))
        for run, span in spans.items():
            rest = [one for one in spans if one != run]
            free.remove(span)
            answers(free, rest)
            free.insert(span)
            answers(free, [*rest, run])
            met["removed"] += 1
        for start, npages, scavenged in spans:
            for taken in (1, npages - 1) if npages > 1 and not scavenged else ():
                free, spans = filled(order, arenas)
                span = spans.pop((start, npages, scavenged))
                free.pages.enter(span.base + taken * PAGE, span)
                free.cut(span, taken)
                answers(free, [*spans, (start + taken, npages - taken, False)])
                met["cut"] += 1

    return case


def many_arenas(met: Counter[str]) -> None:
    """A set has room for more arenas than a row of its tree, mapped from above and from below."""
    for down in (False, True):
        pages = PageMap()
        free = FreeRuns(pages, PageSizes())
        for number in range(18):
            at = BORDER + (18 - number if down else number) * ARENA
            free.make_room(number + 1)
            free.arena_added(pages.add(HeapArena(at, None)))
            span = a_span(at, number + 1)
            pages.enter_ends(span)
            free.insert(span)
            there = [one.npages for one in free.in_order()]
            due = list(range(1, number + 2))
            promise(there == (due[::-1] if down else due), f"TREAP-3: {there} in {number} arenas")
            for npages in range(1, number + 3):
                found = free.first_fit(npages)
                most = number + 1 if down else npages
                length = None if npages > number + 1 else most
                promise((found and found.npages) == length, f"I-40: {npages} pages")
            met["arenas"] += 1


@explored(
    "kernels.free-runs",
    "TREAP-1 TREAP-2 TREAP-3 TREAP-4 TREAP-5 TREAP-6 TREAP-7 TREAP-8 I-40",
    needs="removed cut arenas",
    assumes=(SMALL_SCOPE,),
)
def free_runs_answer_as_a_sorted_list() -> Ran:
    """Every set of up to three of five runs in three arenas that were mapped in any order, from
    which one was taken out, or pages off the front of one: it answers as the sorted list does.
    """
    ways = [order for size in (1, 2, 3) for order in permutations(range(len(RUNS)), size)]
    return every_case(
        [
            ("many arenas", many_arenas),
            *(
                (f"runs {order}, arenas {arenas}", free_runs(order, arenas))
                for number, order in enumerate(ways)
                for arenas in (tuple(permutations((-1, 0, 1)))[number % 6],)
            ),
        ]
    )
