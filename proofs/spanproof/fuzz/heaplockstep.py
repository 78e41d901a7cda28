"""Running a program on the model's heap and on another, and comparing all after every step."""

from collections import Counter
from collections.abc import Callable, Mapping

from spanproof.fuzz.divergence import Divergence, Run
from spanproof.fuzz.heapprogram import (
    EnsureSwept,
    FinishCycle,
    FlushCaches,
    FreeManual,
    HeapProgram,
    Malloc,
    MarkEvery,
    MarkFree,
    PassTime,
    ScavengeAll,
    SetProcs,
    StartCycle,
    Step,
    Sweep,
    TakeManual,
    describe_step,
)
from spanproof.fuzz.heapsides import ModelHeap, NoMemory, Side, SideFactory
from spanproof.fuzz.subjects import Refused
from spanspec.heap import ZERO_BASE
from spanspec.heapstate import MARK
from spanspec.invariants import violations


class _Parted(Exception):
    """The two sides differ."""

    def __init__(self, what: str, expected: object, seen: object) -> None:
        super().__init__(what)
        self.what = what
        self.expected = str(expected)
        self.seen = str(seen)


class Lockstep:
    """The model's heap and another, that take every step together.

    `living` are the addresses of the objects that the program holds, in order of allocation.
    """

    def __init__(self, program: HeapProgram, factory: SideFactory) -> None:
        self.model = ModelHeap(program)
        self.other: Side = factory(program)
        self.living: list[int] = []
        self.marked: set[int] = set()
        self.manual: list[int] = []
        self.exercised: Counter[str] = Counter()

    def take(self, step: Step) -> None:
        """Take one step on both sides and compare.

        Raises: _Parted if they differ.
        """
        match step:
            case Malloc():
                self._malloc(step)
            case StartCycle(p=p):
                if self._both(lambda side: side.start_cycle(p)) is not None:
                    self.marked = set()
            case MarkEvery(n=n, k=k, inside=inside):
                for address in self.living[k % n :: n]:
                    self._mark(address, inside)
            case MarkFree(k=k):
                place = self.model.free_place(k)
                if place is not None:
                    self._both(lambda side: side.mark(place))
            case FinishCycle(p=p):
                if self._both(lambda side: side.finish_cycle(p)) is not None:
                    self.living = [one for one in self.living if one in self.marked]
            case Sweep(count=count, p=p):
                for _ in range(count):
                    if self._both(lambda side: side.sweep_one(p)) in (-1, None):
                        break
            case EnsureSwept(k=k, p=p):
                if self.living:
                    address = self.living[k % len(self.living)]
                    self._both(lambda side: side.ensure_swept(address, p))
            case TakeManual(npages=npages, purpose=purpose, p=p):
                taken = self._both(lambda side: side.take_manual(npages, purpose, p))
                if taken is not None:
                    self.manual.append(taken)
            case FreeManual(k=k, p=p):
                if self.manual:
                    at = k % len(self.manual)
                    address = self.manual[at]
                    if self._both(lambda side: side.free_manual(address, p)) is not None:
                        del self.manual[at]
            case SetProcs(procs=procs, p=p):
                self._both(lambda side: side.set_procs(procs, p))
            case FlushCaches(p=p):
                self._both(lambda side: side.flush_caches(p))
            case ScavengeAll(p=p):
                self._both(lambda side: side.scavenge_all(p))
            case PassTime(milliseconds=milliseconds, p=p):
                self._both(lambda side: side.pass_time(milliseconds * 1_000_000, p))
        self.compare()

    def _malloc(self, step: Malloc) -> None:
        for _ in range(step.count):
            address = self._both(
                lambda side: side.malloc(step.size, step.noscan, step.zero, step.p)
            )
            if address is None:
                break
            if address != ZERO_BASE:
                self.living.append(address)
                if self.model.heap.state.phase == MARK:
                    self.marked.add(address)

    def _mark(self, address: int, inside: int) -> None:
        if self._both(lambda side: side.mark(address)) is None:
            return
        self.marked.add(address)
        if inside:
            # Most objects have more than one byte, and any of them stands for the object.
            self._both(lambda side: side.mark(address + inside % 2))

    def _both(self, call: Callable[[Side], int | None]) -> int | None:
        """Make a call on both sides; return its result, 0 for none, and None if both refuse."""
        results = []
        for side in (self.model, self.other):
            try:
                result: object = call(side)
                results.append(0 if result is None else result)
            except Refused as problem:
                results.append("is refused")
                self.exercised["refusals"] += side is self.model
                del problem
            except NoMemory:
                results.append("has no memory")
                self.exercised["out of memory"] += side is self.model
        if results[0] != results[1]:
            raise _Parted("the result", _address(results[0]), _address(results[1]))
        self._compare_events()
        return results[0] if isinstance(results[0], int) else None

    def _compare_events(self) -> None:
        expected, seen = self.model.events(), self.other.events()
        for one, other in zip(expected, seen, strict=False):
            self.exercised[one[0]] += 1
            if one != other:
                raise _Parted(f"event {one[0]!r}", one, other)
        if len(expected) != len(seen):
            longer = expected if len(expected) > len(seen) else seen
            extra = longer[min(len(expected), len(seen))]
            shown = ("there is " + str(extra), "there is none")
            raise _Parted(
                f"event {extra[0]!r}", *(shown if longer is expected else reversed(shown))
            )

    def compare(self) -> None:
        """Compare the whole state, and check the model's own invariants.

        Raises: _Parted at the first difference.
        """
        _compare("", self.model.state(), self.other.state())
        for problem in violations(self.model.heap.state):
            raise _Parted(f"the model's own invariant {problem.invariant}", "holds", problem.what)


def _compare(where: str, expected: Mapping[str, object], seen: Mapping[str, object]) -> None:
    for name in [*expected, *(name for name in seen if name not in expected)]:
        one, other = expected.get(name, "absent"), seen.get(name, "absent")
        if one == other:
            continue
        if isinstance(one, Mapping) and isinstance(other, Mapping):
            _compare(f"{where}{name}: ", one, other)
        in_hex = isinstance(name, str) and name.endswith(("Bits", "Cache", "base", "limit"))
        raise _Parted(f"{where}{name}", _shown(one, in_hex), _shown(other, in_hex))


def _shown(value: object, in_hex: bool) -> str:
    return hex(value) if in_hex and isinstance(value, int) else str(value)


def _address(value: object) -> str:
    return hex(value) if isinstance(value, int) and value > 4096 else str(value)


def run_heap_program(program: HeapProgram, factory: SideFactory) -> Run:
    """Run a program in lockstep, up to the first divergence.

    Whatever the other side raises is a divergence: a crash is an observation.
    """
    number = 0
    step: Step | None = None
    try:
        lockstep = Lockstep(program, factory)
        lockstep.model.events()
        lockstep.other.events()
        lockstep.compare()
        for step in program.steps:
            number += 1
            lockstep.take(step)
            lockstep.exercised["steps"] += 1
    except _Parted as difference:
        what, expected, seen = difference.what, difference.expected, difference.seen
    except Exception as problem:
        what = describe_step(step) if step is not None else "making the heap"
        expected, seen = "goes through", f"raises {type(problem).__name__}: {problem}"
    else:
        return Run(None, lockstep.exercised)
    return Run(Divergence(program, number, what, expected, seen), Counter())
