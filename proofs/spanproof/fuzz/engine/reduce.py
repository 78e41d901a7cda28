"""Making a program smaller where each try is dear: it may end a process, or take its whole time."""

import time
from collections.abc import Callable, Iterator
from typing import Final, Generic, NamedTuple, TypeGuard, TypeVar

import msgspec
from msgspec.structs import fields, replace

from spanproof.fuzz.lockstep.divergence import ProgramT, length_of
from spanproof.fuzz.programs.heapprogram import HeapProgram, with_less_at_once

RecordT = TypeVar("RecordT", bound=msgspec.Struct)

ENCODER: Final = msgspec.msgpack.Encoder()

MOST_HALVED: Final = 1 << 27
"""What is tried between a larger number and nought: an object half as large as one that no system
has would be made, and take all memory there is.
"""

Fails = Callable[[ProgramT], int | None]
"""Says with how many of its first steps a program has failed; None if it has not."""


def reduced(program: ProgramT, fails: Fails[ProgramT], until: float, enough: int = 0) -> ProgramT:
    """Return the smallest program that still fails, of those tried until a time.

    Whole runs of steps are left out first, then single ones, and then numbers are made smaller; and
    all of it again, as long as smaller numbers let more be left out. With `enough` steps or fewer,
    none of which can be left out, numbers stay as they are. What was tried is not tried once more.
    `until` is a time of the monotonic clock.
    """
    one: Reduction[ProgramT] = Reduction(program, fails, until)
    try:
        one.leave_out_steps()
        while length_of(one.program) > enough:
            if not (one.make_numbers_smaller() and one.leave_out_steps()):
                break
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

    def __init__(self, program: ProgramT, fails: Fails[ProgramT], until: float) -> None:
        self.program: ProgramT = program
        self._fails: Fails[ProgramT] = fails
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
                # What came after the failure is gone as well.
                at = min(begin, len(self.program.steps))
            length //= 2
        while isinstance(self.program, HeapProgram) and self._first(
            with_less_at_once(self.program)
        ):
            pass
        return self.program is not before

    def make_numbers_smaller(self) -> bool:
        """Make each number of the program and of its steps smaller; tell if any could be."""
        before = self.program
        place = 0
        while place < len(self.program.steps):
            for leaf in leaves_of(self.program.steps[place]):
                self._make_smaller(place, leaf)
            place += 1
        # Last, for a step on the second P needs two of them.
        for leaf in leaves_of(replace(self.program, steps=())):
            self._make_smaller(None, leaf)
        return self.program is not before

    def _make_smaller(self, place: int | None, leaf: "Leaf") -> None:
        """Make a leaf of a step, or of the program itself, as simple as the failure allows.

        The simplest numbers are tried first. Between the largest of them that does not fail and the
        present one the interval is halved, so a number takes a few tries.
        """
        value = leaf.value
        if not is_number(value):
            if leaf.default is not msgspec.NODEFAULT and value != leaf.default:
                self._try(place, leaf, leaf.default)
            return
        low = -1
        for less in sorted({0, 1, leaf.default if is_number(leaf.default) else 0}):
            if low < less < value:
                if self._try(place, leaf, less):
                    return
                low = less
        high = value
        if value > MOST_HALVED:
            if not self._try(place, leaf, MOST_HALVED):
                return
            high = MOST_HALVED
        while high - low > 1:
            middle = (low + high) // 2
            if self._try(place, leaf, middle):
                high = middle
            else:
                low = middle

    def _try(self, place: int | None, leaf: "Leaf", value: object) -> bool:
        """Take another value for a leaf of a step, or of the program, if that fails as well."""
        program: ProgramT = self.program
        if place is None:
            bare = changed(replace(program, steps=()), leaf.path, value)
            return bare is not None and self._take(replace(bare, steps=program.steps))
        steps: list[msgspec.Struct] = list(program.steps)
        other = changed(steps[place], leaf.path, value) if place < len(steps) else None
        if other is None:
            return False
        steps[place] = other
        return self._take(replace(program, steps=tuple(steps)))

    def _first(self, candidates: Iterator[ProgramT]) -> bool:
        return any(map(self._take, candidates))

    def _take(self, candidate: ProgramT) -> bool:
        """Take a program in place of the present one, up to where it fails, if it fails as well.

        Raises: TimeIsUp.
        """
        text = ENCODER.encode(candidate)
        if text in self._tried:
            return False
        if time.monotonic() >= self._until:
            raise TimeIsUp
        self._tried.add(text)
        length = self._fails(candidate)
        if length is None:
            return False
        self.program = candidate
        if length < len(candidate.steps):
            self.program = replace(candidate, steps=candidate.steps[:length])
            self._tried.add(ENCODER.encode(self.program))
        return True


Path = tuple[str | int, ...]
"""Where a value is in a record: names of fields, and places in tuples."""


class Leaf(NamedTuple):
    """A value of a record, or of a part of it, with what it is when nothing is said."""

    path: Path
    value: object
    default: object


def leaves_of(record: msgspec.Struct, path: Path = ()) -> Iterator[Leaf]:
    """Yield what a record is made of; tuples as a whole, which may be left out, and by parts."""
    for field in fields(record):
        value: object = getattr(record, field.name)
        here = (*path, field.encode_name)
        if not (isinstance(value, tuple) and field.default is msgspec.NODEFAULT):
            yield Leaf(here, value, field.default)
        if isinstance(value, tuple):
            for place, one in enumerate(value):
                if isinstance(one, msgspec.Struct):
                    yield from leaves_of(one, (*here, place))
                else:
                    yield Leaf((*here, place), one, msgspec.NODEFAULT)


def is_number(value: object) -> TypeGuard[int]:
    """Tell whether a value is a number, rather than a flag."""
    return isinstance(value, int) and not isinstance(value, bool)


def changed(record: RecordT, path: Path, value: object) -> RecordT | None:
    """Return a record with another value somewhere; None where it must not or cannot be."""
    within = plain = msgspec.msgpack.decode(ENCODER.encode(record))
    try:
        for part in path[:-1]:
            within = within[part]
        within[path[-1]] = value
        return msgspec.convert(plain, type=type(record))
    except (IndexError, msgspec.ValidationError):
        return None
