"""Anything that is a malloc against the abstract allocator.

It shows addresses and contents, and nothing else. Objects must be disjoint, aligned, and large
enough, contents must stay until death, memory must be zero where that was promised, and the sums
exact where it shows them.
"""

from collections import Counter
from collections.abc import Container, Iterator, Sequence
from typing import Final, NamedTuple

from spanproof.fuzz.differences.differences import Difference
from spanproof.fuzz.levels.known import MET, TRIED, KnownFailure
from spanproof.fuzz.programs.contractprogram import (
    ContractProgram,
    Free,
    Malloc,
    Realloc,
    Show,
)
from spanproof.protocol import messages
from spanproof.protocol.messages import Accounted, Made, Reply, Request, Shown
from spanspec.base.ids import Address
from spanspec.base.wording import counted
from spanspec.objects import steps
from spanspec.objects.memory import no_objects
from spanspec.objects.records import NOTHING, alignment_for

PLACE: Final = "place of an object"
ALIGNMENT: Final = "alignment"
CONTENTS: Final = "contents"
ZEROED: Final = "zeroed memory"
HAS_NONE: Final = "has none; one that is bounded says so in its hello, as `largest` or `memory`"
LACKS: Final = "lacks "
"""How that is counted which an allocator says it lacks, and so is not asked for."""

ZERO: Final = ("MAL-23", "I-39")
KEPT: Final = ("I-37", "I-38")


class Planned(NamedTuple):
    """A request, and what is known of the object that it is about.

    `step` is counted from 1; what is asked at the end belongs to the last. `before` are the bytes
    that the object has had, and `byte` what each of them holds.
    """

    step: int
    request: Request
    before: int = 0
    byte: int = 0


LEAST_COUNTED: Final = 64
"""Bytes that an object counts at least: its allocator may have to keep something about it."""


class Room:
    """How much an allocator can be asked for: the largest object, and all objects together.

    An object counts its bytes, 64 at least, and what it is to be aligned to besides. While it is
    resized it counts twice. With several threads nobody knows what was freed before, so nothing is
    given back.
    """

    def __init__(self, limits: messages.Greeting | None, threads: int) -> None:
        self._largest = messages.LARGEST if limits is None else limits.largest
        self._left = messages.LARGEST if limits is None else limits.memory
        self._gives_back = threads == 1
        self._counted: dict[int, int] = {}

    def has(self, align: int) -> bool:
        """Tell whether there is room for any object that is aligned so."""
        return self._left >= LEAST_COUNTED + align

    def take(self, one: int, size: int, align: int) -> int:
        """Count an object of so many bytes, or of as many as there are; return how many."""
        size = min(size, self._largest, self._left - align)
        counted_as = max(size, LEAST_COUNTED) + align
        self._left -= counted_as
        self.give_back(one)
        self._counted[one] = counted_as
        return size

    def give_back(self, one: int) -> None:
        """Count an object no more."""
        if self._gives_back:
            self._left += self._counted.pop(one, 0)


