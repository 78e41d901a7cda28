"""Whatever an implementation does to the process that it runs in, the program that did it is told.

Each kind runs in processes that it may end, hang or fill, under limits that keep the tests short.
"""

import ctypes
import os
import signal
import sys
import time
from collections.abc import Callable
from functools import partial
from multiprocessing.connection import Connection

import psutil
import pytest

from spanproof.fuzz.campaigns.campaign import CampaignResult, run_once, run_target
from spanproof.fuzz.engine.target import of_heap, of_schedules
from spanproof.fuzz.heapsides import Side
from spanproof.fuzz.isolation import supervised
from spanproof.fuzz.isolation.ending import Limits
from spanproof.fuzz.isolation.supervisor import Supervisor
from spanproof.fuzz.lockstep.divergence import Divergence
from spanproof.fuzz.program import Program
from spanproof.fuzz.programs.choices import Choices, pick
from spanproof.fuzz.programs.heapprogram import HeapProgram, Malloc, StartCycle, Sweep, Together
from spanproof.fuzz.sides import spanallocheap
from tests.proofs.fuzz.hostility import LEAST, SHORT, WHOLE, acting, campaign, target_of

LIBC = ctypes.CDLL(None)


def shrunk(result: CampaignResult) -> Divergence:
    """The divergence of a result, whose program has to be a short one."""
    assert result.divergence is not None
    assert result.divergence.side == "implementation"
    assert result.divergence.program == LEAST
    assert result.again is not None
    assert result.again.always
    return result.divergence


class Mean(Exception):
    """An exception that has no text."""

    def __str__(self) -> str:
        raise RuntimeError

    __repr__ = __str__


class Unplanned(BaseException):
    """What `except Exception` does not catch."""


def fail(problem: BaseException) -> Callable[[], None]:
    def call() -> None:
        raise problem

    return call


def hang() -> None:
    while True:
        pass


def hang_in_c() -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    LIBC.sleep(600)


def hang_without_the_interpreter() -> None:
    ctypes.PyDLL(None).sleep(600)


def ignore_signals() -> None:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGABRT):
        signal.signal(number, signal.SIG_IGN)
    time.sleep(600)


def stop_itself() -> None:
    os.kill(os.getpid(), signal.SIGSTOP)


def flood() -> None:
    while True:
        print("x" * 5000)


def eat_memory() -> None:
    eaten = []
    while True:
        eaten.append(bytearray(b"x") * 10_000_000)


def stop_the_clock() -> None:
    setattr(time, "monotonic", lambda: 0.0)  # noqa: B010


def spoil_messages() -> None:
    """Have each message of this process begin as a longer one does, which never is whole."""

    def sends(connection: Connection, content: bytes) -> None:
        os.write(connection.fileno(), b"\0\1\0\0" + bytes(content))

    setattr(Connection, "_send_bytes", sends)  # noqa: B010


ENDS = {
    "a message of its own": (spoil_messages, "damages what its process tells"),
    "exit in C": (lambda: LIBC.exit(0), "ends its process, with exit status 0"),
    "os._exit": (lambda: os._exit(0), "ends its process, with exit status 0"),
    "another status": (lambda: os._exit(113), "ends its process, with exit status 113"),
    "a segmentation fault": (lambda: ctypes.string_at(0), "ends its process by SIGSEGV"),
    "an abort": (lambda: LIBC.abort(), "ends its process by SIGABRT"),
    "a signal": (lambda: os.killpg(0, signal.SIGTERM), "ends its process by SIGTERM"),
    "the files": (lambda: os.closerange(0, 256), "closes the pipe by which its process is watched"),
    "the supervisor": (
        lambda: os.kill(os.getppid(), signal.SIGKILL),
        "ends the process that watches its own",
    ),
    "sys.exit": (lambda: sys.exit(0), "raises SystemExit: 0"),
    "an interrupt": (fail(KeyboardInterrupt()), "raises KeyboardInterrupt"),
    "no exception": (fail(Unplanned("x")), "raises Unplanned: x"),
    "no memory": (fail(MemoryError()), "raises MemoryError"),
    "no text": (fail(Mean()), "raises Mean: an object of type Mean, whose text raises"),
    "no character": (fail(ValueError("\ud800\x1b")), r"raises ValueError: \ud800\x1b"),
    "a long text": (fail(ValueError("x\n" * 10_000)), "raises ValueError: x"),
}


