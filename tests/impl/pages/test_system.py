"""Where a reservation can be, and what an operating system must be able to do."""

from types import ModuleType
from typing import Any

import pytest

MIB = 1 << 20
PAGE = 4096


def system_whose_answer_is(package: ModuleType, place: int, size: int) -> Any:
    """Return what answers for an operating system that has one place to give."""

    class Answers(package.SimulatedMemory):  # type: ignore[misc, name-defined]
        def reserve(self, address: int, wanted: int) -> int:
            return place

        def reserve_aligned(self, wanted: int, align: int) -> tuple[int, int]:
            return place, size

    system = package.pages.system
    return system.System(Answers(), package.base.mutex.Interrupts())


@pytest.mark.parametrize("found", [PAGE, 2 * PAGE, 1 << 40, (1 << 62) - PAGE])
def test_a_reservation_is_at_a_page_of_the_address_space(found: int, package: ModuleType) -> None:
    system = system_whose_answer_is(package, found, MIB)
    assert system.reserve(0, MIB) == system.place(found, MIB) == found


@pytest.mark.parametrize("found", [-PAGE, -1, 0, 1, PAGE - 1, PAGE + 1, 1 << 62, 1 << 63])
def test_a_reservation_is_nowhere_else(found: int, package: ModuleType) -> None:
    system = system_whose_answer_is(package, found, MIB)
    with pytest.raises(package.OsFailed, match="the address of no page"):
        system.place(found, MIB)
    with pytest.raises(package.OsFailed):
        system.reserve_aligned(MIB, PAGE)


def test_reservations_lie_side_by_side_and_do_not_overlap(package: ModuleType) -> None:
    at = 1 << 40
    system = system_whose_answer_is(package, at, MIB)
    system.hold(at, MIB)
    for beside in (at - MIB, at + MIB):
        assert system.place(beside, MIB) == beside
    for found, size in (
        (at - MIB, MIB + PAGE),
        (at - MIB, 3 * MIB),
        (at, PAGE),
        (at + PAGE, PAGE),
        (at + MIB - PAGE, MIB),
    ):
        with pytest.raises(package.OsFailed, match="is held already"):
            system.place(found, size)


def test_an_aligned_reservation_is_as_long_as_it_is_wanted_and_of_whole_pages(
    package: ModuleType,
) -> None:
    for size in (MIB, MIB + PAGE, 2 * MIB):
        assert system_whose_answer_is(package, MIB, size).reserve_aligned(MIB, MIB) == (MIB, size)
    assert system_whose_answer_is(package, MIB, 0).reserve_aligned(MIB, MIB) == (0, 0)
    end = 1 << 47
    last = system_whose_answer_is(package, end - MIB, MIB)
    assert last.reserve_aligned(MIB, MIB) == (end - MIB, MIB)
    for place, size in (
        (MIB, MIB - PAGE),
        (MIB, MIB + 1),
        (MIB, -MIB),
        (MIB, end + MIB),
        (MIB + PAGE, MIB),
        (end - MIB, MIB + PAGE),
        (end, MIB),
    ):
        with pytest.raises(package.OsFailed):
            system_whose_answer_is(package, place, size).reserve_aligned(MIB, MIB)


def test_an_operating_system_says_what_it_cannot_do(package: ModuleType) -> None:
    memory = package.OsMemory(package.PageSizes())
    calls: dict[str, tuple[int, ...]] = {
        "reserve": (0, PAGE),
        "commit": (MIB, PAGE),
        "release": (MIB, PAGE),
        "madvise": (MIB, PAGE, 4),
        "view": (MIB, PAGE),
        "clear": (MIB, PAGE),
    }
    for name, arguments in calls.items():
        with pytest.raises(NotImplementedError):
            getattr(memory, name)(*arguments)


def test_address_space_that_cannot_be_given_back_is_told(package: ModuleType) -> None:
    class Keeps(package.SimulatedMemory):  # type: ignore[misc, name-defined]
        def release(self, address: int, size: int) -> None:
            raise package.MmapFailed(12, "kept")

    system = package.pages.system.System(Keeps(), package.base.mutex.Interrupts())
    with pytest.raises(package.MmapFailed, match="kept"):
        system.release(MIB, MIB)


def test_an_interrupt_of_advice_is_kept_for_the_end_of_the_operation(package: ModuleType) -> None:
    class Interrupted(package.SimulatedMemory):  # type: ignore[misc, name-defined]
        def welcome_huge(self, base: int, size: int) -> None:
            raise KeyboardInterrupt

    interrupts = package.base.mutex.Interrupts()
    package.pages.system.System(Interrupted(), interrupts).welcome_huge(MIB, MIB)
    assert isinstance(interrupts.take(), KeyboardInterrupt)


def test_a_view_across_arenas_that_is_not_to_be_had_is_a_failure(package: ModuleType) -> None:
    class Blind(package.RealMemory):  # type: ignore[misc, name-defined]
        def view(self, address: int, size: int) -> memoryview | None:
            return super().view(address, size) if size <= 64 * MIB else None

    with package.Heap(1, Blind()) as heap:
        address = heap.malloc(70 * MIB, noscan=True, zero=False)
        assert len(heap.memory(address, MIB)) == MIB
        with pytest.raises(package.OsFailed, match="there is no memory"):
            heap.memory(address, 70 * MIB)