def plan(
    program: ContractProgram,
    account: bool = False,
    lacks: Container[str] = (),
    limits: messages.Greeting | None = None,
) -> list[Planned]:
    """Return what a program asks, in order; at its end, every living object is looked at.

    Objects have numbers, so requests depend on no reply. With `account`, the sums are asked for
    after each step. What an allocator lacks is not asked for, and no more than its `limits` allow:
    objects are smaller then, and left out where there is no room.
    """
    room = Room(limits, program.threads)
    living: list[int] = []
    held: dict[int, tuple[int, int]] = {}
    planned: list[Planned] = []
    fills = 0
    ids = 0

    def ask(step: int, request: Request, of: int = 0) -> None:
        planned.append(Planned(step, request, *held.get(of, (0, 0))))

    for number, step in enumerate(program.steps, start=1):
        thread = step.thread % program.threads
        if not isinstance(step, Malloc) and not living:
            continue
        if isinstance(step, Realloc) and "realloc" in lacks:
            continue
        match step:
            case Malloc(bytes=size):
                align = 0 if "align" in lacks else step.align
                zero = step.zero and "zero" not in lacks
                if not room.has(align):
                    continue
                ids, fills = ids + 1, fills + 1
                size = room.take(ids, size, align)
                fill = 1 + fills * 53 % 255
                ask(number, messages.Malloc(ids, size, align, zero, fill, thread))
                held[ids] = (size, fill)
                living.append(ids)
            case Realloc(k=k, bytes=size):
                if not room.has(0):
                    continue
                one, fills = living[k % len(living)], fills + 1
                size = room.take(one, size, 0)
                fill = 1 + fills * 53 % 255
                ask(number, messages.Realloc(one, size, fill, thread), one)
                held[one] = (size, fill)
            case Free(k=k):
                one = living.pop(k % len(living))
                room.give_back(one)
                ask(number, messages.Free(one, thread), one)
            case Show(k=k):
                one = living[k % len(living)]
                ask(number, messages.Show(one, thread), one)
        if account:
            ask(number, messages.Account())
    for one in living:
        ask(len(program.steps), messages.Show(one, 0), one)
    return planned


