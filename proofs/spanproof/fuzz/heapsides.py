"""The two sides of the lockstep of whole heaps: the model, and an implementation of a heap.

Both are driven by the same calls, tell the same events, and show the same state.
"""

from collections.abc import Callable, Mapping, Sequence
from types import SimpleNamespace
from typing import Protocol

import msgspec

import spanalloc
from spanproof.fuzz.heapprogram import Answer, HeapProgram
from spanproof.fuzz.subjects import Refused
from spanspec import heap as model
from spanspec import program as inputs
from spanspec.arena import Willing
from spanspec.bitmap import Bits
from spanspec.constants import HEAP_ARENA_BYTES
from spanspec.heapstate import NO_MORE_RECLAIM
from spanspec.mspan import DEAD, IN_USE, is_allocated
from spanspec.pagealloc import Purpose
from spanspec.pages import PhysicalPages
from spanspec.program import Input
from spanspec.trace.fields import EventBase
from spanspec.trace.schema import KIND_OF

Event = Mapping[str, object]
State = Mapping[str, object]
UNTOLD = ("k", "lo", "t")
"""Keys that are not compared: the kind has a place of its own, the others depend on who counts."""

PARTS = (
    "sweepgen",
    "phase",
    "cycles",
    "procs",
    "sweepdone",
    "heap_live",
    "reclaim_index",
    "reclaim_credit",
    "buffers",
    "free",
    "arenas",
)
FIGURES = (
    "heap_sys",
    "heap_idle",
    "heap_inuse",
    "heap_released",
    "stacks_inuse",
    "gc_manual",
    "pages_in_use",
)
"""What both sides call by the same name."""


class NoMemory(Exception):
    """The operating system refused, and so the side did."""


class Side(Protocol):
    """A heap under test. A refusal is Refused, a lack of memory NoMemory; neither ends the run."""

    def malloc(self, size: int, noscan: bool, zero: bool, p: int) -> int:
        """Allocate an object; return its address."""
        ...

    def start_cycle(self, p: int) -> None:
        """Begin to mark."""
        ...

    def mark(self, address: int) -> None:
        """Mark the object that holds an address."""
        ...

    def finish_cycle(self, p: int) -> None:
        """End marking."""
        ...

    def sweep_one(self, p: int) -> int:
        """Sweep a span; return the pages freed, -1 if nothing is left."""
        ...

    def ensure_swept(self, address: int, p: int) -> None:
        """Have the span at an address swept."""
        ...

    def take_manual(self, npages: int, purpose: Purpose, p: int) -> int:
        """Take a manual span; return its address."""
        ...

    def free_manual(self, address: int, p: int) -> None:
        """Give a manual span back."""
        ...

    def set_procs(self, procs: int, p: int) -> None:
        """Set the number of Ps."""
        ...

    def flush_caches(self, p: int) -> None:
        """Flush the caches of all Ps."""
        ...

    def scavenge_all(self, p: int) -> None:
        """Return all free memory."""
        ...

    def pass_time(self, nanoseconds: int, p: int) -> None:
        """Let the background scavenger work."""
        ...

    def events(self) -> Sequence[tuple[str, Event]]:
        """Return the kinds and figures of the events since the last call."""
        ...

    def state(self) -> State:
        """Return the whole state, by the names of its parts."""
        ...


SideFactory = Callable[[HeapProgram], Side]
"""Makes the heap that a program starts with."""


# --- the model -----------------------------------------------------------------------------------


def place_for(answer: Answer, address: int, size: int, number: int) -> int:
    """Return where a request for addresses is granted, 0 if it is refused, or too large.

    Elsewhere is far above the hints, and leaves a gap to the last such place.
    """
    if answer == "refuse":
        return 0
    if answer == "below":
        address = (0x20 + 2 * number) * HEAP_ARENA_BYTES
    elif answer == "elsewhere":
        address = 0x6000_0000_0000 + number * 64 * HEAP_ARENA_BYTES
    return address if address + size <= 1 << 47 else 0


