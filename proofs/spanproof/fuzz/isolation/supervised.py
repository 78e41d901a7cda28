"""A campaign as the command sees it: others run what is under test, and may end in any way.

A divergence is told as soon as it is found, before it is shrunk. How a worker ends is one, too, of
the program that it had noted. What is found is tried again in fresh processes.
"""

import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from errno import ECHILD
from typing import Final, Generic, NamedTuple, cast

import msgspec
from msgspec.structs import replace

from spanproof.fuzz.engine.reduce import reduced
from spanproof.fuzz.isolation.ending import Ended, Limits
from spanproof.fuzz.isolation.endreport import end_report
from spanproof.fuzz.isolation.supervisor import Supervisor
from spanproof.fuzz.isolation.worker import (
    Campaign,
    Counted,
    KeptProgram,
    Message,
    Once,
    SliceDiverged,
    Unkept,
    Unsuitable,
)
from spanproof.fuzz.lockstep.divergence import AnyProgram, Divergence, ProgramT, doing_in
from spanproof.fuzz.sides.factories import WrongFactory
from spanspec.base.wording import counted

RUNS: Final = 3
"""How often a finding is run again, each time in a process of its own."""

STUCK: Final = 1.0
"""Seconds without a word after which a program that is interrupted is shown."""

SLACK: Final = 1.0
"""Seconds that a worker has to stop by itself, when its time to shrink is over."""

PATIENCE: Final = 4
"""Limits of a program after the end of a campaign's time in which its worker has to stop."""

SHORTEST: Final = 0.5
"""The least limit of a program that is tried while one that does not end is made smaller."""

PROGRAM: Final = msgspec.msgpack.Decoder(AnyProgram)
MESSAGE: Final = msgspec.msgpack.Decoder(Message)
ENCODER: Final = msgspec.msgpack.Encoder()


LOST: Final = (
    "the process that watches what is under test was killed before the first program: is there no "
    "memory, or does importing it do so?"
)


class OurBug(Exception):
    """Our own code has failed in a worker; the message is its traceback."""


class Again(NamedTuple):
    """How often a finding came up again in so many runs, each in a process of its own."""

    times: int
    runs: int

    @property
    def always(self) -> bool:
        """Whether it came up in each."""
        return self.times == self.runs

    def __str__(self) -> str:
        """Say so."""
        runs = counted(self.runs, "run")
        if self.always:
            return f"reproduced in {self.times} of {runs}, each in a process of its own"
        return (
            f"not reproduced in {self.runs - self.times} of {runs}, each in a process of its own: "
            "the implementation is not deterministic, or depends on what it did before"
        )


class Tried(NamedTuple):
    """What a program came to in a process of its own, and how that ended, if not by itself."""

    divergence: Divergence | None
    ended: Ended | None

    def is_like(self, other: "Tried") -> bool:
        """Tell whether both have diverged, and in the same way."""
        if self.divergence is None or other.divergence is None:
            return False
        ends = [(one.cause, one.number) if one is not None else None for one in (self[1], other[1])]
        return ends[0] == ends[1]


