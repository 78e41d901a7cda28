"""What a heap refuses of its program: each reason, met in the smallest way, and just missed."""

from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Final

from msgspec.structs import replace

from spanproof.prove.assumptions import SMALL_SCOPE
from spanproof.prove.exploration import Ran, explored
from spanproof.simulate.exhaustive.trying import Wrong, promise
from spanproof.theorems.cases import every_case
from spanspec.base.constants import MAX_SMALL_SIZE, PAGE_SIZE
from spanspec.base.words import M64
from spanspec.events.heap_events import Purpose
from spanspec.heap.courses.malloc import MAX_ALLOC
from spanspec.heap.heap import ZERO_BASE, Heap, OutOfMemory, Refused
from spanspec.heap.program import (
    AddSpecial,
    Allocate,
    AnyInput,
    EnsureSwept,
    FinishCycle,
    FlushMcaches,
    FreeManual,
    MarkObject,
    RemoveFinalizer,
    SetGcPercent,
    SetProcs,
    StartCycle,
    TakeManual,
)
from spanspec.heap.snapshot import own_memory, snapshot_of
from spanspec.heap.state.pacing import Effort
from spanspec.pages.memory.arena import GrantingOs

LONGEST: Final = (1 << 50) - 1


class Full(GrantingOs):
    """An operating system that has one arena, and no more."""

    def __init__(self) -> None:
        super().__init__()
        self.left = 1

    def reserve(self, address: int, size: int) -> int:
        """Grant the first one."""
        self.left -= 1
        return super().reserve(address, size) if self.left >= 0 else 0


Made = tuple[Heap, int]
"""A heap, and the address of what a request is about."""


def fresh() -> Made:
    """A heap with an object of 4096 bytes, in a span of two."""
    heap = Heap()
    return heap, heap.malloc(4096)


def tiny() -> Made:
    """A heap with three tiny objects in a block."""
    heap = Heap()
    address = heap.malloc(4, noscan=True)
    heap.malloc(4, noscan=True)
    return heap, address


def marking() -> Made:
    """The same as `fresh`, while marking."""
    heap, address = fresh()
    heap.step(StartCycle())
    return heap, address


def manual() -> Made:
    """A heap with a manual span, and its number in place of an address."""
    heap = Heap()
    return heap, heap.step(TakeManual(0, 4)).result or 0


def freed() -> Made:
    """A heap in which a large object is gone, and where it was."""
    heap = Heap()
    address = heap.malloc(40_000)
    heap.gc()
    heap.sweep()
    return heap, address


def with_tail() -> Made:
    """A heap with an object of 1280 bytes, whose span has a tail behind its last slot."""
    heap = Heap()
    return heap, heap.malloc(1280)


def unswept() -> Made:
    """A heap in which a dead object is not swept yet, beside one that lives."""
    heap = Heap()
    dead, live = heap.malloc(4096), heap.malloc(4096)
    heap.malloc(4096)
    heap.step(FlushMcaches())
    heap.step(StartCycle())
    heap.step(MarkObject(0, live))
    heap.step(FinishCycle())
    return heap, dead


def full() -> Made:
    """A heap that has all the memory that it will ever get."""
    heap = Heap(os=Full())
    return heap, heap.malloc(60 << 20)


def without_a_page() -> Made:
    """A heap with an object that takes all the memory there is."""
    heap = Heap(os=Full())
    return heap, heap.malloc(64 << 20)


def with_record(kind: str) -> Made:
    """A heap with an object that has a record."""
    heap, address = fresh()
    heap.step(AddSpecial(0, address, "finalizer" if kind == "finalizer" else "profile"))
    return heap, address


def nothing_marked() -> Made:
    """A heap that marks, and in which the cycle before found nothing alive."""
    heap, address = Heap(), 0
    heap.gc()
    heap.step(StartCycle())
    return heap, address


Request = Callable[[int], AnyInput]
Case = tuple[str, Callable[[], Made], Request]

BAD: Final = "T-85: found bad pointer"

PURPOSES_OF_OTHERS: Final[tuple[Purpose, ...]] = ("gc", "other")
"""What manual spans are for that hold no stacks."""


