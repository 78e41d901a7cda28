"""What each step of a program asks of a heap: calls, one after another, that both sides get."""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from operator import index, methodcaller
from typing import Final, Literal, NamedTuple, cast

from spanproof.fuzz.differences.differences import MODEL, CodeOf, Difference
from spanproof.fuzz.differences.display import shown_result
from spanproof.fuzz.heapsides import LooksUp, NoMemory, Paces, Side, Steers
from spanproof.fuzz.lockstep.resultrules import OF_GROWTH, OF_TRIGGER, of_result
from spanproof.fuzz.programs.heapprogram import (
    AddSpecial,
    EnsureSwept,
    FinishCycle,
    FlushCaches,
    FreeManual,
    FreeOsMemory,
    LookUp,
    Malloc,
    MarkAt,
    MarkEvery,
    PassTime,
    RemoveFinalizer,
    RunFinalizers,
    ScavengeAll,
    SetGcPercent,
    SetProcs,
    StartCycle,
    Step,
    Sweep,
    TakeManual,
    Together,
)
from spanproof.fuzz.programs.places import Books, Place, address_at
from spanproof.fuzz.reasons import are_alike, rules_of
from spanproof.fuzz.sides.modelheap import ModelHeap
from spanproof.fuzz.subjects import Refused
from spanspec.heap.heap import ZERO_BASE
from spanspec.heap.state.collector import MARK

Call = Callable[[Side], int | None]
"""A call of either side; the busiest are method callers, which take no frame of their own."""


@dataclass(frozen=True, slots=True)
class Located:
    """A call about the address of an object, which each side looks up as the call begins."""

    operation: Callable[[Side, int], int | None]
    address: int

    def __call__(self, side: Side) -> int | None:
        """Make the call."""
        return self.operation(side, self.address)


Calls = Generator[Call, int | None, None]
"""The calls of a step; each is answered with its result, 0 for none, None if it was refused."""


class Refusal(NamedTuple):
    """That a call was refused: for which reason, "" if the side does not say, and in which words.

    Of a reason, what is at issue is part: the slot, and the base of its span.
    """

    reason: str
    text: str

    def __str__(self) -> str:
        """Return it as it is shown."""
        return f"refuses: {self.reason}: {self.text}" if self.reason else f"refuses: {self.text}"


OUT_OF_MEMORY: Final = "out of memory"

Outcome = int | Refusal | Literal["out of memory"]
"""What a call comes to: its result, 0 if it has none; or that it was refused, or had no memory."""


def same(expected: Outcome, seen: Outcome) -> bool:
    """Tell whether both sides came to the same; in refusals words may differ, reasons may not."""
    if isinstance(expected, Refusal) and isinstance(seen, Refusal):
        return are_alike(expected.reason, seen.reason)
    return expected == seen


def met(outcome: Outcome) -> list[str]:
    """Return what a campaign has met by an outcome, to be counted."""
    if isinstance(outcome, Refusal):
        return ["refusals", f"refused: {outcome.reason.partition(' of ')[0]}"]
    return [] if isinstance(outcome, int) else [outcome]


def outcome_of(side: Side, code: CodeOf, call: Call) -> Outcome:
    """Make a call on one side.

    Raises: Raised, with the side's name, if it raises anything but a refusal.
    """
    try:
        result = call(side)
    except Refused as problem:
        return Refusal(problem.reason, str(problem))
    except NoMemory:
        return OUT_OF_MEMORY
    except BaseException as problem:
        code.blame(problem)
        raise
    if type(result) is int:
        return result
    if result is None:
        return 0
    with code:
        # A result is a number, and compares as one, whatever kind of number it is.
        return index(result)


def make_each(calls: Calls, make: Callable[[Call], Outcome]) -> None:
    """Make the calls of a step one after the other, each with what the one before came to."""
    answer: int | None = None
    while True:
        try:
            call = calls.send(answer)
        except StopIteration:
            return
        outcome = make(call)
        answer = outcome if isinstance(outcome, int) else None


def answer_of(outcome: Outcome) -> int | None:
    """Return what a step is told of a call: its result, or None if there is none."""
    return outcome if isinstance(outcome, int) else None


def parted_results(
    step: Step, expected: Outcome, seen: Outcome, call: Call | None = None
) -> Difference:
    """Return how two results of a step part, with the rules of the refusal or of the call."""
    outcomes = (expected, seen)
    what, rules = "the result", of_result(step)
    if call is trigger:
        what, rules = "the trigger", OF_TRIGGER
    elif OUT_OF_MEMORY in outcomes:
        rules = OF_GROWTH
    refused = [rules_of(one.reason) for one in outcomes if isinstance(one, Refusal)]
    shown = (shown_result(one) for one in outcomes)
    return Difference(what, *shown, rules=next(filter(None, refused), rules))


# `Holdings` asks once what a side can do: to ask for each call takes longer than most calls.
def find(side: Side, place: int) -> int:
    """Look up which object holds an address."""
    return cast(LooksUp, side).find(place)