@pytest.mark.parametrize("kind", sorted(ENDS))
def test_whatever_ends_a_program_is_told_with_a_short_program(kind: str) -> None:
    action, says = ENDS[kind]
    assert shrunk(campaign(action, Limits())).seen.startswith(says)


HANGS: dict[str, Callable[[], None]] = {
    "in Python": hang,
    "in C": hang_in_c,
    "in C with the interpreter locked": hang_without_the_interpreter,
    "and ignores signals": ignore_signals,
    "and is stopped": stop_itself,
    "and prints": flood,
}


@pytest.mark.parametrize("kind", sorted(HANGS))
def test_a_program_that_does_not_end_is_ended_and_told(kind: str) -> None:
    result = campaign(HANGS[kind], shrink=0)
    assert result.divergence is not None
    assert (result.divergence.step, result.divergence.what) == (3, "allocate 4 slots")
    assert result.divergence.seen.startswith("does not end within 0.4 s")
    assert str(result.again).startswith("reproduced in 1 of 1 run,")


def test_a_program_that_does_not_end_is_shrunk_and_the_place_is_shown() -> None:
    divergence = shrunk(campaign(hang, shrink=30))
    assert "test_hostile.py" in divergence.seen
    assert "in hang" in divergence.seen


def test_a_program_that_takes_too_much_memory_is_ended_and_told() -> None:
    most = psutil.Process().memory_info().rss + (300 << 20)
    result = campaign(eat_memory, Limits(30, most), shrink=0)
    assert result.divergence is not None
    assert result.divergence.seen.startswith(f"takes more than {most >> 20} MiB of memory")


def test_the_place_of_a_crash_and_what_was_printed_are_shown() -> None:
    def crash() -> None:
        os.write(2, b"free(): invalid pointer \xff[/b]\n")
        ctypes.string_at(0)

    seen = shrunk(campaign(crash, Limits())).seen.splitlines()
    assert any("test_hostile.py" in line and "in crash" in line for line in seen)
    assert seen[-1].endswith("it printed: free(): invalid pointer \ufffd[/b]")


def identity(value: object) -> object:
    return value


def test_results_of_wrong_types_are_told() -> None:
    for wrong, shown in (
        (1 << 80_000_000, "an object of type int, whose text raises ValueError"),
        ("z" * 10_000_000, "zzz"),
        (Mean(), "an object of type Mean, whose text raises RuntimeError"),
    ):
        divergence = run_once(target_of(acting(partial(identity, wrong))), LEAST)
        assert divergence is not None
        assert divergence.seen.startswith(shown)
        assert len(divergence.seen) < 1100


class Agreeing(int):
    """A number that equals any other."""

    def __eq__(self, other: object) -> bool:
        return True

    def __ne__(self, other: object) -> bool:
        return False

    __hash__ = int.__hash__


def test_a_number_that_equals_any_other_is_no_result() -> None:
    class Lying(spanallocheap.SpanallocHeap):
        def malloc(self, size: int, noscan: bool, zero: bool, p: int) -> int:
            return Agreeing(super().malloc(size, noscan, zero, p) + 8)

    def factory(program: HeapProgram) -> Side:
        return Lying(program, spanallocheap.installed(program)._package)

    divergence = run_once(of_heap(factory), HeapProgram((Malloc(8),)))
    assert divergence is not None
    assert (divergence.what, divergence.seen) == ("the result", "0xc000000008")


def test_what_is_found_is_told_before_it_is_shrunk() -> None:
    told: list[Divergence] = []
    result = run_target(
        target_of(acting(lambda: os._exit(0))),
        examples=1,
        on_found=told.append,
    )
    assert [one.program for one in told] == [WHOLE]
    shrunk(result)


