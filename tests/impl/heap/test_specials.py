"""Finalizers and profile records: who outlives a sweep, and what is due then."""

from collections.abc import Iterator
from types import ModuleType

import pytest

from spanalloc import Heap


@pytest.fixture
def heap(package: ModuleType) -> Iterator[Heap]:
    with package.Heap(1, package.SimulatedMemory()) as made:
        yield made


def test_an_object_with_a_finalizer_outlives_one_sweep(heap: Heap) -> None:
    told: list[int] = []
    kept, dead = heap.malloc(64), heap.malloc(64)
    heap.set_finalizer(dead, told.append)
    heap.collect([kept])
    heap.sweep_all()
    assert heap.finalizers_due == [dead]
    assert heap.extent(dead) == (dead, 64)
    assert heap.run_finalizers() == 1
    assert told == [dead]
    assert heap.run_finalizers() == 0
    heap.collect([kept])
    heap.sweep_all()
    with pytest.raises(ValueError, match="its slot is free"):
        heap.extent(dead)


def test_an_object_that_is_alive_keeps_its_finalizer(heap: Heap) -> None:
    alive = heap.malloc(100_000)
    heap.set_finalizer(alive)
    for _ in range(3):
        heap.collect([alive])
        heap.sweep_all()
        assert heap.finalizers_due == []
    heap.collect()
    heap.sweep_all()
    assert heap.finalizers_due == [alive]


def test_a_finalizer_can_be_taken_away(heap: Heap) -> None:
    dead, other = heap.malloc(64), heap.malloc(64)
    heap.set_finalizer(dead)
    assert heap.remove_finalizer(dead)
    assert not heap.remove_finalizer(dead)
    heap.collect([other])
    heap.sweep_all()
    assert heap.finalizers_due == []
    with pytest.raises(ValueError, match="its slot is free"):
        heap.set_finalizer(dead)


def test_a_profile_record_goes_with_its_object_but_stays_with_one_that_is_saved(
    heap: Heap,
) -> None:
    saved, dead = heap.malloc(64), heap.malloc(64)
    for address in (saved, dead):
        heap.set_profile(address)
    heap.set_finalizer(saved)
    heap.collect()
    heap.sweep_all()
    (span,) = heap.snapshot().spans
    assert span.specials == ((0, 2),)
    assert heap.finalizers_due == [saved]


def test_finalizers_of_a_span_are_due_in_the_order_of_its_objects(heap: Heap) -> None:
    objects = [heap.malloc(64) for _ in range(5)]
    for address in reversed(objects):
        heap.set_finalizer(address)
    heap.collect()
    heap.sweep_all()
    assert heap.finalizers_due == objects


def test_each_object_of_a_tiny_block_has_a_finalizer_of_its_own(heap: Heap) -> None:
    told: list[int] = []
    a, b = heap.malloc(8, noscan=True), heap.malloc(8, noscan=True)
    assert b == a + 8
    heap.set_profile(a)
    heap.set_finalizer(b, told.append)
    heap.set_finalizer(a, told.append)
    (span,) = heap.snapshot().spans
    assert span.specials == ((0, 1), (0, 2), (8, 1))
    with pytest.raises(ValueError, match="has a finalizer already"):
        heap.set_finalizer(b)
    heap.collect([b])
    heap.sweep_all()
    assert heap.finalizers_due == []
    heap.collect()
    heap.sweep_all()
    assert heap.finalizers_due == [a, b]
    (span,) = heap.snapshot().spans
    assert span.specials == ((0, 2),)
    heap.run_finalizers()
    assert told == [a, b]


def test_a_finalizer_of_one_object_saves_the_profile_of_another_in_its_block(heap: Heap) -> None:
    a, b = heap.malloc(8, noscan=True), heap.malloc(8, noscan=True)
    heap.collect([a])  # from now on it is not the current block, which never dies
    heap.set_profile(a)
    heap.set_finalizer(b)
    heap.collect()
    heap.sweep_all()
    assert heap.finalizers_due == [b]
    (span,) = heap.snapshot().spans
    assert span.specials == ((0, 2),)


