"""The background scavenger's line, and what is due where it is too steep for a number."""

from types import ModuleType

import pytest

KIB = 1024


@pytest.mark.parametrize("now", [1000, 1001, 10**15])
def test_a_line_without_time_makes_nothing_due(package: ModuleType, now: int) -> None:
    line = package.pages.scavengeline.ScavengeLine()
    line.goal, line.basis, line.time_basis, line.rate = 64 * KIB, 96 * KIB, 1000, float("inf")
    assert line.due(96 * KIB, now) == 0
    assert line.due(900 * KIB, now) == 0


def test_what_has_fallen_by_more_than_a_number_holds_has_not_fallen(package: ModuleType) -> None:
    line = package.pages.scavengeline.ScavengeLine()
    line.goal, line.basis, line.rate = 0, 96 * KIB, float(1 << 60)
    assert line.due(96 * KIB, 16) == 0
    assert line.due(900 * KIB, 16) == 0
    line.rate = 1.0
    assert line.due(96 * KIB, KIB) == KIB


def test_what_is_due_falls_from_the_time_at_which_the_line_was_drawn(package: ModuleType) -> None:
    line = package.pages.scavengeline.ScavengeLine()
    line.goal, line.basis, line.time_basis, line.rate = 8 * KIB, 96 * KIB, 1000, 2.0
    assert [line.due(96 * KIB, now) for now in (1000, 1001, 1000 + KIB)] == [0, 2, 2 * KIB]
    assert line.due(90 * KIB, 1000 + KIB) == 0
    assert line.due(8 * KIB, 1000 + 90 * KIB) == 0


def test_who_is_ahead_of_the_line_waits_for_it_if_that_is_longer_than_the_first_delay(
    package: ModuleType,
) -> None:
    line, first = package.pages.scavengeline.ScavengeLine(), 100_000
    line.goal, line.rate = 8 * KIB, 2.0
    for ahead, wait in ((2 * first - 2, 0), (2 * first, 0), (2 * first + 2, first + 1)):
        line.turn_ends(96 * KIB, KIB, KIB + ahead, 1000)
        assert line.wake_at == 1000 + wait


def test_a_turn_returns_a_page_for_a_byte_and_nothing_for_none(package: ModuleType) -> None:
    memory = package.SimulatedMemory()
    with package.Heap(1, memory) as heap:
        heap.malloc(1 << 20)
        heap.collect()
        heap.sweep_all()
        state, turn = heap.state, package.heap.scavengeturn.scavenge_turn
        state.line.goal, state.line.rate = 0, 1.0
        state.line.basis, state.line.time_basis = heap.statistics().heap_retained, 1000
        assert turn(state, state.mcaches[0], 1000) == 0
        assert (state.line.backs_off, state.line.wake_at) == (True, 1000 + 100_000)
        memory.fail_madvise = 1
        with pytest.raises(package.MadviseFailed):
            turn(state, state.mcaches[0], 1001)
        assert (state.line.backs_off, state.line.wake_at) == (True, 1001 + 100_000)
        assert turn(state, state.mcaches[0], 1001) > 0
        assert not state.line.backs_off