class ScriptedOs(Willing):
    """The operating system on the model's side, with the answers of a program."""

    def __init__(self, answers: tuple[Answer, ...]) -> None:
        super().__init__()
        self.answers = list(answers)
        self.asked = 0
        self.told: list[tuple[str, Event]] = []

    def reserve(self, address: int, size: int) -> int:
        """Answer by the script."""
        self.asked += 1
        answer = self.answers.pop(0) if self.answers else "grant"
        return place_for(answer, address, size, self.asked)

    def reserve_aligned(self, size: int, align: int) -> int:
        """Answer by the script."""
        self.asked += 1
        answer: Answer = self.answers.pop(0) if self.answers else "elsewhere"
        if answer == "grant":
            answer = "elsewhere"
        return place_for(answer, 0, size, self.asked)

    def used(self, address: int, size: int) -> None:
        """Tell it."""
        self.told.append(("os used", {"address": address, "size": size}))

    def unused(self, address: int, size: int) -> None:
        """Tell it."""
        self.told.append(("os unused", {"address": address, "size": size}))

    def huge(self, address: int, size: int) -> None:
        """Tell it."""
        self.told.append(("os huge", {"address": address, "size": size}))


class ModelHeap:
    """The model, behind the interface of a side."""

    def __init__(self, program: HeapProgram) -> None:
        self._os = ScriptedOs(program.answers)
        sizes = PhysicalPages(program.physical, 2 << 20)
        self.heap = model.Heap(program.procs, self._os, sizes, self._tell)
        if program.sweepgen:
            # Nothing has happened in the generation yet, so the heap may as well begin in another.
            self.heap.state.sweepgen = program.sweepgen
            for mcache in self.heap.state.mcaches.values():
                mcache.flush_gen = program.sweepgen

    def _tell(self, event: EventBase) -> None:
        figures: dict[str, object] = msgspec.to_builtins(event)
        self._os.told.append(
            (KIND_OF[type(event)], {k: v for k, v in figures.items() if k not in UNTOLD})
        )

    def _step(self, request: Input) -> int | None:
        try:
            return self.heap.step(request).result
        except model.Refused as problem:
            raise Refused(str(problem)) from None
        except model.OutOfMemory as problem:
            raise NoMemory(str(problem)) from None

    def malloc(self, size: int, noscan: bool, zero: bool, p: int) -> int:
        """Allocate an object."""
        address = self._step(inputs.Allocate(p, size, noscan, zero))
        assert address is not None
        return address

    def start_cycle(self, p: int) -> None:
        """Begin to mark."""
        self._step(inputs.StartCycle(p))

    def mark(self, address: int) -> None:
        """Mark an object."""
        self._step(inputs.MarkObject(0, address))

    def finish_cycle(self, p: int) -> None:
        """End marking."""
        self._step(inputs.FinishCycle(p))

    def sweep_one(self, p: int) -> int:
        """Sweep a span."""
        pages = self._step(inputs.SweepOne(p))
        return -1 if pages is None else pages

    def ensure_swept(self, address: int, p: int) -> None:
        """Have a span swept."""
        self._step(inputs.EnsureSwept(p, address))

    def take_manual(self, npages: int, purpose: Purpose, p: int) -> int:
        """Take a manual span."""
        span = self._step(inputs.TakeManual(p, npages, purpose))
        assert span is not None
        return self.heap.state.pages.runs[span].base

    def free_manual(self, address: int, p: int) -> None:
        """Give a manual span back."""
        self._step(inputs.FreeManual(p, self.heap.state.pages.map.span_of(address)))

    def set_procs(self, procs: int, p: int) -> None:
        """Set the number of Ps."""
        self._step(inputs.SetProcs(p, procs))

    def flush_caches(self, p: int) -> None:
        """Flush the caches."""
        self._step(inputs.FlushMcaches(p))

    def scavenge_all(self, p: int) -> None:
        """Return all free memory."""
        self._step(inputs.ScavengeAll(p))

    def pass_time(self, nanoseconds: int, p: int) -> None:
        """Let time pass."""
        self._step(inputs.ScavengeLater(p, nanoseconds))

    def events(self) -> Sequence[tuple[str, Event]]:
        """Return the new events."""
        told, self._os.told = self._os.told, []
        return told

    def free_place(self, k: int) -> int | None:
        """Return an address in a free slot, of the k-th span in use or of the next that has one."""
        spans = [record for _, record in sorted(self.heap.state.spans.items())]
        for record in spans[k % max(1, len(spans)) :] + spans:
            for slot in range(record.nelems):
                if not is_allocated(record, slot):
                    return record.base + slot * record.elemsize
        return None

    def state(self) -> State:
        """Return the whole state."""
        state, shot = self.heap.state, self.heap.snapshot()
        cached = {span for cache in shot.mcaches for _, span in cache.alloc}
        parts: dict[str, object] = {
            "sweepgen": shot.sweepgen,
            "phase": shot.phase,
            "cycles": shot.cycle,
            "procs": shot.procs,
            "sweepdone": shot.sweepdone,
            "heap_live": shot.heap_live,
            "reclaim_index": -1 if shot.reclaim_index >= NO_MORE_RECLAIM else shot.reclaim_index,
            "reclaim_credit": shot.reclaim_credit,
            "runs": {
                span: (run.base, run.npages, run.state, run.scavenged)
                + (() if run.state == IN_USE else (run.needzero,))
                for span, run in shot.runs
                if run.state != DEAD
            },
            "caches": {
                cache.p: (
                    cache.mcache,
                    cache.flush_gen,
                    cache.alloc,
                    cache.tiny.address,
                    cache.tiny.offset,
                )
                for cache in shot.mcaches
            },
            "central": {one.spanclass: (one.nonempty, one.empty) for one in shot.central},
            "buffers": tuple(tuple(span for _, span in buffer) for buffer in shot.buffers),
            "free": tuple(run.span for run in shot.free),
            "free descriptors": shot.free_descriptors,
            "arenas": tuple(index * HEAP_ARENA_BYTES - (1 << 47) for index in shot.arenas),
            "current arena": (shot.current.base, shot.current.end),
            "unscavenged huge pages": state.pages.unscavenged_huge,
        }
        stats = shot.stats
        for name in [
            "heap_sys",
            "heap_idle",
            "heap_inuse",
            "heap_released",
            "stacks_inuse",
            "gc_manual",
            "pages_in_use",
        ]:
            parts[name] = getattr(stats, name)
        for span, record in state.spans.items():
            assert isinstance(record.alloc_bits, Bits)
            assert isinstance(record.gcmark_bits, Bits)
            known = span in cached and record.freeindex < record.nelems
            parts[f"span {span}"] = {
                "base": record.base,
                "npages": record.npages,
                "spanclass": record.spanclass,
                "limit": record.limit,
                "freeindex": record.freeindex,
                "allocCount": record.alloc_count,
                "allocCache": record.alloc_cache if known else None,
                "allocBits": record.alloc_bits.value & ((1 << record.nelems) - 1),
                "gcmarkBits": record.gcmark_bits.value & ((1 << record.nelems) - 1),
                "sweepgen": record.sweepgen,
                "needzero": record.needzero,
            }
        return parts


