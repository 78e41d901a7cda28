"""Fatal checks that no course of ours can run into: each is asked all the same, where it is due."""

from collections import Counter
from functools import partial
from typing import cast

from msgspec.structs import replace

from spanproof.prove.assumptions import SMALL_SCOPE
from spanproof.prove.exploration import Ran, explored
from spanproof.simulate.exhaustive.trying import promise
from spanproof.theorems.cases import every_case, refuses
from spanspec.base.bitmap import Bits
from spanspec.base.constants import PAGE_SIZE
from spanspec.base.ids import ProcId
from spanspec.heap.courses.cycle import gc_mark_done, marking_begins
from spanspec.heap.courses.sweepspan import check_marks
from spanspec.heap.heap import Heap, Refused
from spanspec.heap.operations import cycles, pages
from spanspec.heap.program import FinishCycle, MarkObject, ScavengeLater, SetGcPercent, StartCycle
from spanspec.heap.state.collector import MARK_TERMINATION
from spanspec.heap.state.inputs import Inputs
from spanspec.heap.state.pacing import Effort, Trigger, ratio_after
from spanspec.pages.pageheap import Actor
from spanspec.sharing.tables.growing import span_id
from spanspec.sharing.tables.records import Proc
from spanspec.span.mspan import init_span

MIB = 1 << 20
BEFORE = (1 << 32) - 2
"""The generation before a heap's first."""


def in_mark_termination(met: Counter[str]) -> None:
    """Nothing is allocated while marking is being completed."""
    heap = Heap()
    heap.state.collector = replace(heap.state.collector, phase=MARK_TERMINATION)
    refuses("T-18", lambda: heap.malloc(8))
    refuses("T-18", lambda: heap.malloc(0))
    met["allocate"] += 1


def not_flushed(met: Counter[str]) -> None:
    """No cycle starts while an mcache is not flushed."""
    heap = Heap()
    heap.state.sharing.procs.set(ProcId(0), Proc(BEFORE))
    refuses("T-86", lambda: heap.step(StartCycle()))
    met["cycle"] += 1


def not_swept(met: Counter[str]) -> None:
    """No marking begins while a span in use is not swept."""
    heap = Heap()
    span = span_id(heap.span_of(heap.malloc(16)))
    records = heap.state.tables.spans.records
    records[span] = replace(records[span], sweepgen=BEFORE)
    heap.state.collector = replace(heap.state.collector, cycle=1)
    refuses("T-91", lambda: marking_begins(heap.state, Actor(0, 0)))
    met["mark"] += 1


def gc_percent(met: Counter[str]) -> None:
    """GOGC is what it was set to, and is not turned off while a cycle is marking."""
    heap = Heap()
    told = [heap.set_gc_percent(percent) for percent in (50, 0, -7, 100)]
    promise(told == [100, 50, 0, -1], f"SCAV-5: GOGC was {told}")
    heap.step(StartCycle())
    promise(heap.step(SetGcPercent(0, 0)).result == 100, "SCAV-5: GOGC while marking")
    for percent in (-1, 1 << 31):
        try:
            heap.step(SetGcPercent(0, percent))
        except Refused:
            continue
        promise(False, f"SCAV-5: GOGC of {percent} while marking")
    heap.step(FinishCycle())
    promise(heap.step(SetGcPercent(0, -1)).result == 0, "SCAV-5: GOGC after the cycle")
    met["percent"] += 1


