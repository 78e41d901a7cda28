"""Fatal checks that no course of ours can run into: each is asked all the same, where it is due."""

from collections import Counter

from msgspec.structs import replace

from spanproof.prove.assumptions import SMALL_SCOPE
from spanproof.prove.exploration import Ran, explored
from spanproof.simulate.trying import promise
from spanproof.theorems.courses.containers import every_case, refuses
from spanspec.base.ids import ProcId
from spanspec.heap.cycle import phase_changes
from spanspec.heap.heap import Heap, Refused
from spanspec.heap.program import FinishCycle, SetGcPercent, StartCycle
from spanspec.heap.state import MARK_TERMINATION
from spanspec.pages.pageheap import Actor
from spanspec.sharing.growing import span_id
from spanspec.sharing.records import Proc

BEFORE = (1 << 32) - 2
"""The generation before a heap's first."""


def in_mark_termination(met: Counter[str]) -> None:
    """Nothing is allocated while marking is being completed."""
    heap = Heap()
    heap.state.phase = MARK_TERMINATION
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
    refuses("T-91", lambda: phase_changes(heap.state, Actor(0, 0)))
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


@explored(
    "courses.checks",
    "MAL-1 MC-12 SWP-40 SCAV-5 T-18 T-86 T-91",
    needs="allocate cycle mark percent",
    assumes=(SMALL_SCOPE,),
)
def what_must_not_be_is_asked() -> Ran:
    """In states that no course reaches, an allocation, a cycle and marking are refused by the fatal
    check that is due there; so is GOGC where the runtime would wait.
    """
    return every_case(
        (
            ("in mark termination", in_mark_termination),
            ("not flushed", not_flushed),
            ("not swept", not_swept),
            ("GOGC", gc_percent),
        )
    )
