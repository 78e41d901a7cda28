"""What one thread does: every program of a few operations, from where each course has to choose."""

from typing import Final

from spanproof.prove.assumptions import SMALL_SCOPE
from spanproof.prove.exploration import Ran, explored
from spanproof.simulate.exhaustive.allocating import allocate
from spanproof.simulate.exhaustive.collecting import begin, cycle, end, finish_sweeping, sweep_one
from spanproof.simulate.exhaustive.keeping import (
    add_special,
    flush,
    free_manual,
    remove_finalizer,
    run_finalizers,
    scavenge_all,
    scavenge_later,
    set_procs,
    take_manual,
)
from spanproof.simulate.exhaustive.trying import Player, Setting, try_all
from spanspec.pages.tables.runs import PhysicalPages

WHOLE: Final = 8192
"""Bytes of an object that fills its span."""

HALF: Final = 4096
"""Bytes of an object of which two fill a span."""


def every(number: int) -> bool:
    """All live."""
    return number >= 0


def none(number: int) -> bool:
    """None lives."""
    return number < 0


def odd(number: int) -> bool:
    """Every second one lives."""
    return number % 2 == 1


@explored(
    "courses.allocate",
    "MAL-1 MAL-4 MAL-10 MAL-14 MAL-19 CEN-2 CEN-7 CEN-8 CEN-11 MC-4 SWP-19 SWP-21 I-37 I-38",
    needs="RefillEnds CentralGrows CentralChecksRoom SweepDebt ReclaimBegins",
    assumes=(SMALL_SCOPE,),
)
def a_program_gets_what_it_asks_for() -> Ran:
    """Every program of a few allocations and sweeps, after cycles in which all, some or none live:
    each object is in the smallest slot that holds it, overlaps none, is paid for, and stays.
    """
    small = (allocate(WHOLE), allocate(HALF), sweep_one(), finish_sweeping())
    large = (allocate(WHOLE), allocate(40_000), sweep_one(), cycle("odd live", odd))
    much = (allocate(24 << 20), allocate(WHOLE), allocate(WHOLE), allocate(HALF), allocate(HALF))
    owing = (allocate(WHOLE), allocate(40_000), allocate(400_000))
    filled = (allocate(HALF), allocate(HALF), allocate(HALF), allocate(WHOLE), allocate(WHOLE))
    return try_all(
        (
            Setting("some live", Player, (*filled, cycle("odd live", odd)), small, 3),
            Setting("all live", Player, (*filled, cycle("all live", every)), small, 3),
            Setting("none live", Player, (*filled, cycle("none live", none)), large, 2),
            Setting("much to sweep", Player, (*much, cycle("all live", every)), owing, 2),
        )
    )


@explored(
    "courses.tiny",
    "MAL-4 MAL-5 MAL-6 MAL-7 MAL-8 MAL-24 HEAP-40 I-36",
    needs="TinyHit Malloc PhaseChanges",
    assumes=(SMALL_SCOPE,),
)
def tiny_objects_share_a_block() -> Ran:
    """Every program of a few tiny allocations and cycles: they lie in their block, aligned, and
    live as long as it.
    """
    sizes = (allocate(1, True), allocate(6, True), allocate(12, True), allocate(8))
    after = (*sizes, begin(), end(), cycle("all live", every), flush())
    return try_all((Setting("tiny", Player, (), after, 3),))


@explored(
    "courses.specials",
    "SWP-18 SWP-24 T-41 T-42 T-43",
    needs="add-finalizer remove-finalizer run-finalizers SweepResult",
    assumes=(SMALL_SCOPE,),
)
def what_has_a_finalizer_outlives_its_cycle() -> Ran:
    """Every program that gives records to objects, in any order with cycles and sweeps."""
    operations = (
        add_special("finalizer"),
        add_special("profile", 0),
        remove_finalizer(),
        cycle("none live", none),
        sweep_one(),
        run_finalizers(),
    )
    return try_all((Setting("specials", Player, (allocate(48), allocate(48)), operations, 3),))


@explored(
    "courses.procs",
    "MC-2 MC-6 MC-7 MC-8 MC-10 MC-14 SWP-37 CEN-12",
    needs="procs1 procs3 Uncache UncacheToNonempty",
    assumes=(SMALL_SCOPE,),
)
def each_p_has_its_mcache() -> Ran:
    """Every program that changes the number of Ps between allocations, cycles and flushes."""
    operations = (
        set_procs(1),
        set_procs(3),
        allocate(HALF),
        allocate(HALF, p=1),
        cycle("odd live", odd),
        flush(),
    )
    return try_all((Setting("Ps", lambda: Player(2), (), operations, 3),))


@explored(
    "courses.pages",
    "HEAP-13 HEAP-14 HEAP-17 HEAP-28 HEAP-29 SCAV-13 I-12 I-13 I-14 I-18 I-29 I-40",
    needs="HeapGrows HeapFrees Coalesces ScavengesSpan",
    assumes=(SMALL_SCOPE,),
)
def pages_are_taken_and_given_back() -> Ran:
    """Every program that takes and gives back runs of pages, and scavenges, where physical pages
    are smaller than those of the heap, and larger.
    """
    operations = (
        take_manual(4),
        take_manual(8),
        free_manual(0),
        free_manual(-1),
        scavenge_all(),
    )
    before = (take_manual(4), take_manual(4), take_manual(8))
    coarse = PhysicalPages(65536, 2 << 20)
    return try_all(
        (
            Setting("small physical pages", Player, before, operations, 4),
            Setting("large ones", lambda: Player(phys=coarse), before, operations, 3),
        )
    )


@explored(
    "courses.scavenger",
    "SCAV-14 SCAV-17 SCAV-18 SCAV-19",
    needs="ScavengeIfNeeded ScavengesSpan later100000000",
    assumes=(SMALL_SCOPE,),
)
def the_scavenger_works_by_and_by() -> Ran:
    """Every program that lets time pass after cycles: what is released stays within the goal."""
    operations = (
        allocate(40 << 20),
        cycle("none live", none),
        finish_sweeping(),
        scavenge_later(100_000_000),
        allocate(40_000),
    )
    return try_all((Setting("later", Player, (allocate(40 << 20),), operations, 4),))
