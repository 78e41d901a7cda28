"""What an implementation starts ends with the campaign; what it does only sometimes is told."""

import errno
import os
import re
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from spanproof.fuzz.campaigns.campaign import run_target
from spanproof.fuzz.engine.target import of_span
from spanproof.fuzz.program import Allocate, MarkFree, Program, Refill
from spanproof.fuzz.programs.choices import Choices
from spanproof.fuzz.sides.spanalloc_subject import installed
from spanproof.support.processes.pools import NO_MORE
from tests.proofs.fuzz.hostility import LEAST, NTH, WHOLE, acting, campaign, target_of


def children_of_this() -> list[psutil.Process]:
    return list(psutil.Process().children(recursive=True))


def fork_and_stay(read: int, leave: bool) -> Callable[[], None]:
    def action() -> None:
        if os.fork() == 0:
            if leave:
                os.setsid()
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            os.write(read, f"{os.getpid()}\n".encode())
            time.sleep(600)
        time.sleep(0.05)

    return action


@pytest.mark.parametrize("leave", [False, True])
def test_forked_children_end_with_the_campaign(leave: bool) -> None:
    before = {one.pid for one in children_of_this()}
    reader, writer = os.pipe()
    result = run_target(target_of(acting(fork_and_stay(writer, leave))), examples=1)
    os.close(writer)
    with open(reader) as file:
        pids = [int(line) for line in file]
    assert result.divergence is None
    assert pids
    assert not any(psutil.pid_exists(pid) for pid in pids)
    assert {one.pid for one in children_of_this()} <= before


def test_a_forked_child_that_returns_does_not_go_on_with_the_campaign() -> None:
    result = run_target(target_of(acting(lambda: os.fork() and None)), examples=3)
    assert result.divergence is None
    assert result.programs == result.exercised["refills"] == 3


def test_threads_that_never_end_keep_nobody() -> None:
    def action() -> None:
        threading.Thread(target=time.sleep, args=(600,)).start()

    assert campaign(action).divergence is None


def test_an_implementation_that_fails_now_and_then_is_a_finding(tmp_path: Path) -> None:
    calls = tmp_path / "calls"

    def action() -> None:
        with calls.open("ab") as file:
            file.write(b".")
        if calls.stat().st_size == 1:
            raise RuntimeError("only once")

    result = run_target(target_of(acting(action)), examples=1, shrink=1)
    assert result.divergence is not None
    assert result.divergence.seen == "raises RuntimeError: only once"
    assert result.again is not None
    assert (result.again.times, result.again.runs) == (0, 3)
    assert "not reproduced in 3 of 3 runs" in str(result.again)


def test_one_that_depends_on_earlier_programs_is_a_finding() -> None:
    calls = [0]

    def action() -> None:
        calls[0] += 1
        if calls[0] % 20 == 0:
            raise RuntimeError("every 20th")

    result = run_target(of_span(acting(action, 1)), examples=100, shrink=0.2)
    assert result.divergence is not None
    assert result.again is not None
    assert result.again.times == 0


def test_the_time_to_shrink_is_a_bound() -> None:
    def fail_late() -> None:
        time.sleep(0.05)
        raise RuntimeError

    whole = Program(1, (Refill(), *(MarkFree(k) for k in range(40)), Allocate(NTH)))
    result = run_target(target_of(acting(fail_late), whole), examples=1, shrink=0.1)
    assert result.divergence is not None
    assert isinstance(result.divergence.program, Program)
    assert 30 < len(result.divergence.program.steps) <= len(whole.steps)
    assert result.again == (1, 1)


def refuse_forks(monkeypatch: pytest.MonkeyPatch, after: int, here: bool) -> None:
    """Let the system refuse processes, after the first so many, to this one or to its children."""
    command, fork, made = os.getpid(), os.fork, [0]

    def refusing() -> int:
        if (os.getpid() == command) == here:
            made[0] += 1
            if made[0] > after:
                raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")
        return fork()

    monkeypatch.setattr(os, "fork", refusing)


@pytest.mark.parametrize("here", [True, False], ids=["supervisor", "worker"])
def test_where_no_process_can_be_started_that_is_told(
    monkeypatch: pytest.MonkeyPatch, here: bool
) -> None:
    refuse_forks(monkeypatch, 0, here)
    with pytest.raises(BlockingIOError, match=re.escape(NO_MORE)) as refused:
        run_target(target_of(installed), examples=1)
    assert refused.value.errno == errno.EAGAIN


def test_what_is_found_stays_found_where_no_more_processes_can_be_started(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    refuse_forks(monkeypatch, 1, here=False)
    result = run_target(target_of(acting(lambda: (9, "fast"))), examples=1)
    assert result.divergence is not None
    assert result.divergence.program == LEAST
    assert result.again is None


def test_a_supervisor_that_is_killed_before_the_first_program_is_told_as_such() -> None:
    def grammar(_: Choices) -> Program:
        os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(600)
        return WHOLE

    target = target_of(installed)._replace(grammar=grammar)
    with pytest.raises(ChildProcessError, match="was killed before the first program"):
        run_target(target, examples=1)