def all_refused() -> tuple[Case, ...]:
    """Return what each refusal says, where, and of what."""
    return (
        ("a size of -1", fresh, lambda at: Allocate(0, -1)),
        ("a size of 18446744073709551616", fresh, lambda at: Allocate(0, M64 + 1)),
        ("a manual span of 0", fresh, lambda at: TakeManual(0, 0, "other")),
        ("stacks have", fresh, lambda at: TakeManual(0, 2, "stack")),
        ("stacks have", fresh, lambda at: TakeManual(0, 6, "stack")),
        ("stacks have", fresh, lambda at: TakeManual(0, 12, "stack")),
        ("0 Ps", fresh, lambda at: SetProcs(0, 0)),
        ("the number of Ps", marking, lambda at: SetProcs(0, 2)),
        ("T-105", fresh, lambda at: FreeManual(0, 0)),
        ("T-105", manual, lambda at: FreeManual(0, at + 1)),
        ("a cycle is under way", marking, lambda at: StartCycle()),
        ("no cycle is marking", fresh, lambda at: MarkObject(0, at)),
        ("no cycle is marking", fresh, lambda at: FinishCycle()),
        ("0x0 is in no object", marking, lambda at: MarkObject(0, 0)),
        (" is in a free slot", marking, lambda at: MarkObject(0, at + 4096)),
        ("GOGC off", marking, lambda at: SetGcPercent(0, -1)),
        ("2147483648 percent", fresh, lambda at: SetGcPercent(0, 1 << 31)),
        ("-2147483649 percent", fresh, lambda at: SetGcPercent(0, -(1 << 31) - 1)),
        ("Effort(duration=-1", marking, lambda at: FinishCycle(0, Effort(-1, 0))),
        ("Effort(duration=1125", marking, lambda at: FinishCycle(0, Effort(LONGEST + 1, 0))),
        ("Effort(duration=0, assists=-1", marking, lambda at: FinishCycle(0, Effort(0, -1))),
        (
            "Effort(duration=0, assists=1",
            marking,
            lambda at: FinishCycle(0, Effort(0, LONGEST + 1)),
        ),
        ("T-90", nothing_marked, lambda at: FinishCycle(0, Effort(1, 1))),
        ("statistics are not read", marking, lambda at: FlushMcaches()),
        (" lies in no span", fresh, lambda at: EnsureSwept(0, at + PAGE_SIZE)),
        (" lies in no span", freed, lambda at: EnsureSwept(0, at)),
        ("SetFinalizer: pointer not in", fresh, lambda at: AddSpecial(0, at + (64 << 20))),
        ("SetFinalizer: pointer not at", fresh, lambda at: AddSpecial(0, at + 1)),
        ("no object is at", fresh, lambda at: AddSpecial(0, at + 4096)),
        ("T-40", fresh, lambda at: AddSpecial(0, at + PAGE_SIZE, "profile")),
        ("setprofilebucket: pointer", fresh, lambda at: AddSpecial(0, at + 1, "profile")),
        ("no object is at", fresh, lambda at: AddSpecial(0, at + 4096, "profile")),
        (BAD, freed, lambda at: AddSpecial(0, at)),
        (BAD, with_tail, lambda at: AddSpecial(0, at + 6 * 1280)),
        ("T-40", with_tail, lambda at: AddSpecial(0, at + 6 * 1280, "profile")),
        (
            "SetFinalizer: finalizer",
            partial(with_record, "finalizer"),
            lambda at: AddSpecial(0, at),
        ),
        ("T-42", partial(with_record, "profile"), lambda at: AddSpecial(0, at, "profile")),
        ("SetFinalizer: pointer not in", fresh, lambda at: RemoveFinalizer(0, at + (64 << 20))),
        ("SetFinalizer: pointer not at", fresh, lambda at: RemoveFinalizer(0, at + 1)),
        ("no object is at", fresh, lambda at: RemoveFinalizer(0, at + 4096)),
        ("no object is at", unswept, lambda at: AddSpecial(0, at)),
        ("no object is at", unswept, lambda at: RemoveFinalizer(0, at)),
    )


def all_without_memory() -> tuple[Case, ...]:
    """Return what there is no memory for."""
    return (
        ("T-21", fresh, lambda at: Allocate(0, M64)),
        ("T-21", fresh, lambda at: Allocate(0, M64 - PAGE_SIZE + 1)),
        ("T-22", fresh, lambda at: Allocate(0, M64 - PAGE_SIZE)),
        ("T-22", fresh, lambda at: Allocate(0, MAX_ALLOC + 1)),
        ("T-22", full, lambda at: Allocate(0, 8 << 20)),
        ("T-22", without_a_page, lambda at: Allocate(0, MAX_SMALL_SIZE + 1)),
        ("T-52", without_a_page, lambda at: Allocate(0, MAX_SMALL_SIZE)),
        ("T-106", full, lambda at: TakeManual(0, 1024)),
    )


def all_granted() -> tuple[tuple[Callable[[], Made], Request], ...]:
    """Return what just misses a reason to be refused."""
    return (
        (fresh, lambda at: TakeManual(0, 1, "gc")),
        (fresh, lambda at: TakeManual(0, 4, "gc")),
        (fresh, lambda at: TakeManual(0, 4, "stack")),
        (fresh, lambda at: TakeManual(0, 16, "stack")),
        (fresh, lambda at: TakeManual(0, 1, "other")),
        (fresh, lambda at: Allocate(0, 32_768)),
        (fresh, lambda at: SetProcs(0, 1)),
        (manual, lambda at: FreeManual(0, at)),
        (marking, lambda at: MarkObject(0, at + 4095)),
        (marking, lambda at: MarkObject(0, ZERO_BASE)),
        (marking, lambda at: SetGcPercent(0, 0)),
        (fresh, lambda at: SetGcPercent(0, (1 << 31) - 1)),
        (fresh, lambda at: SetGcPercent(0, -(1 << 31))),
        (marking, lambda at: FinishCycle(0, Effort(LONGEST, LONGEST))),
        (marking, lambda at: FinishCycle(0, Effort(0, 0))),
        (fresh, lambda at: EnsureSwept(0, at + PAGE_SIZE - 1)),
        (tiny, lambda at: AddSpecial(0, at + 1)),
        (fresh, lambda at: AddSpecial(0, ZERO_BASE)),
        (fresh, lambda at: RemoveFinalizer(0, ZERO_BASE)),
        (fresh, lambda at: RemoveFinalizer(0, at)),
        (partial(with_record, "profile"), lambda at: AddSpecial(0, at)),
        (partial(with_record, "finalizer"), lambda at: AddSpecial(0, at, "profile")),
        (partial(with_record, "finalizer"), lambda at: RemoveFinalizer(0, at)),
    )