def test_removing_a_finalizer_leaves_that_of_its_neighbour_in_the_block(heap: Heap) -> None:
    a, b = heap.malloc(8, noscan=True), heap.malloc(8, noscan=True)
    heap.set_finalizer(a)
    assert not heap.remove_finalizer(b)
    heap.set_finalizer(b)
    assert heap.remove_finalizer(b)
    heap.collect([a])
    heap.collect()
    heap.sweep_all()
    assert heap.finalizers_due == [a]


def test_a_finalizer_of_an_object_of_no_bytes_is_forgotten(heap: Heap) -> None:
    nothing = heap.malloc(0)
    heap.set_finalizer(nothing)
    heap.set_finalizer(nothing)
    assert not heap.remove_finalizer(nothing)
    with pytest.raises(ValueError, match="in no object"):
        heap.set_profile(nothing)
    heap.collect([nothing])
    heap.sweep_all()
    assert heap.finalizers_due == []


def test_bad_calls_are_refused_and_change_nothing(heap: Heap) -> None:
    address = heap.malloc(64)
    heap.set_finalizer(address)
    heap.set_profile(address)
    before = heap.snapshot()
    with pytest.raises(ValueError, match="has a finalizer already"):
        heap.set_finalizer(address)
    for inner in (heap.set_finalizer, heap.remove_finalizer, heap.set_profile):
        with pytest.raises(ValueError, match="not the first byte"):
            inner(address + 8)
    with pytest.raises(ValueError, match="has a profile record already"):
        heap.set_profile(address)
    for bad in (-1, 0, 8192, address + 64, 1 << 60):
        with pytest.raises(ValueError, match="in no object"):
            heap.set_finalizer(bad)
        with pytest.raises(ValueError, match="in no object"):
            heap.remove_finalizer(bad)
    with pytest.raises(TypeError):
        heap.set_finalizer("x")  # type: ignore[arg-type]
    assert heap.snapshot() == before


def test_a_finalizer_that_raises_stops_no_other(heap: Heap) -> None:
    told: list[int] = []
    objects = [heap.malloc(64) for _ in range(3)]

    def raises(address: int) -> None:
        raise LookupError(f"{address:#x}")

    heap.set_finalizer(objects[0], raises)
    for address in objects[1:]:
        heap.set_finalizer(address, told.append)
    heap.collect()
    heap.sweep_all()
    with pytest.raises(LookupError, match=hex(objects[0])):
        heap.run_finalizers()
    assert told == objects[1:]
    assert heap.run_finalizers() == 0


def test_several_finalizers_that_raise_are_all_told_of(heap: Heap) -> None:
    def raises(address: int) -> None:
        raise LookupError(f"{address:#x}")

    for _ in range(3):
        heap.set_finalizer(heap.malloc(64), raises)
    heap.collect()
    heap.sweep_all()
    with pytest.raises(ExceptionGroup, match="3 of 3 finalizers failed") as caught:
        heap.run_finalizers()
    assert len(caught.value.exceptions) == 3


def test_an_interrupt_leaves_the_other_finalizers_due(heap: Heap) -> None:
    def interrupts(address: int) -> None:
        raise KeyboardInterrupt

    first, second = heap.malloc(64), heap.malloc(64)
    heap.set_finalizer(first, interrupts)
    heap.set_finalizer(second)
    heap.collect()
    heap.sweep_all()
    with pytest.raises(KeyboardInterrupt):
        heap.run_finalizers()
    assert heap.finalizers_due == [second]
    assert heap.run_finalizers() == 1


def test_an_object_whose_finalizer_is_due_outlives_every_cycle_until_it_has_run(
    heap: Heap,
) -> None:
    told: list[int] = []
    objects = [heap.malloc(64) for _ in range(2)]

    def collects(address: int) -> None:
        for _ in range(2):
            heap.collect()
            heap.sweep_all()
        told.append(heap.extent(address)[0])

    for address in objects:
        heap.set_finalizer(address, collects)
    for _ in range(3):
        heap.collect()
        heap.sweep_all()
        assert heap.finalizers_due == objects
        assert heap.malloc(64) not in objects
    assert heap.run_finalizers() == 2
    assert told == objects
    heap.collect()
    heap.sweep_all()
    assert heap.malloc(64) == objects[0]