def efforts(met: Counter[str]) -> None:
    """A cycle that began by itself corrects half of the error that its trigger turned out to have.

    4 MiB were marked before, 8 MiB are alive at its end, and its goal was raised to 9 MiB. With one
    of two Ps assisting all the time it took 3/4 of the Ps, where 0.3 is wanted: the error is
    9/4 - 1 - 7/8 - 5/2 * (1 - 7/8) = 1/16.
    """
    for taken, expected, starts in (
        (Effort(1000, 1000), 0.90625, 15990784),
        (Effort(1000, 0), 0.875 + 0.65 / 4.8, 15 * MIB + MIB * 3 // 5),
        (Effort(0, 7), 0.875 + 0.65 / 4.8, 15 * MIB + MIB * 3 // 5),
        (Effort(1000, 8000), 0.875 - 3.35 / 4.8, int(8 * MIB * (1.875 - 3.35 / 4.8))),
        (Effort(1000, 1 << 30), 0.0, 9 * MIB),
        (None, 0.875, 15 * MIB),
    ):
        heap = Heap(procs=2)
        live = [heap.malloc(4 * MIB)]
        heap.gc(live)
        trigger = heap.state.trigger
        promise(trigger == Trigger(15 * MIB // 2, 8 * MIB, 0.875), f"SWP-20: {trigger} before")
        live.append(heap.malloc(4 * MIB))
        promise(heap.cycle_is_due, "MAL-18: the heap has grown to its trigger")
        heap.step(StartCycle())
        for address in live:
            heap.step(MarkObject(0, address))
        if taken is not None:
            ratio = ratio_after(heap.state.trigger, 4 * MIB, 8 * MIB, taken, 2)
            promise(abs(max(ratio, 0.0) - expected) < 1e-9, f"SWP-20: {ratio} after {taken}")
        heap.step(FinishCycle(0, taken))
        trigger = heap.state.trigger
        bounded = min(expected, 0.95)
        promise(abs(trigger.ratio - bounded) < 1e-9, f"SWP-20: {trigger} after {taken}")
        promise(abs(trigger.heap - starts) <= 1, f"SWP-20: {trigger.heap} after {taken}")
    heap.gc()
    heap.step(StartCycle())
    for wrong in (Effort(1, 1), Effort(1 << 50, 0), Effort(0, 1 << 50)):
        try:
            heap.step(FinishCycle(0, wrong))
        except Refused:
            met["refused"] += 1
            continue
        promise(False, f"T-90: {wrong} after a cycle that found nothing alive")


def marks_on_free_slots(met: Counter[str]) -> None:
    """A mark on a free slot is refused, and told of with its slot: the lowest."""
    span = replace(init_span(PAGE_SIZE, 1, 5, PAGE_SIZE), freeindex=70, alloc_count=70)
    for slot in (70, 71, 127, 128, 511):
        refuses(f"T-59: slot {slot} is free", partial(check_marks, span, Bits.of(slot)))
    refuses("T-59: slot 71 is free", partial(check_marks, span, Bits.of(3, 71, 75, 300)))
    check_marks(span, Bits.of(0, 3, 69))
    met["marks"] += 1


def of_a_recording(met: Counter[str]) -> None:
    """What only a heap on its own decides is not asked of a recording."""
    heap, actor = Heap(), Actor(0, 0)
    heap.step(StartCycle())
    state = heap.state
    state.inputs = cast(Inputs, "what a recording tells")
    finish = FinishCycle(0, Effort(1, 0))
    refuses("SWP-20", lambda: list(cycles.finish_cycle(state, actor, finish)))
    refuses("SWP-20", lambda: list(gc_mark_done(state, actor, Effort(1, 0))))
    refuses("SCAV-5", lambda: list(cycles.set_gc_percent(state, actor, SetGcPercent(0, 50))))
    refuses("SCAV-17", lambda: list(pages.scavenge_later(state, actor, ScavengeLater(0, 1))))
    met["recording"] += 1


@explored(
    "courses.checks",
    "MAL-1 MC-12 SWP-20 SWP-40 SCAV-5 T-18 T-59 T-86 T-90 T-91",
    needs="allocate cycle mark marks percent refused recording",
    assumes=(SMALL_SCOPE,),
)
def what_must_not_be_is_asked() -> Ran:
    """In states that no course reaches, an allocation, a cycle and marking are refused by the fatal
    check that is due there; so are GOGC where the runtime would wait, and a mark on a free slot.
    What a cycle that began by itself has taken moves the next trigger.
    """
    return every_case(
        (
            ("in mark termination", in_mark_termination),
            ("not flushed", not_flushed),
            ("not swept", not_swept),
            ("GOGC", gc_percent),
            ("efforts", efforts),
            ("marks on free slots", marks_on_free_slots),
            ("a recording", of_a_recording),
        )
    )
