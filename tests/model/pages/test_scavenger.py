"""The scavenger in the background: when it backs off, and the line that it follows."""

from math import inf

import pytest
from msgspec.structs import replace

from spanspec.base.words import M64
from spanspec.pages.courses.bgscavenge import FIRST_RETRY_NS, Scavenger, after_turn, may_sleep, wake
from spanspec.pages.courses.scavengeline import Line, background_work, goal_for

MIB = 1 << 20

# --- the scavenger's goroutine --------------------------------------------------------------------


def test_the_scavenger_backs_off_and_a_release_resets_it() -> None:
    line = Line(goal=1000, basis=5000, time_basis=0, rate=0.001, generation=3)
    scavenger = wake(Scavenger(), 0)
    delays = []
    for _ in range(3):
        delays.append(scavenger.retry_delay)
        scavenger = after_turn(scavenger, line, 10, wanted=0, released=0)
        slept = scavenger
        scavenger = wake(slept, slept.wake_at)
    assert delays == [FIRST_RETRY_NS, 2 * FIRST_RETRY_NS, 4 * FIRST_RETRY_NS]
    assert scavenger.retry_delay == 8 * FIRST_RETRY_NS
    assert wake(slept, slept.wake_at - 1).retry_delay == 4 * FIRST_RETRY_NS
    assert wake(scavenger, 20).retry_delay == 8 * FIRST_RETRY_NS
    ahead = after_turn(scavenger, line, 10, wanted=100, released=4096)
    assert ahead == Scavenger(False, 10 + 3996 * 1000, FIRST_RETRY_NS, 3)
    assert after_turn(ahead, line, 50, wanted=100, released=100).wake_at == 50
    assert after_turn(ahead, line, 50, wanted=None, released=0).parked


@pytest.mark.parametrize(("rate", "time"), [(inf, 0), (inf, 9), (2.0**60, 16), (2.0**60, 99)])
def test_a_line_that_no_number_holds_asks_for_nothing(rate: float, time: int) -> None:
    line = Line(goal=64 << 10, basis=96 << 10, time_basis=0, rate=rate)
    assert background_work(line, 200 << 10, time) == 0
    assert background_work(replace(line, rate=1.0), 200 << 10, 8) == (104 << 10) + 8


def test_a_goal_that_no_number_holds_is_half_of_all_addresses() -> None:
    over = 1 << 63
    assert goal_for(8 * MIB, M64, 4 * MIB, 4096) == over + over // 10 // 4096 * 4096 + 4096
    assert goal_for(4 * MIB, 1 << 63, 4 * MIB, 4096) == goal_for(8 * MIB, M64, 4 * MIB, 4096)
    almost_all = M64 - 4095
    assert goal_for(1, almost_all, 1, 1) == almost_all + almost_all // 10 - (1 << 64)


def test_a_new_line_keeps_the_scavenger_awake() -> None:
    seen = Scavenger(False, 0, FIRST_RETRY_NS, 3)
    assert may_sleep(seen, Line(generation=3))
    assert not may_sleep(seen, Line(generation=4))