# --- spanalloc -----------------------------------------------------------------------------------


class SpanallocHeap:
    """A heap of spanalloc, installed or changed; `package` has its classes."""

    def __init__(self, program: HeapProgram, package: SimpleNamespace) -> None:
        self._package = package
        self._recorder = package.Recorder()
        self._os = scripted_memory(package, program, self._recorder)
        self.heap = package.Heap(program.procs, self._os, self._recorder, program.sweepgen)
        self._told = 0
        self._now = 0

    def malloc(self, size: int, noscan: bool, zero: bool, p: int) -> int:
        """Allocate an object."""
        return int(self._try(lambda: self.heap.malloc(size, noscan, zero, p)))

    def start_cycle(self, p: int) -> None:
        """Begin to mark."""
        self._try(lambda: self.heap.start_cycle(p))

    def mark(self, address: int) -> None:
        """Mark an object."""
        self._try(lambda: self.heap.mark(address))

    def finish_cycle(self, p: int) -> None:
        """End marking."""
        self._try(lambda: self.heap.finish((), p))

    def sweep_one(self, p: int) -> int:
        """Sweep a span."""
        return int(self._try(lambda: self.heap.sweep_one(p)))

    def ensure_swept(self, address: int, p: int) -> None:
        """Have a span swept."""
        self._try(lambda: self.heap.ensure_swept(address, p))

    def take_manual(self, npages: int, purpose: Purpose, p: int) -> int:
        """Take a manual span."""
        return int(self._try(lambda: self.heap.take_manual(npages, purpose, p)))

    def free_manual(self, address: int, p: int) -> None:
        """Give a manual span back."""
        self._try(lambda: self.heap.free_manual(address, p))

    def set_procs(self, procs: int, p: int) -> None:
        """Set the number of Ps."""
        self._try(lambda: self.heap.set_procs(procs, p))

    def flush_caches(self, p: int) -> None:
        """Flush the caches."""
        self._try(lambda: self.heap.flush_caches(p))

    def scavenge_all(self, p: int) -> None:
        """Return all free memory."""
        self._try(lambda: self.heap.scavenge_all(p))

    def pass_time(self, nanoseconds: int, p: int) -> None:
        """Let time pass."""
        self._try(lambda: self.heap.scavenge_by(self._now + nanoseconds, p))
        self._now += nanoseconds

    def _try(self, call: Callable[[], int | None]) -> int:
        package = self._package
        try:
            result = call()
        except package.OutOfMemory as problem:
            raise NoMemory(str(problem)) from None
        except (package.BadRequest, package.PhaseError, package.SpanError) as problem:
            raise Refused(str(problem)) from None
        return 0 if result is None else result

    def events(self) -> Sequence[tuple[str, Event]]:
        """Return the new events."""
        fresh = self._recorder.events[self._told :]
        self._told = len(self._recorder.events)
        return [(str(one["k"]), {k: v for k, v in one.items() if k not in UNTOLD}) for one in fresh]

    def state(self) -> State:
        """Return the whole state."""
        shot = self.heap.snapshot()
        parts: dict[str, object] = {name: getattr(shot, name) for name in (*PARTS, *FIGURES)}
        parts["runs"] = {
            run.ident: (run.base, run.npages, run.state, run.scavenged)
            + (() if run.state == IN_USE else (run.needzero,))
            for run in shot.runs
        }
        parts["caches"] = {
            cache.p: (cache.ident, cache.flush_gen, cache.alloc, cache.tiny, cache.tinyoffset)
            for cache in shot.caches
        }
        parts["central"] = {one.spanclass: (one.nonempty, one.empty) for one in shot.central}
        parts["free descriptors"] = shot.free_descriptors
        parts["current arena"] = shot.current
        parts["unscavenged huge pages"] = shot.unscavenged_huge_pages
        for span in shot.spans:
            parts[f"span {span.ident}"] = {
                "base": span.base,
                "npages": span.npages,
                "spanclass": span.spanclass,
                "limit": span.limit,
                "freeindex": span.freeindex,
                "allocCount": span.alloc_count,
                "allocCache": span.alloc_cache,
                "allocBits": span.alloc_bits,
                "gcmarkBits": span.mark_bits,
                "sweepgen": span.sweepgen,
                "needzero": span.needzero,
            }
        return parts


