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
