"""The audit passes what the rules allow, and names the rules that a damaged snapshot breaks."""

from collections.abc import Callable
from functools import cache
from types import ModuleType
from typing import Any

import pytest

PAGE, ARENA = 8192, 1 << 26

Change = Callable[[Any], Any]
"""From a snapshot of a heap to another one. It is called `Any`: there are two such classes."""


@cache
def moments(package: ModuleType) -> tuple[Any, Any, Any]:
    """Return a heap at rest, one that is half swept, and one that is being marked."""
    heap = package.Heap(2, package.SimulatedMemory(), sweepgen=(1 << 32) - 4)
    sizes = (8, 100, 5000, 20_000)
    kept = [heap.malloc(size, p=p) for size in sizes for _ in range(5) for p in (0, 1)]
    kept += [heap.malloc(8) for _ in range(300)]
    kept += [heap.malloc(pages * PAGE, p=1) for pages in (5, 9, 13, 17, 21)]
    kept += [heap.malloc(5, noscan=True, p=p) for p in (0, 1)]
    heap.take_manual(3, "stack")
    heap.take_manual(2, "gc")
    heap.collect(kept[::2])
    heap.malloc(100)
    half = heap.snapshot()
    heap.sweep_all()
    heap.start_cycle()
    for address in kept[::4]:
        heap.mark(address)
    marking = heap.snapshot()
    heap.finish()
    heap.sweep_all()
    kept = [heap.malloc(8) for _ in range(107)]
    heap.malloc(5, noscan=True)
    heap.malloc(100)
    heap.malloc(30 * PAGE, noscan=True)
    return heap.snapshot(), half, marking


def rules(package: ModuleType, shot: Any) -> set[str]:
    """Return the rules that an audit names."""
    return {problem.partition(":")[0] for problem in package.audit(shot)}


def span_with(shot: Any, chosen: Callable[[Any], bool], **changes: Any) -> Any:
    """Return a snapshot with the first span of those chosen changed; a function is of its value."""
    at = next(number for number, span in enumerate(shot.spans) if chosen(span))
    spans = list(shot.spans)
    spans[at] = replaced(spans[at], changes)
    return shot._replace(spans=tuple(spans))


def replaced(record: Any, changes: dict[str, Any]) -> Any:
    values = {
        name: value(getattr(record, name)) if callable(value) else value
        for name, value in changes.items()
    }
    return record._replace(**values)


def run_with(shot: Any, chosen: Callable[[Any], bool], **changes: Any) -> Any:
    """The same for a run of pages."""
    at = next(number for number, run in enumerate(shot.runs) if chosen(run))
    runs = list(shot.runs)
    runs[at] = replaced(runs[at], changes)
    return shot._replace(runs=tuple(runs))


def cache_with(shot: Any, **changes: Any) -> Any:
    """The same for the cache of the first P."""
    return shot._replace(caches=(replaced(shot.caches[0], changes), *shot.caches[1:]))


def large(span: Any) -> bool:
    return bool(span.spanclass <= 1)


def cached(span: Any) -> bool:
    return span.alloc_cache is not None and span.spanclass == 2


def small(span: Any) -> bool:
    return bool(span.spanclass == 2 and 0 < span.alloc_count < span.nelems)


def cached_16(span: Any) -> bool:
    return span.alloc_cache is not None and span.spanclass == 16


def listed(span: Any) -> bool:
    """Tell whether it is swept, and in no cache."""
    return bool(span.spanclass == 90 and span.sweepgen == 0)


def free(run: Any) -> bool:
    return bool(run.state == 3 and run.npages > 1)


def more(by: int) -> Callable[[int], int]:
    return lambda value: value + by


def test_the_heaps_are_sound_and_have_what_is_damaged(package: ModuleType) -> None:
    for shot in moments(package):
        assert package.audit(shot) == []
    quiet, half, marking = moments(package)
    assert [quiet.phase, half.phase, marking.phase] == [0, 0, 1]
    assert any(cached(span) and span.freeindex > 64 and span.freeindex % 64 for span in quiet.spans)
    assert not half.sweepdone
    assert {run.state for run in quiet.runs} == {1, 2, 3}


@pytest.mark.parametrize("generation", [0, 2, 4, 6])
def test_a_heap_of_any_generation_is_sound(generation: int, package: ModuleType) -> None:
    with package.Heap(1, package.SimulatedMemory(), sweepgen=generation) as heap:
        kept = [heap.malloc(16) for _ in range(64)]
        (span,) = heap.snapshot().spans
        assert (span.freeindex, span.alloc_cache) == (64, (1 << 64) - 1)
        assert package.audit(heap.snapshot()) == []
        heap.malloc(5 * PAGE)
        heap.collect(kept[::3])
        assert any(span.sweepgen == generation for span in heap.snapshot().spans)
        assert package.audit(heap.snapshot()) == []
        heap.sweep_all()
        assert package.audit(heap.snapshot()) == []


