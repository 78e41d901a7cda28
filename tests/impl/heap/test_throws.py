"""What the runtime throws at, if its own state is spoilt, breaks a heap before it does harm."""

from collections.abc import Callable
from types import ModuleType
from typing import Any, NamedTuple

import pytest

PAGE = 8192


class Spoilt(NamedTuple):
    """How a heap is spoilt, what is asked of it then, and what it says."""

    throws: str
    act: Callable[[Any], object]


def span_of(heap: Any, address: int) -> Any:
    return heap.state.pages.free.pages.span_at(address)


def removed_from_another_list(heap: Any) -> None:
    central, span = heap.state.central[2], span_of(heap, heap.malloc(8))
    with central.lock:
        central.nonempty.remove(span)


def inserted_twice(heap: Any) -> None:
    central, span = heap.state.central[2], span_of(heap, heap.malloc(8))
    with central.lock:
        central.nonempty.insert(span)


def appended_twice(heap: Any) -> None:
    central, span = heap.state.central[2], span_of(heap, heap.malloc(8))
    with central.lock:
        central.empty.insert_back(span)


def full_among_those_with_room(heap: Any) -> None:
    span = span_of(heap, heap.malloc(1024, True))
    for _ in range(8):
        heap.malloc(1024, True)
    heap.collect([])
    central = heap.state.central[span.spanclass]
    span.sweepgen = heap.state.sg
    with central.lock:
        (central.empty if span.listed == 2 else central.nonempty).remove(span)
        central.nonempty.insert(span)
    for _ in range(20):
        heap.malloc(1024, True)


def out_of_use_among_the_unswept(heap: Any) -> None:
    large = heap.malloc(5 * PAGE)
    heap.collect([large])
    span_of(heap, large).state = 0
    heap.sweep_all()


def not_flushed(heap: Any) -> None:
    heap.state.mcaches[0].flush_gen = 2
    heap.start_cycle()


def swept_before_anything_was(heap: Any) -> None:
    large = heap.malloc(5 * PAGE)
    heap.start_cycle()
    heap.state.unswept().spans.append(span_of(heap, large))
    heap.finish([large])


def freed_with_an_object(heap: Any) -> None:
    large = heap.malloc(5 * PAGE)
    heap.state.pages.free_span(heap.state.mcaches[0], span_of(heap, large), heap.state.sg)


def freed_by_hand_and_by_a_sweep(heap: Any) -> None:
    span = span_of(heap, heap.take_manual(3))
    span.sweepgen = heap.state.sg
    heap.state.pages.free_span(heap.state.mcaches[0], span, heap.state.sg)


def freed_before_it_is_swept(heap: Any) -> None:
    span = span_of(heap, heap.malloc(5 * PAGE))
    span.alloc_count = 0
    heap.state.pages.free_span(heap.state.mcaches[0], span, heap.state.sg + 2)


def cached_without_an_object(heap: Any) -> None:
    span_of(heap, heap.malloc(64)).alloc_count = 0
    heap.flush_caches()


def more_alive_than_an_int64_holds(heap: Any) -> None:
    heap.state.pacing.alive = 1 << 63
    heap.set_gc_percent(100)


SPOILT = [
    Spoilt("T-37", removed_from_another_list),
    Spoilt("T-38", inserted_twice),
    Spoilt("T-38", appended_twice),
    Spoilt("T-46", full_among_those_with_room),
    Spoilt("T-55", out_of_use_among_the_unswept),
    Spoilt("T-86", not_flushed),
    Spoilt("T-88", swept_before_anything_was),
    Spoilt("T-34", freed_with_an_object),
    Spoilt("T-34", freed_by_hand_and_by_a_sweep),
    Spoilt("T-34", freed_before_it_is_swept),
    Spoilt("cannot be uncached with no slot allocated", cached_without_an_object),
    Spoilt("T-90", more_alive_than_an_int64_holds),
]


@pytest.mark.parametrize("spoilt", SPOILT, ids=[one.act.__name__ for one in SPOILT])
def test_a_spoilt_state_is_thrown_at(spoilt: Spoilt, package: ModuleType) -> None:
    heap = package.Heap(1, package.SimulatedMemory())
    with pytest.raises(package.HeapError, match=spoilt.throws):
        spoilt.act(heap)
    heap.close()