class ContractJudge:
    """The abstract allocator, and what it says to each reply.

    `known` counts known failures, those that were tried and those that were met.
    """

    def __init__(self, alignment: int, known: Sequence[KnownFailure] = ()) -> None:
        self.known: Counter[str] = Counter()
        self._failures = known
        self._heap = no_objects(mapped=True)
        self._alignment = alignment
        self._at: dict[int, int] = {}
        self._sizes: dict[int, int] = {}

    def hear(self, planned: Planned, reply: Reply) -> None:
        """Judge what an allocator says to a request, and take the step that it is.

        Raises: Difference if it may not say so.
        """
        for failure in self._failures:
            self.known[f"{TRIED}{failure.note}"] += failure.is_tried(planned.request)
        match planned.request, reply:
            case messages.Malloc(id=one, bytes=size, align=align, zero=zero), Made(address=at):
                self._is_made(planned, one, at, size, align)
                if zero and size:
                    self._look(planned, ZEROED, ZERO, ((0, size),), reply.runs)
            case messages.Realloc(id=one, bytes=size), Made(address=at):
                self._dies(one)
                self._is_made(planned, one, at, size, 0)
                kept = min(planned.before, size)
                if kept:
                    held = ((planned.byte, kept),)
                    self._look(planned, CONTENTS, KEPT, held, cut(reply.runs, kept))
            case messages.Free(id=one), Shown():
                self._looks(planned, reply.runs)
                self._dies(one)
            case messages.Show(), Shown():
                self._looks(planned, reply.runs)
            case messages.Account(), Accounted(objects=objects, bytes=size):
                sums = f"{len(self._sizes)} objects, {sum(self._sizes.values())} bytes"
                seen = f"{objects} objects, {size} bytes"
                if sums != seen:
                    raise Difference("accounting", sums, seen, rules=("HEAP-38",), after=True)

    def hear_at_once(self, planned: Sequence[Planned], replies: Sequence[Reply]) -> None:
        """Judge what several threads have said: an object lives from the end of the call that made
        it until the call begins that ends it, in the order that one counter tells.

        Raises: Difference if they may not say so.
        """
        moments: list[tuple[int, int, bool]] = []
        for place, reply in enumerate(replies):
            request = planned[place].request
            assert isinstance(reply, Made | Shown)
            if reply.began > reply.ended:
                seen = f"ended at {reply.ended}, began at {reply.began}"
                raise Difference("order of a call", "ends after it began", seen, rules=("I-37",))
            if isinstance(request, messages.Realloc):
                # The old object may be gone, and its memory handed out, before the call has ended.
                moments.append((reply.began, place, True))
            ends = isinstance(request, messages.Free)
            moments.append((reply.began if ends else reply.ended, place, False))
        for _, place, only_dies in sorted(moments):
            request = planned[place].request
            if only_dies and isinstance(request, messages.Realloc):
                self._dies(request.id)
            else:
                self.hear(planned[place], replies[place])

    def _is_made(self, planned: Planned, one: int, at: int | None, size: int, align: int) -> None:
        self._sizes[one] = size
        if size == 0:
            return  # it may be anywhere, or nowhere
        if at is None or at == 0:
            raise Difference("memory", f"has {size} bytes", HAS_NONE, rules=("MAL-10",))
        if at + size > 1 << 64:
            last = f"its last byte at {at + size - 1:#x}"
            raise Difference(PLACE, "an address of 64 bits", last, rules=("CONST-2",))
        unit = align or min(alignment_for(size), self._alignment)
        if at % unit:
            by, seen = f"a multiple of {unit}", f"{at:#x} = {at // unit} * {unit} + {at % unit}"
            self._tell(planned, Difference(ALIGNMENT, by, seen, rules=("MAL-22", "I-39")))
        start, end = Address(at), Address(at + size)
        if not steps.is_vacant(self._heap, start, end):
            seen = self._overlap(at, size)
            raise Difference(PLACE, "nothing lives there", seen, rules=("I-37", "I-38"))
        self._heap = steps.malloc(self._heap, start, size, size, False, False)
        self._at[one] = at

    def _tell(self, planned: Planned, told: Difference) -> None:
        """Count a difference that is known.

        Raises: the difference, if it is not.
        """
        for one in self._failures:
            if one.is_it(planned.request, told):
                self.known[f"{MET}{one.note}"] += 1
                return
        raise told

    def _overlap(self, at: int, size: int) -> str:
        """Return in words which living object lies where another was made."""
        for other, base in self._at.items():
            length = self._sizes[other]
            if base < at + size and at < base + length:
                return (
                    f"{at:#x} to {at + size:#x} overlaps object {other}, "
                    f"{base:#x} to {base + length:#x}"
                )
        return f"{at:#x} is not free"

    def _dies(self, one: int) -> None:
        at = self._at.pop(one, None)
        self._sizes.pop(one, None)
        if at is not None:
            assert self._heap.block_at[Address(at)] != NOTHING
            self._heap = steps.free(self._heap, Address(at))

    def _looks(self, planned: Planned, runs: messages.Runs) -> None:
        if planned.before:
            self._look(planned, CONTENTS, KEPT, ((planned.byte, planned.before),), runs)

    def _look(
        self,
        planned: Planned,
        what: str,
        rules: tuple[str, ...],
        expected: tuple[messages.Run, ...],
        seen: messages.Runs,
    ) -> None:
        """Compare contents, and tell of a difference."""
        joined = tuple(joined_runs(seen))
        if expected != joined:
            self._tell(planned, Difference(what, in_words(expected), in_words(joined), rules=rules))


def joined_runs(runs: Sequence[messages.Run]) -> Iterator[messages.Run]:
    """Yield runs of bytes, equal neighbours as one, and none that is empty."""
    value, length = -1, 0
    for byte, count in runs:
        if byte != value and count:
            if length:
                yield value, length
            value, length = byte, 0
        length += count
    if length:
        yield value, length


def cut(runs: Sequence[messages.Run], size: int) -> list[messages.Run]:
    """Return the first bytes of contents."""
    found: list[messages.Run] = []
    for byte, count in runs:
        found.append((byte, min(count, size)))
        size -= found[-1][1]
        if size <= 0:
            break
    return found


def in_words(runs: Sequence[messages.Run]) -> str:
    """Return contents in words."""
    shown = [f"{counted(count, 'byte')} of {byte:#04x}" for byte, count in runs]
    return ", then ".join(shown) or "no bytes"