def spans(chosen: Callable[[Any], bool], **changes: Any) -> Change:
    return lambda shot: span_with(shot, chosen, **changes)


def runs(chosen: Callable[[Any], bool], **changes: Any) -> Change:
    return lambda shot: run_with(shot, chosen, **changes)


def caches(**changes: Any) -> Change:
    return lambda shot: cache_with(shot, **changes)


def figures(**changes: Any) -> Change:
    return lambda shot: replaced(shot, changes)


def lists(spanclass: int, nonempty: tuple[int, ...], empty: tuple[int, ...]) -> Change:
    def changed(shot: Any) -> Any:
        central = [
            one._replace(nonempty=nonempty, empty=empty) if one.spanclass == spanclass else one
            for one in shot.central
        ]
        return shot._replace(central=tuple(central))

    return changed


def in_two(scavenged: bool) -> Change:
    """Return what divides a free run, and says that the upper part is scavenged, or not."""

    def changed(shot: Any) -> Any:
        at = next(number for number, run in enumerate(shot.runs) if free(run))
        run = shot.runs[at]
        upper = run._replace(ident=99, base=run.base + PAGE, npages=run.npages - 1)
        parts = (run._replace(npages=1), upper._replace(scavenged=scavenged))
        in_order = list(shot.free)
        in_order.insert(in_order.index(run.ident) + 1, 99)
        all_runs = (*shot.runs[:at], *parts, *shot.runs[at + 1 :])
        return shot._replace(runs=all_runs, free=tuple(in_order))

    return changed


def without_a_free_run(shot: Any) -> Any:
    gone = next(run for run in shot.runs if free(run))
    kept = tuple(run for run in shot.runs if run is not gone)
    left = tuple(ident for ident in shot.free if ident != gone.ident)
    return shot._replace(runs=kept, free=left)


REST, HALF, MARKING = 0, 1, 2

SOUND: dict[str, tuple[int, Change]] = {
    "a large object of one byte more than small ones have": (
        REST,
        spans(large, limit=lambda limit: limit - 40960 + 32769),
    ),
    "two free runs of which one is scavenged": (REST, in_two(True)),
    "a tiny block that is full": (REST, caches(tinyoffset=16)),
    "the last block of a span": (REST, caches(tiny=lambda tiny: tiny + 8192 - 16)),
    "all that is idle is released": (REST, lambda s: s._replace(heap_released=s.heap_idle)),
    "all pages were swept": (
        REST,
        lambda s: s._replace(
            pages_swept=s.pages_in_use + sum(run.npages for run in s.runs if run.state == 3)
        ),
    ),
}