def trigger(side: Side) -> int:
    """Return the heap at which a cycle is due."""
    return cast(Paces, side).trigger()


def set_gc_percent(side: Side, percent: int, p: int) -> int:
    """Set GOGC."""
    return cast(Paces, side).set_gc_percent(percent, p)


def finish_paced(side: Side, p: int, took_us: int, assist_us: int) -> None:
    """End the marking of a cycle that began by itself."""
    cast(Steers, side).finish_paced(p, took_us * 1000, assist_us * 1000)


class Holdings:
    """What a program holds: the objects that it was given, and the manual spans.

    `marked` are the objects that are alive in the cycle under way. What `other`, the side that is
    held against the model, cannot do at all is not asked of either.
    """

    def __init__(self, model: ModelHeap, other: Side) -> None:
        self._model = model
        self._looks_up = isinstance(other, LooksUp)
        self._paces, self._steers = isinstance(other, Paces), isinstance(other, Steers)
        self.books = Books()
        self.marked: set[int] = set()

    def calls(self, step: Step) -> Calls:
        """Return the calls of a step, which follow what the program holds when they are made."""
        match step:
            case Malloc():
                yield from self._malloc(step)
            case StartCycle(p=p):
                if (yield lambda side: side.start_cycle(p)) is not None:
                    self.marked = set()
            case MarkEvery(n=n, k=k, inside=inside):
                for address in self.books.living[k % n :: n]:
                    if (yield methodcaller("mark", address)) is not None:
                        self.marked.add(address)
                        if inside:
                            # Most objects have more than one byte; any of them stands for it.
                            yield methodcaller("mark", address + inside % 2)
            case MarkAt(k=k, at=at):
                yield from self._mark_at(at, k)
            case LookUp(k=k, at=at):
                if self._looks_up:
                    yield from self._on(at, k, find)
            case FinishCycle(p=p, took_us=took, assist_us=assist):
                ended: int | None = None
                if self._steers and took >= 0:
                    ended = yield lambda side: finish_paced(side, p, took, assist)
                # What is refused as paced may be asked for.
                if ended is None:
                    ended = yield lambda side: side.finish_cycle(p)
                if ended is not None:
                    self.books.end_cycle(self.marked)
                    if self._paces:
                        yield trigger
            case Sweep(count=count, p=p):
                for _ in range(count):
                    if (yield lambda side: side.sweep_one(p)) in (-1, None):
                        break
            case EnsureSwept(k=k, p=p, at=at):
                yield from self._on(at, k, lambda side, place: side.ensure_swept(place, p))
            case AddSpecial(k=k, kind=kind, p=p, at=at):
                yield from self._on(at, k, lambda side, place: side.add_special(place, kind, p))
            case RemoveFinalizer(k=k, p=p, at=at):
                yield from self._on(at, k, lambda side, place: side.remove_finalizer(place, p))
            case RunFinalizers():
                yield lambda side: side.run_finalizers()
            case TakeManual(npages=npages, purpose=purpose, p=p):
                taken = yield lambda side: side.take_manual(npages, purpose, p)
                if taken is not None:
                    self.books.manual.append(taken)
            case FreeManual(k=k, p=p, at=at):
                given = self._at(at, k)
                if given is not None:
                    # Until it is refused it is nobody else's to free.
                    manual = self.books.manual
                    held = [manual.pop(manual.index(given))] if given in manual else []
                    if (yield lambda side: side.free_manual(given, p)) is None:
                        manual.extend(held)
            case SetProcs(procs=procs, p=p):
                yield lambda side: side.set_procs(procs, p)
            case FlushCaches(p=p):
                yield lambda side: side.flush_caches(p)
            case ScavengeAll(p=p):
                yield lambda side: side.scavenge_all(p)
            case FreeOsMemory(p=p):
                yield lambda side: side.free_os_memory(p)
            case PassTime(milliseconds=milliseconds, p=p):
                yield lambda side: side.pass_time(milliseconds * 1_000_000, p)
            case SetGcPercent(percent=percent, p=p):
                if self._paces:
                    yield lambda side: set_gc_percent(side, percent, p)
                    yield trigger
            case Together():
                raise TypeError("the tasks that are done together make their calls in turns")

    def _at(self, at: Place, k: int) -> int | None:
        with MODEL:
            return address_at(self._model.heap.state, self.books, at, k)

    def _on(self, at: Place, k: int, operation: Callable[[Side, int], int | None]) -> Calls:
        place = self._at(at, k)
        if place is not None:
            yield Located(operation, place)

    def _mark_at(self, at: Place, k: int) -> Calls:
        place = self._at(at, k)
        if place is not None and (yield lambda side: side.mark(place)) is not None:
            self.marked.update(self._model.beside(place, self.books.living))

    def _malloc(self, step: Malloc) -> Calls:
        call = methodcaller("malloc", step.size, step.noscan, step.zero, step.p)
        books, state = self.books, self._model.heap.state
        for _ in range(step.count):
            address = yield call
            if address is None:
                break
            if address != ZERO_BASE:
                books.living.append(address)
                if state.phase == MARK:
                    self.marked.add(address)
