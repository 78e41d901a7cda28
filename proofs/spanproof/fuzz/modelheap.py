"""The model's heap, as a side of the lockstep."""

from collections.abc import Sequence

import msgspec

from spanproof.fuzz.baton import Baton
from spanproof.fuzz.heapprogram import Answer, HeapProgram
from spanproof.fuzz.heapsides import UNTOLD, Event, NoMemory, State, place_for
from spanproof.fuzz.modelstate import counts_of, state_of
from spanproof.fuzz.subjects import Refused
from spanspec import heap as model
from spanspec import program as inputs
from spanspec.arena import Willing
from spanspec.mspan import is_allocated
from spanspec.pagealloc import Purpose
from spanspec.pages import PhysicalPages
from spanspec.program import Input
from spanspec.specials import SpecialKind
from spanspec.trace.fields import EventBase
from spanspec.trace.schema import KIND_OF


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
        self._baton: Baton | None = None
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
        if self._baton is not None:
            self._baton.step_ends()

    def obey(self, baton: Baton | None) -> None:
        """Let a baton know of each step, which ends with its event, and of each wait."""
        self._baton = baton
        self.heap.on_wait = None if baton is None else baton.cannot_go_on

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

    def add_special(self, address: int, kind: SpecialKind, p: int) -> None:
        """Give an object a special record."""
        self._step(inputs.AddSpecial(p, address, kind))

    def remove_finalizer(self, address: int, p: int) -> None:
        """Take a finalizer away."""
        self._step(inputs.RemoveFinalizer(p, address))

    def run_finalizers(self) -> None:
        """Run the finalizers that are due."""
        self._step(inputs.RunFinalizers())

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

    def free_os_memory(self, p: int) -> None:
        """Sweep all that is unswept, and return all free memory, as FreeOSMemory ends."""
        self._step(inputs.FinishSweeping(p))
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
        """Return the whole state, and what was counted."""
        return {**self.state_now(), "counts": counts_of(self.heap.state)}

    def state_now(self) -> State:
        """Return the whole state, between any two steps."""
        return state_of(self.heap.state)
