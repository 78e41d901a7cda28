"""Making a program smaller where each try is dear: it may end a process, or take its whole time."""

import time
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

import msgspec
from msgspec.structs import fields, replace

from spanproof.fuzz.divergence import ProgramT
from spanproof.fuzz.heapprogram import HeapProgram, with_less_at_once

RecordT = TypeVar("RecordT", bound=msgspec.Struct)

ENCODER = msgspec.msgpack.Encoder()


def reduced(program: ProgramT, fails: Callable[[ProgramT], bool], until: float) -> ProgramT:
    """Return the smallest program that still fails, of those tried until a time.

    Whole runs of steps are left out first, then single ones, and then numbers are made smaller; and
    all of it again, as long as smaller numbers let more be left out. What was tried is not tried
    once more. `until` is a time of the monotonic clock.
    """
    one: Reduction[ProgramT] = Reduction(program, fails, until)
    try:
        one.leave_out_steps()
        while one.make_numbers_smaller() and one.leave_out_steps():
            pass
    except TimeIsUp:
        pass
    return one.program


class TimeIsUp(Exception):
    """No more is tried."""


class Reduction(Generic[ProgramT]):
    """A program that is being made smaller.

    Where something could be made smaller it goes on from there, rather than from the beginning:
    what could not be left out before seldom can be now.
    """

    def __init__(self, program: ProgramT, fails: Callable[[ProgramT], bool], until: float) -> None:
        self.program: ProgramT = program
        self._fails: Callable[[ProgramT], bool] = fails
        self._until = until
        self._tried = {ENCODER.encode(program)}

    def leave_out_steps(self) -> bool:
        """Leave out runs of steps, half of them at first, and then single ones; tell if any was."""
        before = self.program
        length = max(len(before.steps) // 2, 1)
        while length:
            at = len(self.program.steps)
            while at > 0:
                begin, steps = max(at - length, 0), self.program.steps
                self._take(replace(self.program, steps=steps[:begin] + steps[at:]))
                at = begin
            length //= 2
        while isinstance(self.program, HeapProgram) and self._first(
            with_less_at_once(self.program)
        ):
            pass
        return self.program is not before

    def make_numbers_smaller(self) -> bool:
        """Make each number of the program and of its steps smaller; tell if any could be."""
        before = self.program
        for place in range(len(before.steps)):
            for name in names_of(before.steps[place]):
                while self._first(self._with_a_smaller(place, name)):
                    pass
        # Last, for a step on the second P needs two of them.
        for name in names_of(before):
            self._first(with_smaller(self.program, name))
        return self.program is not before

    def _with_a_smaller(self, place: int, name: str) -> Iterator[ProgramT]:
        program: ProgramT = self.program
        steps: tuple[msgspec.Struct, ...] = program.steps
        for other in with_smaller(steps[place], name):
            yield replace(program, steps=(*steps[:place], other, *steps[place + 1 :]))

    def _first(self, candidates: Iterator[ProgramT]) -> bool:
        return any(map(self._take, candidates))

    def _take(self, candidate: ProgramT) -> bool:
        """Take a program in place of the present one if it fails as well.

        Raises: TimeIsUp.
        """
        text = ENCODER.encode(candidate)
        if text in self._tried:
            return False
        if time.monotonic() >= self._until:
            raise TimeIsUp
        self._tried.add(text)
        if not self._fails(candidate):
            return False
        self.program = candidate
        return True


def names_of(record: msgspec.Struct) -> list[str]:
    """Return the names of a record's fields."""
    return [field.name for field in fields(record)]


def with_smaller(record: RecordT, name: str) -> Iterator[RecordT]:
    """Return a record with a field that is simpler, as far as the field's range allows it."""
    field = next(one for one in fields(record) if one.name == name)
    plain = msgspec.to_builtins(record)
    for less in simpler(getattr(record, name), field.default):
        changed = {**plain, field.encode_name: msgspec.to_builtins(less)}
        try:
            yield msgspec.convert(changed, type=type(record))
        except msgspec.ValidationError:
            continue


def simpler(value: object, default: object) -> Iterator[object]:
    """Return what is simpler than a value: for a number, smaller ones, the smallest first."""
    if isinstance(value, int) and not isinstance(value, bool):
        tried = {0, 1, default, value // 2, value - value // 4, value - 1}
        yield from sorted(one for one in tried if isinstance(one, int) and 0 <= one < value)
    elif default is not msgspec.NODEFAULT and value != default:
        yield default
    if isinstance(value, tuple):
        for place, one in enumerate(value):
            for less in simpler_parts(one):
                yield (*value[:place], less, *value[place + 1 :])


def simpler_parts(one: object) -> Iterator[object]:
    """Return what is simpler than a part of a value: a task of several at once, or a number."""
    if isinstance(one, msgspec.Struct):
        for name in names_of(one):
            yield from with_smaller(one, name)
    else:
        yield from simpler(one, msgspec.NODEFAULT)
