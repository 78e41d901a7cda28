"""The tables of pages and arenas, by themselves and as the page heap uses them."""

import random
from types import ModuleType

import pytest

PAGE = 8192
ARENA = 64 << 20
ARENA_PAGES = 8192


def test_an_arena_is_found_at_each_of_its_addresses_and_nowhere_else(package: ModuleType) -> None:
    pages = package.pages.pagemap.PageMap()
    bases = (0, ARENA, 2047 * ARENA, 2048 * ARENA, 0xC0_0000_0000, (1 << 48) - ARENA)
    arenas = {base: package.pages.pagemap.HeapArena(base, None) for base in bases}
    for base in (0xC0_0000_0000, *(base for base in bases if base != 0xC0_0000_0000)):
        highest = all(other.base < base for other in pages.all)
        assert pages.add(arenas[base]) == highest
        assert [one.rank for one in pages.by_address] == [*range(len(pages.by_address))]
    assert [one.base for one in pages.by_address] == sorted(bases)
    for base, arena in arenas.items():
        assert not any((*arena.marked, *arena.in_use))
        for address in (base, base + 1, base + ARENA - 1):
            assert pages.arena_of(address) is pages.arena_at(address) is arena
            assert pages.span_at(address) is None
    for address in (2 * ARENA, 2046 * ARENA, 2049 * ARENA, 0xC0_0000_0000 - 1, 1 << 47):
        assert pages.arena_of(address) is None
        assert pages.span_at(address) is None


def test_a_run_has_the_huge_pages_that_lie_in_it_as_a_whole(package: ModuleType) -> None:
    sizes, huge = package.PageSizes(), 2 << 20
    for first, pages, whole in (
        *((0, 255, 0), (0, 256, 1), (0, 511, 1), (0, 512, 2)),
        *((1, 256, 0), (1, 510, 0), (1, 511, 1), (255, 257, 1), (255, 256, 0)),
    ):
        assert sizes.huge_pages(huge + first * PAGE, pages) == whole
    assert package.PageSizes(4096, 0).huge_pages(0, 512) == 0


def test_a_span_is_found_at_each_of_its_pages_across_arenas(package: ModuleType) -> None:
    pages = package.pages.pagemap.PageMap()
    for base in (ARENA, 2 * ARENA, 3 * ARENA):
        pages.add(package.pages.pagemap.HeapArena(base, None))
    first = 2 * ARENA - 3 * PAGE
    span = package.Span(first, 0, ARENA_PAGES + 5, 0)
    pages.enter_all(span)
    for page in range(-1, ARENA_PAGES + 6):
        inside = 0 <= page < ARENA_PAGES + 5
        assert pages.span_at(first + page * PAGE) is (span if inside else None)


def test_a_weight_moves_in_a_tree_as_if_it_was_stored_anew(package: ModuleType) -> None:
    for capacity in (16, 256, 8192):
        tree, weights = package.base.maxtree.MaxTree(capacity), [0] * capacity
        rng = random.Random(capacity)
        places = rng.sample(range(capacity), 10)
        for place in places:
            weights[place] = rng.randrange(1, 99)
            tree.store(place, weights[place])
        for _ in range(1500):
            place = places.pop(rng.randrange(len(places)))
            empty = [to for to in range(place - 20, place + 20) if 0 <= to < capacity]
            to = rng.choice([to for to in empty if weights[to] == 0])
            weights[place], weights[to] = 0, rng.randrange(1, 99)
            tree.move(place, to, weights[to])
            places.append(to)
            assert place not in tree.in_use()
            assert tree.largest() == max(weights[at] for at in places)
            for wanted in (1, 50, 98):
                fits = [at for at in places if weights[at] >= wanted]
                assert tree.lowest(wanted) == min(fits, default=-1)


@pytest.mark.parametrize("first", [1, 15, 16, 255, 256, 8190, 8191, 8192, 8193])
@pytest.mark.parametrize("second", [1, 2, 300, 8191])
def test_pages_are_cut_off_free_memory_wherever_it_begins(
    package: ModuleType, first: int, second: int
) -> None:
    with package.Heap(1, package.SimulatedMemory()) as heap:
        everything = heap.take_manual(3 * ARENA_PAGES)
        heap.free_manual(everything)
        # What was in use is not scavenged, and is cut where it lies.
        assert heap.take_manual(first) == everything
        assert heap.take_manual(second) == everything + first * PAGE
        shot = heap.snapshot()
        assert package.audit(shot) == []
        rest = next(run for run in shot.runs if run.ident == shot.free[0])
        assert len(shot.free) == 1
        assert (rest.base - everything) // PAGE == first + second
        assert rest.npages == 3 * ARENA_PAGES - first - second
        assert heap.statistics().unscavenged_huge_pages == shot.unscavenged_huge_pages > 0
