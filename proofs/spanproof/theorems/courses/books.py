"""What courses note beside the steps that they take: cycles and hits, records that stay."""

from collections import Counter

from spanproof.prove.assumptions import SMALL_SCOPE
from spanproof.prove.exploration import Ran, explored
from spanproof.simulate.trying import promise
from spanproof.theorems.courses.containers import every_case
from spanspec.heap.heap import Heap
from spanspec.heap.program import AddSpecial, FinishCycle, RunFinalizers, SetProcs, StartCycle
from spanspec.heap.state import MARK, OFF
from spanspec.span.specials import PROFILE, Special


def cycles(met: Counter[str]) -> None:
    """A cycle has a number, an epoch of mark bits, and phases; it sweeps all that was in use."""
    heap = Heap()
    heap.malloc(40_000)
    state = heap.state
    for number in range(1, 4):
        heap.step(StartCycle())
        promise((state.cycle, state.epoch) == (number, number), "SWP-32: cycles are counted")
        promise(state.phase == MARK and state.marked and state.sweepdone, "SWP-33: marking")
        heap.step(FinishCycle())
        promise(state.phase == OFF and not state.marked, "SWP-34: the cycle is over")
        promise(state.sweepgen == 2 * number and not state.sweepdone, "SWP-35: all is to be swept")
        heap.sweep()
        promise(state.sweepdone, "SWP-16: all is swept")
        met["cycle"] += 1


def tiny_hits(met: Counter[str]) -> None:
    """Each tiny object that shares a block is counted, also once its P is gone."""
    heap = Heap()
    heap.step(SetProcs(0, 2))
    for number in range(4):
        heap.malloc(3, noscan=True, p=1)
        counted = [mcache.tiny_allocs for mcache in heap.state.mcaches.values()]
        promise(sum(counted) == number, f"HEAP-40: {counted} after {number} hits")
        met["hit"] += 1
    heap.step(SetProcs(0, 1))
    promise(heap.state.accounts.tiny_allocs == 3, "MC-11: hits of a P that is gone")


def records_that_stay(met: Counter[str]) -> None:
    """A profile record stays with an object that is saved for its finalizer, and goes with it."""
    heap = Heap()
    address = heap.malloc(48)
    span = heap.span_of(address)
    heap.step(AddSpecial(0, address, "profile"))
    heap.step(AddSpecial(0, address))
    heap.gc()
    kept = heap.state.specials.get(span)
    promise(kept == (Special(0, PROFILE),), f"SWP-24: {kept} stay")
    promise(heap.state.finalizers == [address], "SWP-24: what is due")
    heap.step(RunFinalizers(0))
    heap.gc()
    promise(not heap.state.specials and span not in heap.state.spans, "SWP-24: it dies after that")
    met["kept"] += 1


def each_p_has_one(met: Counter[str]) -> None:
    """Each P has an mcache of its own, and there are no others."""
    heap = Heap()
    for procs in (1, 3, 2, 4, 1):
        heap.step(SetProcs(0, procs))
        state = heap.state
        its = [state.mcache_of[p] for p in range(procs)]
        promise(state.procs == procs and len(set(its)) == procs, f"MC-14: mcaches {its}")
        promise(set(its) == set(state.mcaches), f"MC-10: there are {set(state.mcaches)}")
        promise(all(state.mcaches[one].refilled == -1 for one in its), "MAL-19: a refill is owed")
        met["p"] += 1


@explored(
    "courses.books",
    "SWP-16 SWP-24 SWP-32 SWP-33 SWP-34 SWP-35 SPAN-26 MC-10 MC-11 MC-14 MAL-19 HEAP-40",
    needs="cycle hit kept p",
    assumes=(SMALL_SCOPE,),
)
def what_is_noted_beside_the_steps() -> Ran:
    """Over some cycles, tiny objects, finalizers and changes of the number of Ps: the number, phase
    and epoch of a cycle, sweepdone, the hits, the records of objects that are saved, and which P
    has which mcache are what happened.
    """
    return every_case(
        (
            ("cycles", cycles),
            ("tiny objects", tiny_hits),
            ("records", records_that_stay),
            ("Ps", each_p_has_one),
        )
    )
