"""Each lock of the implementation is missed at once by whatever uses what it protects."""

from types import SimpleNamespace

import pytest

from spanproof.fuzz.planted.droppedlocks import dropped_locks
from spanproof.fuzz.planted.planting import PlantedBug, package_with
from spanproof.mutation.planted import campaigns

BUGS = {bug.name: bug for bug in dropped_locks()}

KNOWN = [name for name in BUGS if name.startswith("#")]
OTHERS = [name for name in BUGS if name not in KNOWN]


def use_everything(package: SimpleNamespace) -> None:
    """Use a heap on one thread so that each section under a lock is entered."""
    heap = package.Heap(2, package.SimulatedMemory(), turns=package.Turns())
    for _ in range(2):
        live = [heap.malloc(size) for size in (48, 2048, 8192, 8192, 40_000) for _ in range(6)]
        heap.set_finalizer(heap.malloc(48))
        heap.set_finalizer(live[0])
        heap.remove_finalizer(live[0])
        heap.free_manual(heap.take_manual(4))
        heap.start_cycle()
        heap.set_finalizer(heap.malloc(48))
        heap.mark_all(live[::2])
        heap.finish()
        heap.sweep_one()
        heap.malloc(200_000)
        heap.malloc(8192, p=1)
        heap.sweep_all()
        heap.run_finalizers()
        heap.scavenge_all()
        heap.malloc(100_000)
        heap.collect(live[::4])
        heap.scavenge_by(1 << 40)
        for number in range(1, 5):
            heap.sweep_one()
            heap.malloc(number * 8192)
        heap.flush_caches()
    heap.close()


def test_no_lock_is_missed_where_each_is_taken() -> None:
    use_everything(package_with(None))


def expect_missed(name: str) -> None:
    package = package_with(BUGS[name])
    with pytest.raises(package.LockNotHeld):
        use_everything(package)


@pytest.mark.parametrize("name", KNOWN)
def test_a_lock_that_go_has_missed_is_missed(name: str) -> None:
    expect_missed(name)


# Each copy of the implementation takes a moment to import.
@pytest.mark.sampled(2)
@pytest.mark.parametrize("name", OTHERS)
def test_a_lock_that_is_not_taken_is_missed(name: str) -> None:
    expect_missed(name)


def test_every_section_under_a_lock_is_planted_and_the_known_ones_are_named() -> None:
    planted: dict[str, PlantedBug] = {name: bug for name, (bug, _) in campaigns().items()}
    assert BUGS.items() <= planted.items()
    assert len(KNOWN) == 2
    assert len(BUGS) > 20
    for bug in BUGS.values():
        assert "lock" in bug.old.splitlines()[-1]
        assert "lock" not in bug.new.splitlines()[-1]
