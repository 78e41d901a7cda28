"""Making a program smaller where each try is dear: it may end a process, or take its whole time."""

import time
from collections.abc import Callable, Iterator
from typing import TypeVar

import msgspec
from msgspec.structs import fields, replace

from spanproof.fuzz.divergence import ProgramT, shorter

RecordT = TypeVar("RecordT", bound=msgspec.Struct)


def reduced(program: ProgramT, fails: Callable[[ProgramT], bool], until: float) -> ProgramT:
    """Return the smallest program that still fails, of those tried until a time.

    Whole runs of steps are left out first, then single ones, and then numbers are made smaller.
    `until` is a time of the monotonic clock.
    """
    for ways in (without_runs, shorter, with_smaller_numbers):
        smaller = True
        while smaller:
            smaller = False
            candidates: Iterator[ProgramT] = ways(program)
            for candidate in candidates:
                if time.monotonic() >= until:
                    return program
                if fails(candidate):
                    program, smaller = candidate, True
                    break
    return program


def without_runs(program: ProgramT) -> Iterator[ProgramT]:
    """Return the program without each half of its steps, each quarter, and so on."""
    steps = program.steps
    length = len(steps) // 2
    while length > 1:
        for begin in range(0, len(steps), length):
            yield replace(program, steps=steps[:begin] + steps[begin + length :])
        length //= 2


def with_smaller_numbers(program: ProgramT) -> Iterator[ProgramT]:
    """Return the program with one figure, of itself or of a step, at its default or smaller."""
    yield from with_smaller_figures(program)
    for steps in with_a_smaller_one(program.steps):
        yield replace(program, steps=steps)


def with_a_smaller_one(records: tuple[RecordT, ...]) -> Iterator[tuple[RecordT, ...]]:
    """Return records of which one has a figure that is simpler."""
    for place, record in enumerate(records):
        for other in with_smaller_figures(record):
            yield (*records[:place], other, *records[place + 1 :])


def with_smaller_figures(record: RecordT) -> Iterator[RecordT]:
    """Return a record with one figure that is simpler, as far as the field's range allows it."""
    for field in fields(record):
        value = getattr(record, field.name)
        for less in simpler(value, field.default):
            changed = {**msgspec.to_builtins(record), field.encode_name: less}
            try:
                yield msgspec.convert(changed, type=type(record))
            except msgspec.ValidationError:
                continue


def simpler(value: object, default: object) -> Iterator[object]:
    """Return what is simpler than a value: for a number, smaller ones, the smallest first."""
    if isinstance(value, int) and not isinstance(value, bool):
        tried = {0, 1, default}
        cut = value
        while cut > 1:
            cut //= 2
            tried.add(value - cut)
        yield from sorted(one for one in tried if isinstance(one, int) and 0 <= one < value)
    elif default is not msgspec.NODEFAULT and value != default:
        yield default
