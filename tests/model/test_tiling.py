"""The page heap as a system of runs: the functions that are proved also run."""

import random
from collections import Counter
from collections.abc import Iterator

from msgspec.structs import replace

from spanspec.base.constants import PAGE_SIZE
from spanspec.base.ids import Address, SpanId
from spanspec.pages.runs import page_run
from spanspec.pages.statistics import ByteSums, HeapStatistics, balances
from spanspec.pages.tiling import steps
from spanspec.pages.tiling.invariant import settled_but_above, settled_but_at, tiling_holds
from spanspec.pages.tiling.records import NO_SPAN, Tiling
from spanspec.sharing.finite import Finite
from spanspec.span.mspan import DEAD, FREE, IN_USE, MANUAL

SPANS = 14
PAGES = 40


class PageMap:
    """A map of whole pages."""

    def __init__(self, spans: tuple[SpanId, ...]) -> None:
        self.spans = spans

    def __getitem__(self, key: Address) -> SpanId:
        page = key // PAGE_SIZE
        return self.spans[page] if 0 <= page < len(self.spans) else NO_SPAN

    def __iter__(self) -> Iterator[Address]:
        return (Address(page * PAGE_SIZE) for page in range(len(self.spans)))

    def set_range(self, start: Address, end: Address, value: SpanId) -> "PageMap":
        first, last = start // PAGE_SIZE, end // PAGE_SIZE
        return PageMap((*self.spans[:first], *[value] * (last - first), *self.spans[last:]))


def empty() -> Tiling:
    """No page has a span."""
    keys = tuple(map(SpanId, range(SPANS)))
    nothing = PageMap((NO_SPAN,) * PAGES)
    return Tiling(Finite(keys, (page_run(0, 0, 0),) * SPANS), nothing, nothing)


def possible(tiling: Tiling, rng: random.Random) -> dict[str, tuple[Tiling, SpanId]]:
    """Return the steps that are possible at random choices, and what is to be coalesced."""
    one, other = SpanId(rng.randrange(1, SPANS)), SpanId(rng.randrange(1, SPANS))
    npages, base = rng.randrange(1, 6), rng.randrange(1, PAGES) * PAGE_SIZE
    use = rng.choice([IN_USE, MANUAL])
    found: dict[str, tuple[Tiling, SpanId]] = {}
    if base // PAGE_SIZE + npages <= PAGES and steps.may_grow(tiling, one, base, npages):
        found["grow"] = steps.grow(tiling, one, base, npages), one
    if steps.may_take_whole(tiling, one, npages, use):
        found["take whole"] = steps.take_whole(tiling, one, npages, use), NO_SPAN
    if steps.may_take_part(tiling, one, other, npages, use):
        found["take part"] = steps.take_part(tiling, one, other, npages, use), NO_SPAN
    if steps.may_give_back(tiling, one):
        found["give back"] = steps.give_back(tiling, one), one
    if steps.may_scavenge(tiling, one):
        found["scavenge"] = steps.scavenge(tiling, one), one
    if steps.may_scavenge_part(tiling, one, other, npages):
        found["scavenge part"] = steps.scavenge_part(tiling, one, other, npages), other
    return found


def test_a_running_page_heap_stays_sound_and_merges() -> None:
    rng = random.Random(3)
    tiling, happened, merged = empty(), Counter[str](), 0
    for _ in range(4000):
        choices = possible(tiling, rng)
        if not choices:
            continue
        name = rng.choice(sorted(choices))
        happened[name] += 1
        tiling, changed = choices[name]
        if changed != NO_SPAN:
            assert all(settled_but_at(tiling, span, changed) for span in tiling.runs)
            live = sum(run_is_live(tiling, span) for span in tiling.runs)
            tiling = steps.merge_lower(tiling, changed)
            assert all(settled_but_above(tiling, span, changed) for span in tiling.runs)
            tiling = steps.merge_upper(tiling, changed)
            merged += live - sum(run_is_live(tiling, span) for span in tiling.runs)
        assert tiling_holds(tiling), name
    assert len(happened) == 6
    assert merged > 50


def run_is_live(tiling: Tiling, span: SpanId) -> bool:
    return tiling.runs[span].state != DEAD


def test_the_invariant_can_fail() -> None:
    one, two = SpanId(1), SpanId(2)
    tiling = steps.coalesce(steps.grow(empty(), one, PAGE_SIZE, 4), one)
    assert tiling_holds(tiling)
    part = steps.scavenge_part
    unscavenged = tiling.runs.set(one, replace(tiling.runs[one], scavenged=False))
    split = part(replace(tiling, runs=unscavenged), one, two, 2)
    assert tiling_holds(split)
    alike = split.runs.set(two, replace(split.runs[two], scavenged=False))
    assert not tiling_holds(replace(split, runs=alike))
    assert tiling_holds(steps.coalesce(replace(split, runs=alike), two))
    lost = split.map.set_range(Address(2 * PAGE_SIZE), Address(3 * PAGE_SIZE), NO_SPAN)
    assert not tiling_holds(replace(split, map=lost))
    used = split.runs.set(one, replace(split.runs[one], state=IN_USE))
    assert tiling_holds(replace(split, runs=used))
    longer = split.runs.set(one, replace(split.runs[one], npages=3))
    assert not tiling_holds(replace(split, runs=longer))
    assert split.runs[one].state == FREE


def test_statistics_that_do_not_balance_are_noticed() -> None:
    stats = HeapStatistics(heap_sys=PAGE_SIZE, heap_inuse=PAGE_SIZE, pages_in_use=1)
    sums = ByteSums(PAGE_SIZE, 0, 0, 0, 0, 0, PAGE_SIZE)
    assert balances(stats, sums)
    assert not balances(replace(stats, pages_in_use=2), sums)
    assert not balances(stats, replace(sums, mapped=0))
