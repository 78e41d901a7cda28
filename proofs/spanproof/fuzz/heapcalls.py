"""What each step of a program asks of a heap: calls, one after another, that both sides get."""

from collections.abc import Callable, Generator
from operator import index

from spanproof.fuzz.heapprogram import (
    AddSpecial,
    EnsureSwept,
    FinishCycle,
    FlushCaches,
    FreeManual,
    FreeOsMemory,
    Malloc,
    MarkEvery,
    MarkFree,
    PassTime,
    RemoveFinalizer,
    RunFinalizers,
    ScavengeAll,
    SetProcs,
    StartCycle,
    Step,
    Sweep,
    TakeManual,
    Together,
)
from spanproof.fuzz.heapsides import NoMemory, Side
from spanproof.fuzz.modelheap import ModelHeap
from spanproof.fuzz.parted import Code
from spanproof.fuzz.subjects import Refused
from spanspec.heap import ZERO_BASE
from spanspec.heapstate import MARK

Call = Callable[[Side], int | None]

Calls = Generator[Call, int | None, None]
"""The calls of a step; each is answered with its result, 0 for none, None if it was refused."""


Outcome = int | str
"""What a call comes to: its result, 0 if it has none; or in words that it was refused, and why."""


def outcome_of(side: Side, code: Code, call: Call) -> Outcome:
    """Make a call on one side.

    Raises: Raised, with the side's name, if it raises anything but a refusal.
    """
    try:
        with code:
            result = call(side)
    except Refused:
        return "refusals"
    except NoMemory:
        return "out of memory"
    if result is None:
        return 0
    if type(result) is not int:
        with code:
            # A result is a number, and compares as one, whatever kind of number it is.
            result = index(result)
    return result


class Holdings:
    """What a program holds: the objects that it was given, and the manual spans.

    `living` are the addresses of the objects in order of allocation, `marked` those that are alive
    in the cycle under way.
    """

    def __init__(self, model: ModelHeap) -> None:
        self._model = model
        self.living: list[int] = []
        self.marked: set[int] = set()
        self.manual: list[int] = []

    def calls(self, step: Step) -> Calls:
        """Return the calls of a step, which follow what the program holds when they are made."""
        match step:
            case Malloc():
                yield from self._malloc(step)
            case StartCycle(p=p):
                if (yield lambda side: side.start_cycle(p)) is not None:
                    self.marked = set()
            case MarkEvery(n=n, k=k, inside=inside):
                for address in self.living[k % n :: n]:
                    yield from self._mark(address, inside)
            case MarkFree(k=k):
                place = self._model.free_place(k)
                if place is not None:
                    yield lambda side: side.mark(place)
            case FinishCycle(p=p):
                if (yield lambda side: side.finish_cycle(p)) is not None:
                    self.living = [one for one in self.living if one in self.marked]
            case Sweep(count=count, p=p):
                for _ in range(count):
                    if (yield lambda side: side.sweep_one(p)) in (-1, None):
                        break
            case EnsureSwept(k=k, p=p):
                if self.living:
                    address = self.living[k % len(self.living)]
                    yield lambda side: side.ensure_swept(address, p)
            case AddSpecial(k=k, kind=kind, p=p):
                if self.living:
                    address = self.living[k % len(self.living)]
                    yield lambda side: side.add_special(address, kind, p)
            case RemoveFinalizer(k=k, p=p):
                if self.living:
                    address = self.living[k % len(self.living)]
                    yield lambda side: side.remove_finalizer(address, p)
            case RunFinalizers():
                yield lambda side: side.run_finalizers()
            case TakeManual(npages=npages, purpose=purpose, p=p):
                taken = yield lambda side: side.take_manual(npages, purpose, p)
                if taken is not None:
                    self.manual.append(taken)
            case FreeManual(k=k, p=p):
                if self.manual:
                    # Until it is refused it is nobody else's to free.
                    given = self.manual.pop(k % len(self.manual))
                    if (yield lambda side: side.free_manual(given, p)) is None:
                        self.manual.append(given)
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
            case Together():
                raise TypeError("the tasks that are done together make their calls in turns")

    def _malloc(self, step: Malloc) -> Calls:
        for _ in range(step.count):
            address = yield lambda side: side.malloc(step.size, step.noscan, step.zero, step.p)
            if address is None:
                break
            if address != ZERO_BASE:
                self.living.append(address)
                if self._model.heap.state.phase == MARK:
                    self.marked.add(address)

    def _mark(self, address: int, inside: int) -> Calls:
        if (yield lambda side: side.mark(address)) is None:
            return
        self.marked.add(address)
        if inside:
            # Most objects have more than one byte, and any of them stands for the object.
            yield lambda side: side.mark(address + inside % 2)
