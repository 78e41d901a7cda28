"""The page heap as a system of tables: the functions that are proved are those that run."""

import ast
import random
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Generic, TypeVar

import pytest
from msgspec.structs import replace

import spanproof.replay
import spanspec
from spanspec.base.constants import PAGE_SIZE
from spanspec.base.ids import Address, SpanId
from spanspec.heap import Heap
from spanspec.heap.snapshot import snapshot_of
from spanspec.pages.pageheap import Actor, PageHeap, Runs
from spanspec.pages.tables import coalescing, steps
from spanspec.pages.tables.invariant import tiling_holds
from spanspec.pages.tables.pagemap import PageTable
from spanspec.pages.tables.records import (
    GHOSTS,
    NO_SPAN,
    UNMAPPED,
    Arena,
    Tiling,
    is_live,
    is_loose,
)
from spanspec.pages.tables.runs import AMD64, LISTED, PhysicalPages, page_run
from spanspec.pages.tables.statistics import ByteSums, HeapStatistics, balances
from spanspec.sharing.tables.finite import Finite
from spanspec.span.mspan import DEAD

SPANS = 14
PAGES = 40
ValueT = TypeVar("ValueT")

Step = Callable[[Tiling], Tiling]


class Pages(Generic[ValueT]):
    """A map of whole pages that persists."""

    def __init__(self, values: tuple[ValueT, ...]) -> None:
        self.values = values

    def __getitem__(self, key: Address) -> ValueT:
        return self.values[min(max(key // PAGE_SIZE, 0), PAGES - 1)]

    def __iter__(self) -> Iterator[Address]:
        return (Address(page * PAGE_SIZE) for page in range(PAGES))

    def all_are(self, start: Address, end: Address, value: ValueT) -> bool:
        return all(self[Address(at)] == value for at in range(start, end, PAGE_SIZE))

    def set_range(self, start: Address, end: Address, value: ValueT) -> "Pages[ValueT]":
        first, last = start // PAGE_SIZE, end // PAGE_SIZE
        return Pages((*self.values[:first], *[value] * (last - first), *self.values[last:]))


def persistent() -> Tiling:
    """No page has a span; tables are values."""
    runs = Finite(tuple(map(SpanId, range(SPANS))), (page_run(0, 0),) * SPANS)
    return Tiling(
        AMD64,
        runs,
        Pages((UNMAPPED,) * PAGES),
        Arena(0, 0),
        0,
        Pages((NO_SPAN,) * PAGES),
        Pages((False,) * PAGES),
    )


def in_place() -> Tiling:
    """No page has a span; tables are updated in place, as in the heap that runs."""
    owner, written = PageTable(NO_SPAN), PageTable(False)
    runs: Runs[int] = Runs()
    return Tiling(AMD64, runs, PageTable(UNMAPPED), Arena(0, 0), 0, owner, written)


def possible(tiling: Tiling, rng: random.Random) -> dict[str, Step]:
    """Return the steps that are possible at random choices, by name."""
    one, other = SpanId(rng.randrange(SPANS)), SpanId(rng.randrange(SPANS))
    npages, base = rng.randrange(1, 6), rng.randrange(1, PAGES - 6) * PAGE_SIZE
    count, needzero = rng.randrange(2), rng.randrange(2)
    found: dict[str, Step] = {}
    if steps.may_add_arenas(tiling, base, npages):
        found["add_arenas"] = lambda t: steps.add_arenas(t, base, npages)
    if steps.may_enter_arenas(tiling, base, npages):
        found["enter_arenas"] = lambda t: steps.enter_arenas(t, base, npages)
    if steps.may_take_from_arena(tiling, one, npages):
        found["take_from_arena"] = lambda t: steps.take_from_arena(t, one, npages)
    if steps.may_take_whole(tiling, one, npages):
        found["take_whole"] = lambda t: steps.take_whole(t, one, npages)
    if steps.may_take_part(tiling, one, other, npages):
        found["take_part"] = lambda t: steps.take_part(t, one, other, npages)
    if steps.may_use(tiling, one):
        found["use"] = lambda t: steps.use(t, one)
    if steps.may_use_manually(tiling, one):
        found["use_manually"] = lambda t: steps.use_manually(t, one)
    if steps.may_give_back(tiling, one, count, needzero):
        found["give_back"] = lambda t: steps.give_back(t, one, count, needzero)
    if steps.may_scavenge(tiling, one):
        found["scavenge"] = lambda t: steps.scavenge(t, one)
    if steps.may_scavenge_part(tiling, one, other, npages):
        found["scavenge_part"] = lambda t: steps.scavenge_part(t, one, other, npages)
    if coalescing.may_merge_lower(tiling, one) and coalescing.alike_below(tiling, one) != NO_SPAN:
        found["merge_lower"] = lambda t: coalescing.merge_lower(t, one)
    if coalescing.may_merge_upper(tiling, one) and coalescing.alike_above(tiling, one) != NO_SPAN:
        found["merge_upper"] = lambda t: coalescing.merge_upper(t, one)
    if coalescing.may_enter_free_set(tiling, one):
        found["enter_free_set"] = lambda t: coalescing.enter_free_set(t, one)
    return found


def all_of(tiling: Tiling) -> tuple[object, ...]:
    """Return all that a page heap holds."""
    at = [Address(page * PAGE_SIZE) for page in range(PAGES)]
    runs = [tiling.runs[SpanId(span)] for span in range(SPANS)]
    maps = [[table[one] for one in at] for table in (tiling.map, tiling.owner, tiling.written)]
    return runs, maps, tiling.current, tiling.mapped


def test_every_step_runs_and_keeps_the_invariant_whatever_the_tables_are() -> None:
    rng, happened = random.Random(3), Counter[str]()
    values, places = persistent(), in_place()
    for _ in range(6000):
        choices = possible(values, rng)
        if not choices:
            continue
        name = rng.choice(sorted(choices))
        happened[name] += 1
        values, places = choices[name](values), choices[name](places)
        if happened[name] < 60:
            assert tiling_holds(values), name
            assert all_of(values) == all_of(places), name
    assert tiling_holds(values)
    assert all_of(values) == all_of(places)
    assert len(happened) == 13
    assert min(happened.values()) > 2


def test_the_invariant_can_fail() -> None:
    one, two = SpanId(1), SpanId(2)
    tiling = steps.enter_arenas(steps.add_arenas(persistent(), PAGE_SIZE, 4), PAGE_SIZE, 4)
    assert tiling_holds(tiling)
    assert not tiling_holds(replace(tiling, current=Arena(PAGE_SIZE, 6 * PAGE_SIZE)))
    tiling = steps.take_from_arena(tiling, one, 4)
    assert is_loose(tiling, one)
    assert tiling_holds(tiling)
    tiling = coalescing.enter_free_set(tiling, one)
    unscavenged = tiling.runs.set(one, replace(tiling.runs[one], scavenged=False))
    split = steps.scavenge_part(replace(tiling, runs=unscavenged), one, two, 2)
    assert tiling_holds(split)
    assert not coalescing.may_enter_free_set(
        replace(split, runs=split.runs.set(two, replace(split.runs[two], scavenged=False))), two
    )
    alike = split.runs.set(two, replace(split.runs[two], scavenged=False, role=LISTED))
    assert not tiling_holds(replace(split, runs=alike))
    lost = split.map.set_range(Address(2 * PAGE_SIZE), Address(3 * PAGE_SIZE), NO_SPAN)
    assert not tiling_holds(replace(split, map=lost))
    longer = split.runs.set(one, replace(split.runs[one], npages=3))
    assert not tiling_holds(replace(split, runs=longer))
    used = split.written.set_range(Address(PAGE_SIZE), Address(2 * PAGE_SIZE), True)
    assert not tiling_holds(replace(split, written=used))
    dead = split.runs.set(one, replace(split.runs[one], state=DEAD))
    assert not tiling_holds(replace(split, runs=dead))
    assert not is_live(split, NO_SPAN)


def test_a_step_that_is_not_possible_is_refused_by_the_heap_that_runs() -> None:
    heap = PageHeap(NoGoal())
    with pytest.raises(AssertionError, match="HEAP-1: may_use does not hold"):
        heap.act(NOBODY_ACTS, steps.may_use, steps.use, SpanId(0))
    heap.act(NOBODY_ACTS, steps.may_add_arenas, steps.add_arenas, 1 << 26, 8192)
    with pytest.raises(AssertionError, match="T-11: arena already initialized"):
        heap.act(NOBODY_ACTS, steps.may_add_arenas, steps.add_arenas, 1 << 26, 1)


NOBODY_ACTS = Actor(-1, 0)


class NoGoal:
    def retained_goal(self) -> int:
        return 0


def test_statistics_that_do_not_balance_are_noticed() -> None:
    stats = HeapStatistics(heap_sys=PAGE_SIZE, heap_inuse=PAGE_SIZE, pages_in_use=1)
    sums = ByteSums(PAGE_SIZE, 0, 0, 0, 0, 0, 0, PAGE_SIZE)
    assert balances(stats, sums)
    assert not balances(replace(stats, pages_in_use=2), sums)
    assert not balances(stats, replace(sums, mapped=0))


# --- ghosts ---------------------------------------------------------------------------------------


class Discarding:
    """A map of addresses that knows nothing: whoever reads it fails."""

    def set_range(self, start: Address, end: Address, value: object) -> "Discarding":
        return self


def churn(phys: PhysicalPages, forget: bool) -> tuple[bytes, int]:
    """Run a heap through growth, splits, merges and scavenging; return what it is afterwards."""
    heap, rng, live = Heap(phys=phys), random.Random(5), list[int]()
    pages = heap.state.pages
    if forget:
        nothing: dict[str, object] = dict.fromkeys(GHOSTS, Discarding())
        pages.tiling = replace(pages.tiling, **nothing)
    for _ in range(300):
        if rng.random() < 0.6 or not live:
            live.append(heap.malloc(rng.choice([16, 512, 9000, 40_000, 300_000])))
        else:
            live = [one for one in live if rng.random() < 0.5]
            heap.gc(live)
        if rng.random() < 0.1:
            heap.free_os_memory(live)
    return snapshot_of(heap.state).to_json(), pages.free.find(1) is not None


@pytest.mark.parametrize("phys", [AMD64, PhysicalPages(65536, 1 << 21)])
def test_no_result_depends_on_a_ghost(phys: PhysicalPages) -> None:
    assert churn(phys, forget=False) == churn(phys, forget=True)


def ghosts_read(text: str) -> list[int]:
    """Return the lines at which a page heap's ghost is read, but for giving it another value."""
    tree = ast.parse(text)
    kept = {
        id(ghost)
        for node in ast.walk(tree)
        if isinstance(node, ast.keyword) and node.arg in GHOSTS
        for call in ast.walk(node.value)
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and call.func.attr == "set_range"
        and isinstance(ghost := call.func.value, ast.Attribute)
        and ghost.attr == node.arg
    }
    return [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and node.attr in GHOSTS
        and id(node) not in kept
        and "tiling" in ast.unparse(node.value)
    ]


def test_nothing_but_the_invariant_reads_a_ghost() -> None:
    root = Path(spanspec.__path__[0])
    known = root / "pages" / "tables" / "invariant.py"
    folders = root / "pages", root / "heap", Path(spanproof.replay.__path__[0])
    found = {
        folder: {
            path: ghosts_read(path.read_text(encoding="utf-8")) for path in folder.rglob("*.py")
        }
        for folder in folders
    }
    assert all(found.values())
    assert found[root / "pages"].pop(known)
    read = {path: lines for of in found.values() for path, lines in of.items() if lines}
    assert read == {}
    assert ghosts_read("replace(tiling, owner=tiling.owner.set_range(a, b, tiling.owner[a]))") == [
        1
    ]
    assert ghosts_read("x = tiling.written[a]") == [1]