def scripted_memory(
    package: SimpleNamespace, program: HeapProgram, recorder: spanalloc.Recorder
) -> spanalloc.OsMemory:
    """Return a simulated operating system of a package, with the answers of a program.

    What it is told of the use of memory goes among the recorder's events.
    """
    answers = list(program.answers)
    asked = 0

    class Scripted(package.SimulatedMemory):  # type: ignore[misc, name-defined]
        def reserve(self, address: int, size: int) -> int:
            nonlocal asked
            asked += 1
            answer: Answer = answers.pop(0) if answers else ("grant" if address else "elsewhere")
            if address == 0 and answer == "grant":
                answer = "elsewhere"
            # Somewhere else is aligned, so the room for aligning it is given back at once.
            return place_for(answer, address, size, asked)

        def reserve_aligned(self, size: int, align: int) -> tuple[int, int]:
            found = self.reserve(0, size)
            return (found, size) if found else (0, 0)

        def used(self, base: int, size: int) -> None:
            recorder.events.append({"k": "os used", "address": base, "size": size})

        def unused(self, base: int, size: int) -> None:
            recorder.events.append({"k": "os unused", "address": base, "size": size})

        def welcome_huge(self, base: int, size: int) -> None:
            recorder.events.append({"k": "os huge", "address": base, "size": size})

    made: spanalloc.OsMemory = Scripted(package.PageSizes(program.physical, 2 << 20))
    return made


class of_package:  # noqa: N801 - used like the function `installed`
    """Makes heaps from any package that has the classes of spanalloc, such as a changed copy."""

    def __init__(self, package: SimpleNamespace) -> None:
        self._package = package

    def __call__(self, program: HeapProgram) -> SpanallocHeap:
        """Return the heap that a program starts with."""
        return SpanallocHeap(program, self._package)


def installed(program: HeapProgram) -> SpanallocHeap:
    """Return a heap of the installed spanalloc."""
    return of_package(SimpleNamespace(**vars(spanalloc)))(program)