class Supervised(Generic[ProgramT]):
    """One campaign, or one program that is run again; and what is known of it so far.

    `first` is a divergence as it was found, and `simplest` what has become of it.
    """

    def __init__(
        self,
        supervisor: Supervisor,
        limits: Limits,
        on_progress: Callable[[Counter[str], float], None] | None = None,
        on_found: Callable[[Divergence], None] | None = None,
        on_kept: Callable[[AnyProgram], None] | None = None,
    ) -> None:
        self._supervisor = supervisor
        self._limits = limits
        self._on_progress = on_progress
        self._on_found = on_found
        self._on_kept = on_kept
        self._began = time.monotonic()
        self._until = 0.0
        self._shrink = 0.0
        self._slowest = 0.0
        self._heard = self._began
        self.exercised: Counter[str] = Counter()
        self.first: Divergence | None = None
        self.simplest: Divergence | None = None
        self.again: Again | None = None
        self.unkept = ""

    def campaign(self, assignment: Campaign) -> None:
        """Run a campaign, and make sure of what it finds.

        Raises: WrongFactory if what is under test cannot be used; OurBug; OSError if the system
            lets no process be started for it.
        """
        self._shrink = assignment.shrink
        until = None
        if assignment.seconds is not None:
            # What is under test may have stopped the clock of its worker, or never come back to it.
            until = self._began + assignment.seconds + PATIENCE * self._limits.seconds
        ended = self._have_done(assignment, self._limits, self._hear, until)
        if self.first is not None:
            # Found is found, also where the system lets no process be started any more.
            with suppress(OSError):
                self._make_sure(self.first)
        elif ended is not None:
            found = self._found_by_its_end(ended)
            self.exercised["programs"] = self._supervisor.note.read().begun
            self._is_found(found)
            with suppress(OSError):
                self._make_smaller(Tried(found, ended))

    def spent(self) -> float:
        """Return the seconds since it began."""
        return time.monotonic() - self._began

    def once(self, program: AnyProgram, limits: Limits | None = None) -> Tried:
        """Run one program in a fresh process.

        Raises: WrongFactory if what is under test cannot be used; OurBug; OSError if the system
            lets no process be started for it.
        """
        found: list[Divergence] = []

        def hear(message: Message) -> None:
            if isinstance(message, SliceDiverged):
                found.append(message.divergence)

        ended = self._have_done(Once(program), limits or self._limits, hear)
        if found:
            return Tried(found[-1], None)
        return Tried(None if ended is None else self._found_by_its_end(ended), ended)

    def _have_done(
        self,
        assignment: Campaign | Once,
        limits: Limits,
        hear: Callable[[Message], None],
        until: float | None = None,
    ) -> Ended | None:
        """Have something done by a worker, until a time; return how it ended, unless by itself."""
        self._supervisor.until = until
        damaged = False
        for message in self._supervisor.run(ENCODER.encode(assignment), limits):
            try:
                told: Message = MESSAGE.decode(message)
            except msgspec.DecodeError:
                damaged, self._supervisor.until = True, time.monotonic()
            if damaged:
                continue
            if isinstance(told, Unsuitable):
                raise WrongFactory(told.why)
            hear(told)
        ended = self._supervisor.ended
        if damaged and ended.cause == "stopped":
            ended = replace(ended, cause="damaged")
        if ended.cause == "lost" and self._supervisor.note.read().begun == 0:
            raise ChildProcessError(ECHILD, LOST)
        if ended.cause == "bug":
            raise OurBug(ended.printed.decode(errors="replace"))
        return None if ended.cause in ("done", "stopped") else ended

    def stuck(self) -> Divergence | None:
        """Return what is under way, as a divergence, if nothing was heard for a second."""
        noted = self._supervisor.note.read()
        spent = time.monotonic() - self._heard
        if self.first is not None or not noted.under_way or noted.text is None or spent < STUCK:
            return None
        program: AnyProgram = PROGRAM.decode(noted.text)
        doing, seen = doing_in(program, noted.step), f"has not ended after {spent:.1f} s"
        return Divergence(program, noted.step, doing, "goes through", seen, "implementation")

    def _hear(self, message: Message) -> None:
        self._heard = time.monotonic()
        if isinstance(message, Counted):
            self.exercised = Counter(message.exercised)
            self._slowest = message.slowest
            if self._on_progress is not None:
                self._on_progress(self.exercised, self.spent())
        elif isinstance(message, KeptProgram):
            if self._on_kept is not None:
                self._on_kept(message.program)
        elif isinstance(message, Unkept):
            self.unkept = message.why
        elif isinstance(message, SliceDiverged):
            if self.first is None:
                self._is_found(message.divergence)
                self._supervisor.until = self._until + SLACK
            self.simplest = message.divergence

    def _is_found(self, divergence: Divergence) -> None:
        self._until = time.monotonic() + self._shrink
        self.first = self.simplest = divergence
        if self._on_found is not None:
            self._on_found(divergence)

    def _found_by_its_end(self, ended: Ended) -> Divergence:
        """Return the divergence that the end of a process is, of the program under way."""
        noted = self._supervisor.note.read()
        words = end_report(ended, self._limits, noted.cut_off)
        if noted.begun == 0:
            raise WrongFactory(f"importing it {words.splitlines()[0]}")
        if noted.text is None:
            raise OurBug(f"program {noted.begun} {words}, and what was noted of it is damaged")
        program: AnyProgram = PROGRAM.decode(noted.text)
        doing = doing_in(program, noted.step)
        return Divergence(program, noted.step, doing, "goes through", words, "implementation")

    def _make_sure(self, first: Divergence) -> None:
        """Run a divergence that was told of once more, and prefer what comes up each time."""
        simplest = self.simplest or first
        self.again = self._run_again(simplest)
        if self.again.always or simplest.program == first.program:
            return
        original = self._run_again(first)
        if original.times > self.again.times or self.again.times == 0:
            self.simplest, self.again = first, original
            if original.always:
                self._make_smaller(Tried(first, None))

    def _run_again(self, divergence: Divergence) -> Again:
        """Run a program again, as often as there is time for, and once at least."""
        done = times = 0
        while done < RUNS and (done == 0 or time.monotonic() < self._until):
            times += self._once_more(divergence.program, self._limits).divergence is not None
            done += 1
        return Again(times, done)

    def _once_more(self, program: AnyProgram, limits: Limits) -> Tried:
        """Run a program again; what is found already is not lost by what goes wrong now."""
        try:
            return self.once(program, limits)
        except (WrongFactory, OurBug):
            return Tried(None, None)

    def _make_smaller(self, first: Tried) -> None:
        """Make a program smaller, each try in a process of its own."""
        assert first.divergence is not None
        hangs = first.ended is not None and first.ended.cause == "time"
        if self.again is None and not hangs:
            self.again = self._run_again(first.divergence)
        if self.again is not None and not self.again.always:
            return
        limits, until = self._limits, self._until
        if hangs:
            # What ends within twenty times the longest that any other took, ends.
            shorter = max(SHORTEST, 20 * self._slowest)
            limits = limits._replace(seconds=min(shorter, limits.seconds))
            until -= self._limits.seconds

        def fails(program: ProgramT) -> int | None:
            tried = self._once_more(program, limits)
            if tried.divergence is None or not tried.is_like(first):
                return None
            return tried.divergence.step

        whole = cast(ProgramT, first.divergence.program)
        start = replace(whole, steps=whole.steps[: first.divergence.step])
        smaller = reduced(whole if fails(start) is None else start, fails, until)
        sure = self._once_more(smaller, self._limits)
        if sure.is_like(first):
            self.simplest = sure.divergence
        if hangs:
            self.again = Again(int(sure.is_like(first)), 1)
