"""A limit of time ends what takes longer, and leaves the signals as they were."""

import signal

import pytest

from spanproof.support.processes.timelimit import PROCESSOR, WALL, Clock, limited


class Expired(BaseException):
    """It has taken too long."""


@pytest.mark.parametrize("clock", [WALL, PROCESSOR])
def test_what_never_ends_is_ended(clock: Clock) -> None:
    before = signal.getsignal(clock.signal)

    def compute() -> None:
        with limited(0.01, clock, Expired):
            while True:
                pass

    with pytest.raises(Expired):
        compute()
    assert signal.getsignal(clock.signal) is before
    assert signal.getitimer(clock.timer) == (0.0, 0.0)


@pytest.mark.parametrize("clock", [WALL, PROCESSOR])
def test_what_ends_in_time_is_left_alone(clock: Clock) -> None:
    before = signal.getsignal(clock.signal)
    with limited(60.0, clock, Expired):
        assert signal.getitimer(clock.timer)[0] > 0
    assert signal.getsignal(clock.signal) is before
    assert signal.getitimer(clock.timer) == (0.0, 0.0)
