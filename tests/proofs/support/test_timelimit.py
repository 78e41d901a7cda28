"""A limit of time ends what takes longer, and leaves the signals as they were."""

import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

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


@pytest.mark.parametrize("clock", [WALL, PROCESSOR])
def test_it_holds_in_a_thread_of_a_clusters_worker_as_well(clock: Clock) -> None:
    def compute() -> None:
        with limited(0.01, clock, Expired):
            while True:
                pass

    def end() -> int:
        with limited(60.0, clock, Expired):
            return 1

    with ThreadPoolExecutor(1) as threads:
        for _ in range(20):
            ended = threads.submit(compute)
            assert isinstance(ended.exception(timeout=60), Expired)
            assert threads.submit(end).result(timeout=60) == 1


AFTER_A_LIMIT = """
import sys
from threading import Thread
from spanproof.support.processes.timelimit import WALL, limited
def end():
    with limited(60.0, WALL, KeyboardInterrupt):
        pass
thread = Thread(target=end)
thread.start()
thread.join()
sys.setprofile(lambda *told: None)
print(*map(lambda one: one + 1, [1]))
"""


def test_what_is_profiled_after_a_limit_in_a_thread_begins() -> None:
    done = subprocess.run(
        [sys.executable, "-c", AFTER_A_LIMIT],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("2\n", "")