def test_what_does_not_end_is_shown_when_it_is_interrupted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    supervisors: list[Supervisor] = []
    original = Supervisor.__enter__

    def enter(supervisor: Supervisor) -> Supervisor:
        supervisors.append(supervisor)
        return original(supervisor)

    def interrupt(number: int, frame: object) -> None:
        if supervisors and supervisors[0].note.read().step == 3:
            # Once: on a busy machine a second one would come before the first is dealt with.
            signal.setitimer(signal.ITIMER_REAL, 0)
            raise KeyboardInterrupt

    monkeypatch.setattr(Supervisor, "__enter__", enter)
    monkeypatch.setattr(supervised, "STUCK", 0)
    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.1, 0.1)
    try:
        result = run_target(target_of(acting(hang)), examples=1, limits=Limits(600))
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert result.interrupted
    assert result.divergence is None
    assert result.stuck is not None
    assert (result.stuck.program, result.stuck.step) == (WHOLE, 3)
    assert result.stuck.seen.startswith("has not ended after ")


def test_what_a_handler_of_signals_raises_is_told() -> None:
    def action() -> None:
        def handle(number: int, frame: object) -> None:
            raise TimeoutError("late")

        signal.signal(signal.SIGALRM, handle)
        signal.setitimer(signal.ITIMER_REAL, 0.0001)
        time.sleep(0.0002)

    result = campaign(action, shrink=0)
    assert result.divergence is not None
    assert result.divergence.seen == "raises TimeoutError: late"


def test_what_is_raised_between_two_calls_is_of_the_implementation_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def action() -> None:
        def handle(number: int, frame: object) -> None:
            raise TimeoutError("late")

        signal.signal(signal.SIGALRM, handle)
        signal.setitimer(signal.ITIMER_REAL, 0.2)

    def slow(choices: Choices) -> Program:
        program = pick(choices, (WHOLE, Program(1, WHOLE.steps, noscan=True)))
        time.sleep(0.3 if program.noscan else 0)
        return program

    target = target_of(acting(action))._replace(grammar=slow)
    result = run_target(target, examples=50, shrink=0)
    assert result.divergence is not None
    assert result.divergence.seen == "raises TimeoutError: late"


def heap_acting(action: Callable[[], None], nth: int) -> Callable[[HeapProgram], Side]:
    class Acting(spanallocheap.SpanallocHeap):
        made = 0

        def malloc(self, size: int, noscan: bool, zero: bool, p: int) -> int:
            self.made += 1
            if self.made == nth:
                action()
            return super().malloc(size, noscan, zero, p)

    def factory(program: HeapProgram) -> Side:
        return Acting(program, spanallocheap.installed(program)._package)

    return factory


def test_heaps_and_their_schedules_are_kept_apart_in_the_same_way() -> None:
    steps = (StartCycle(), Malloc(64, 2), Sweep(), Malloc(100, 5, p=1))
    heap = of_heap(heap_acting(lambda: os._exit(3), 4))
    result = run_target(
        heap._replace(grammar=lambda _: HeapProgram(steps, procs=2), must_exercise=()), examples=1
    )
    assert result.divergence is not None
    assert result.divergence.program == HeapProgram((Malloc(0, 4),))
    assert result.divergence.seen == "ends its process, with exit status 3"

    at_once = HeapProgram((Together((Malloc(64, 2), Malloc(100, 5, p=1)), (1,)),), procs=2)
    for action, says in ((lambda: sys.exit(3), "raises SystemExit: 3"), (hang, "does not end")):
        schedules = of_schedules(heap_acting(action, 4))
        divergence = run_once(schedules, at_once, SHORT)
        assert divergence is not None
        assert divergence.seen.startswith(says)


def test_an_implementation_that_prints_much_is_no_finding() -> None:
    def action() -> None:
        print("x" * 1_000_000)
        os.write(2, b"y" * 1_000_000)

    assert campaign(action, Limits(10)).divergence is None


def test_a_campaign_ends_although_the_clock_of_its_worker_stands_still() -> None:
    began = time.monotonic()
    result = run_target(target_of(acting(stop_the_clock)), seconds=0.2, limits=Limits(1.0))
    assert result.divergence is None
    assert time.monotonic() - began < 60