DAMAGED: dict[str, tuple[int, Change, set[str]]] = {
    "freeindex beyond all": (REST, spans(cached, freeindex=1025), {"I-1", "I-2", "I-3"}),
    "one more is allocated": (REST, spans(small, alloc_count=more(1)), {"I-2"}),
    "one less is allocated": (REST, spans(small, alloc_count=more(-1)), {"I-2"}),
    "more than all": (REST, spans(small, alloc_count=1025), {"I-1", "I-2"}),
    "less than none": (REST, spans(small, alloc_count=-1), {"I-1", "I-2", "I-7"}),
    "nothing is allocated": (REST, spans(small, alloc_count=0), {"I-2", "I-7"}),
    "another cache": (REST, spans(cached, alloc_cache=lambda bits: bits ^ 1), {"I-3"}),
    "a longer cache": (REST, spans(cached, alloc_cache=lambda bits: bits | 1 << 64), {"I-3"}),
    "a free slot is marked": (MARKING, spans(cached_16, mark_bits=1 << 6), {"I-4"}),
    "marks before a sweep": (REST, spans(small, mark_bits=1), {"I-5"}),
    "marks of a span that is listed": (REST, spans(listed, mark_bits=1), {"I-5"}),
    "two slots of a large span": (REST, spans(large, nelems=2), {"I-6"}),
    "no slot of a large span": (REST, spans(large, nelems=0), {"I-1", "I-6"}),
    "the limit of a small object": (
        REST,
        spans(large, limit=lambda limit: limit - 40960 + 32768),
        {"I-6"},
    ),
    "a limit beyond the end": (REST, spans(large, limit=more(1)), {"I-6"}),
    "a large span that is too short": (REST, spans(large, npages=more(1)), {"I-11"}),
    "a limit that is too high": (REST, spans(cached_16, limit=more(8)), {"I-6"}),
    "a limit that is too low": (REST, spans(small, limit=more(-8)), {"I-6"}),
    "smaller slots": (REST, spans(cached_16, elemsize=104), {"I-6", "I-11"}),
    "more pages than a class has": (REST, spans(small, npages=2), {"I-11"}),
    "one generation ahead": (REST, spans(listed, sweepgen=1), {"I-22"}),
    "a generation of a cached span that is not": (REST, spans(listed, sweepgen=3), set()),
    "a free run is gone": (REST, without_a_free_run, {"I-12", "I-29"}),
    "runs overlap": (REST, runs(free, base=more(-PAGE)), {"I-12"}),
    "free runs are not merged": (REST, in_two(False), {"I-14"}),
    "a run in use is scavenged": (REST, runs(lambda r: r.state == 1, scavenged=True), {"I-9"}),
    "a manual run is scavenged": (REST, runs(lambda r: r.state == 2, scavenged=True), {"I-9"}),
    "free runs in another order": (REST, figures(free=lambda f: f[::-1]), {"I-18"}),
    "a free run twice": (REST, figures(free=lambda f: (*f, f[-1])), {"I-18"}),
    "a span of another class is cached": (REST, caches(alloc=((4, 0), (5, 1), (16, 2))), {"I-19"}),
    "what is no span is cached": (
        REST,
        caches(alloc=((2, 0), (5, 1), (16, 2), (20, 98))),
        {"I-19"},
    ),
    "a swept span is cached": (REST, spans(cached, sweepgen=0), {"I-19"}),
    "a cached span is in no cache": (REST, caches(alloc=((2, 0), (5, 1))), {"I-19"}),
    "a span is in two caches": (
        REST,
        lambda s: s._replace(caches=(s.caches[0], s.caches[1]._replace(alloc=((2, 0),)))),
        {"I-21"},
    ),
    "a missed flush": (REST, caches(flush_gen=(1 << 32) - 2), {"I-35"}),
    "a tiny block without an address": (REST, caches(tiny=0), {"I-36"}),
    "a tiny block without an object": (REST, caches(tinyoffset=0), {"I-36"}),
    "a tiny block beyond its end": (REST, caches(tinyoffset=17), {"I-36"}),
    "a tiny block between two": (REST, caches(tiny=more(8)), {"I-36"}),
    "a tiny block in another class": (REST, caches(tiny=more(-8192)), {"I-36"}),
    "a tiny block behind its span": (REST, caches(tiny=more(8192)), {"I-36"}),
    "a list of another class": (REST, lists(90, (0,), ()), {"I-19", "I-20"}),
    "a list of what is no span": (REST, lists(90, (4, 6, 98), ()), {"I-20"}),
    "a full span among those with room": (HALF, lists(90, (6, 4), (5,)), {"I-19"}),
    "a cached span among those with room": (REST, lists(2, (0,), ()), {"I-19"}),
    "a span with room among the empty": (REST, lists(90, (4,), (6,)), {"I-19"}),
    "a span in no list": (REST, lists(90, (4,), ()), {"I-19"}),
    "a span in a list twice": (REST, lists(90, (4, 6, 6), ()), {"I-19"}),
    "a large span in a list": (REST, lists(90, (4, 6), (14,)), {"I-19", "I-20"}),
    "unswept, but all is swept": (HALF, figures(sweepdone=True), {"I-24"}),
    "unswept, and in no buffer": (
        HALF,
        figures(buffers=lambda b: (b[0][:-1][:4] + b[0][5:], b[1])),
        {"I-23"},
    ),
    "unswept, and among the swept": (HALF, figures(buffers=lambda b: (b[0], (*b[1], 4))), {"I-23"}),
    "swept, and not among them": (HALF, figures(buffers=lambda b: (b[0], b[1][1:])), {"I-23"}),
    "swept twice": (HALF, figures(buffers=lambda b: (b[0], (*b[1], b[1][0]))), {"I-23"}),
    "a stranger among the swept": (HALF, figures(buffers=lambda b: (b[0], (*b[1], 98))), {"I-23"}),
    "more is released than is idle": (
        REST,
        lambda s: s._replace(heap_released=s.heap_idle + 1),
        {"I-29"},
    ),
    "more was swept than there is": (
        REST,
        lambda s: s._replace(
            pages_swept=s.pages_in_use + sum(run.npages for run in s.runs if run.state == 3) + 1
        ),
        {"I-28"},
    ),
    "an arena more": (REST, figures(arenas=lambda bases: (*bases, 0)), {"I-12", "I-29"}),
    "half an operation": (REST, figures(broken="x"), {"broken"}),
    **{
        f"{name} and {by}": (REST, figures(**{name: more(by)}), {"I-29"})
        for name in (
            "heap_inuse",
            "heap_idle",
            "heap_sys",
            "stacks_inuse",
            "gc_manual",
            "pages_in_use",
        )
        for by in (-1, 1)
    },
}


@pytest.mark.parametrize("name", SOUND)
def test_what_the_rules_allow_is_passed(name: str, package: ModuleType) -> None:
    moment, change = SOUND[name]
    assert package.audit(change(moments(package)[moment])) == []


@pytest.mark.parametrize("name", DAMAGED)
def test_what_is_damaged_breaks_its_rules_and_no_others(name: str, package: ModuleType) -> None:
    moment, change, broken = DAMAGED[name]
    assert rules(package, change(moments(package)[moment])) == broken
