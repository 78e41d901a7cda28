"""What a worker does: a campaign, or one program; and what it tells of it."""

import os
import time
import traceback
from collections import Counter
from pathlib import Path
from typing import Final, Generic, cast

import hypothesis
import msgspec

import spanproof
import spanspec
from spanproof.fuzz.differences.plain import said_by
from spanproof.fuzz.engine.corpus import Corpus
from spanproof.fuzz.engine.searching import FuzzSearch
from spanproof.fuzz.engine.target import Target
from spanproof.fuzz.isolation.confined import Sender
from spanproof.fuzz.isolation.shared_note import Note
from spanproof.fuzz.lockstep.divergence import (
    AnyProgram,
    Divergence,
    ProgramT,
    Run,
    doing_in,
)
from spanproof.fuzz.sides.factories import WrongFactory
from spanproof.support.files.stores import store_at

OFTEN = 0.05
"""Seconds between two messages about what was done so far."""


class Campaign(msgspec.Struct, frozen=True, tag="campaign"):
    """Run programs, up to a number, a time, or so many calls; shrink one that diverges.

    `corpus` is the place of a store of programs, "" for none; `first` the number of the first
    program. With `enough` steps or fewer, of which none can be left out, a program is small enough.
    """

    start: int
    examples: int | None
    seconds: float | None
    shrink: float
    calls: int | None = None
    corpus: str = ""
    first: int = 0
    enough: int = 0


class Once(msgspec.Struct, frozen=True, tag="once"):
    """Run one program."""

    program: AnyProgram


class Counted(msgspec.Struct, frozen=True, tag="counted"):
    """What was done so far, and the seconds that the slowest program took."""

    exercised: dict[str, int]
    slowest: float


class SliceDiverged(msgspec.Struct, frozen=True, tag="found"):
    """A divergence; each is simpler than the one before."""

    divergence: Divergence


class KeptProgram(msgspec.Struct, frozen=True, tag="kept"):
    """A program that has shown something new."""

    program: AnyProgram


class Unkept(msgspec.Struct, frozen=True, tag="unkept"):
    """The corpus does not have all that it should; or has, if it is not said why not."""

    why: str


class Unsuitable(msgspec.Struct, frozen=True, tag="unsuitable"):
    """The implementation is none that can be used."""

    why: str


Assignment = Campaign | Once
Message = Counted | SliceDiverged | KeptProgram | Unkept | Unsuitable

ENCODER = msgspec.msgpack.Encoder()


def work(target: Target[ProgramT], assignment: bytes, sender: Sender, note: Note) -> None:
    """Do what is assigned, and tell of it; `note` has each program before it runs."""
    what: Assignment = msgspec.msgpack.decode(assignment, type=Assignment)
    teller: Teller[ProgramT] = Teller(target, sender, note)
    if target.prepare is not None:
        try:
            target.prepare(teller.begins)
        except WrongFactory as problem:
            teller.tell(Unsuitable(str(problem)))
            return
    if isinstance(what, Once):
        outcome = teller.attempt(cast(ProgramT, what.program), exact=True)
        if outcome.divergence is not None:
            teller.found(outcome.divergence)
        return
    search = FuzzSearch(target, teller)
    corpus = teller.corpus_at(what.corpus) if what.corpus else None
    try:
        search.run(
            what.start,
            what.examples,
            what.seconds,
            what.shrink,
            what.calls,
            corpus,
            what.first,
            what.enough,
        )
    except BaseException as problem:
        raised = foreign(problem)
        if raised is None:
            raise
        teller.found(teller.comes_out(raised))
    teller.tell_counts(search.exercised)


OURS: Final = tuple(
    str(Path(next(iter(package.__path__)))) for package in (hypothesis, spanproof, spanspec)
)
"""Where our own code is, and what draws programs for it."""


def foreign(problem: BaseException) -> BaseException | None:
    """Return the exception, of those that have led to one, that was not raised by our own code."""
    calls = traceback.extract_tb(problem.__traceback__)
    if calls and not calls[-1].filename.startswith(OURS):
        return problem
    causes: list[BaseException | None] = [problem.__cause__, problem.__context__]
    if isinstance(problem, BaseExceptionGroup):
        causes = [*problem.exceptions, *causes]
    found = (foreign(cause) for cause in causes if cause is not None)
    return next((one for one in found if one is not None), None)


class Teller(Generic[ProgramT]):
    """Runs programs for a search, and tells the command of it."""

    def __init__(self, target: Target[ProgramT], sender: Sender, note: Note) -> None:
        self._target: Target[ProgramT] = target
        self._sender = sender
        self._note = note
        self._told = 0.0
        self._slowest = 0.0
        self._program: AnyProgram | None = None

    def tell(self, message: Message) -> None:
        """Send a message to the command."""
        self._sender.send(ENCODER.encode(message))

    def corpus_at(self, place: str) -> Corpus[ProgramT]:
        """Return the corpus at a place. What it waits for is noted, and what it has not is told."""

        def tell(why: str) -> None:
            self.tell(Unkept(why))

        return Corpus(store_at(place), self._target.kind, self._note.wait, tell)

    def begins(self, program: AnyProgram) -> None:
        """Note a program that is run next."""
        self._program = program
        self._note.begin(ENCODER.encode(program))

    def attempt(self, program: ProgramT, exact: bool = False) -> Run:
        """Run a program; whatever comes out of it is a divergence."""
        self.begins(program)
        began = time.monotonic()
        try:
            outcome = self._target.attempt(program, self._note.step, exact)
        except BaseException as problem:
            return Run(self.comes_out(problem), Counter())
        if not self._sender.is_open():
            self._note.cut_off()
            os._exit(0)
        self._note.end()
        self._slowest = max(self._slowest, time.monotonic() - began)
        return outcome

    def comes_out(self, problem: BaseException) -> Divergence:
        """Return the divergence that something is which came out of none of the calls.

        So does what a handler of signals raises.
        """
        assert self._program is not None
        step = self._note.read().step
        doing = doing_in(self._program, step)
        return Divergence(
            self._program, step, doing, "goes through", said_by(problem), "implementation"
        )

    def counted(self, exercised: Counter[str]) -> None:
        """Tell what was done so far, if that has not been told just now."""
        if time.monotonic() >= self._told + OFTEN:
            self.tell_counts(exercised)

    def tell_counts(self, exercised: Counter[str]) -> None:
        """Tell what was done so far."""
        self._told = time.monotonic()
        self.tell(Counted(dict(exercised), self._slowest))

    def kept(self, program: ProgramT) -> None:
        """Tell of a program that has shown something new."""
        self.tell(KeptProgram(program))

    def found(self, divergence: Divergence) -> None:
        """Tell of a divergence."""
        self.tell(SliceDiverged(divergence))