def held(heap: Heap) -> tuple[object, ...]:
    """What a refused request must leave as it was; memory for a record may have been taken."""
    state, shot = heap.state, snapshot_of(heap.state)
    records = tuple(map(len, state.special_records.values()))
    return replace(shot, own=own_memory(Heap().state, Heap().state.pages)), records


def refused(case: Case, kind: type[Exception], met: Counter[str]) -> None:
    """Make a request that is refused."""
    says, make, request = case
    heap, address = make()
    before = held(heap)
    try:
        heap.step(request(address))
    except kind as problem:
        promise(says in str(problem), f"{problem}, where it is {says}")
    else:
        raise Wrong(f"{request(address)} is not refused: {says}")
    if kind is Refused and make is not unswept:
        promise(held(heap) == before, f"{request(address)} is refused, and has changed the heap")
    met[kind.__name__] += 1


def granted(make: Callable[[], Made], request: Request, met: Counter[str]) -> None:
    """Make a request that is granted."""
    heap, address = make()
    heap.step(request(address))
    met["granted"] += 1


def manual_spans_while_marking(met: Counter[str]) -> None:
    """A span of stacks stays until marking is over, the bitmap of a GC program does not."""
    heap, span = manual()
    heap.step(StartCycle())
    refused(("stacks are not", lambda: (heap, span), lambda at: FreeManual(0, at)), Refused, met)
    for purpose in PURPOSES_OF_OTHERS:
        mask = heap.step(TakeManual(0, 3, purpose)).result or 0
        heap.step(FreeManual(0, mask))
        stats = heap.state.pages.stats
        promise(stats.gc_manual == 0, f"HEAP-32: {stats.gc_manual} bytes stay while marking")
        met["granted"] += 1
    heap.step(FinishCycle())
    heap.step(FreeManual(0, span))


def a_manual_span_is_no_object(met: Counter[str]) -> None:
    """No program has a pointer to free memory, while one into a stack is nobody's business."""
    heap, address = freed()
    heap.step(StartCycle())
    refused((BAD, lambda: (heap, address), lambda at: MarkObject(0, at)), Refused, met)
    heap = Heap()
    span = heap.step(TakeManual(0, 4)).result or 0
    heap.step(StartCycle())
    base = heap.state.pages.runs[span].base
    refused(("is in no object", lambda: (heap, base), lambda at: MarkObject(0, at)), Refused, met)


def sweeps_for_the_largest_size(met: Counter[str]) -> None:
    """Up to the largest size that callers let pass, the heap is swept for an object before it turns
    out that no system grants it; above, nothing is done.
    """
    for size, swept in ((MAX_ALLOC + 1, False), (MAX_ALLOC, True)):
        heap, _ = unswept()
        try:
            heap.malloc(size)
        except OutOfMemory:
            met["OutOfMemory"] += 1
        pages = heap.state.progress.pages_swept
        promise((pages > 0) == swept, f"MAL-11: {pages} pages are swept for {size} bytes")


@explored(
    "courses.refusals",
    "HEAP-24 HEAP-25 HEAP-27 HEAP-32 MAL-1 MC-14 SCAV-5 SPAN-18 SPAN-19 SWP-20 SWP-24 SWP-32 SWP-34"
    " T-21 T-22 T-40 T-41 T-42 T-52 T-85 T-90 T-104 T-105 T-106 I-25 HEAP-38 MC-9 MAL-11",
    needs="Refused OutOfMemory granted",
    assumes=(SMALL_SCOPE,),
)
def what_no_program_does_is_refused() -> Ran:
    """Each request that no sound program makes is refused for the reason that is due, and changes
    nothing; what just misses a reason is granted.
    """
    return every_case(
        [
            *((one[0], partial(refused, one, Refused)) for one in all_refused()),
            *((one[0], partial(refused, one, OutOfMemory)) for one in all_without_memory()),
            *(("granted", partial(granted, make, request)) for make, request in all_granted()),
            ("manual spans while marking", manual_spans_while_marking),
            ("a manual span is no object", a_manual_span_is_no_object),
            ("the largest size", sweeps_for_the_largest_size),
        ]
    )
