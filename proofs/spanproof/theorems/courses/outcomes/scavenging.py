"""When a turn of the scavenger is due, and how much it releases: held against exact fractions."""

from collections import Counter
from fractions import Fraction
from itertools import product
from math import ceil, floor

from msgspec.structs import replace

from spanproof.prove.assumptions import SMALL_SCOPE
from spanproof.prove.exploration import Ran, explored
from spanproof.simulate.exhaustive.trying import promise
from spanproof.theorems.cases import every_case
from spanproof.theorems.courses.outcomes.pacing import MIB, PAGE
from spanspec.events.heap_events import ScavengesSpan
from spanspec.heap.decisions import Decisions
from spanspec.heap.heap import Heap
from spanspec.heap.program import FreeManual, ScavengeAll, ScavengeLater, TakeManual
from spanspec.pages.courses.bgscavenge import FIRST_RETRY_NS, Scavenger, after_turn, may_sleep
from spanspec.pages.courses.scavenge import scavenge
from spanspec.pages.courses.scavengeline import Line, background_work, goal_for, pace
from spanspec.pages.memory.arena import GrantingOs
from spanspec.pages.pageheap import Actor
from spanspec.pages.tables.runs import PhysicalPages
from spanspec.pages.tables.statistics import retained


def goals(met: Counter[str]) -> None:
    """The goal is what the next cycle needs, and a tenth more, in whole physical pages."""
    for inuse, coming, last, page in product(
        (0, 3 * MIB, 5 * MIB + 77), (4 * MIB, 9 * MIB), (4 * MIB, 8 * MIB), (4096, 65536)
    ):
        needed = floor(Fraction(inuse * coming, last))
        exact = ceil(Fraction(needed + needed // 10, page)) * page
        told = goal_for(inuse, coming, last, page)
        promise(told == exact, f"SCAV-3: a goal of {told}, not {exact}")
        met["goal"] += 1


def lines(met: Counter[str]) -> None:
    """The line leads from what is retained to the goal, and asks for what lies above it."""
    pages, old = PhysicalPages(4096, 0), Line(1, 2, 3, 4.0, 8)
    for now in (5 * MIB, 5 * MIB - 1):
        flat = pace(old, pages, 5 * MIB, now, 0, 700)
        promise(flat == Line(5 * MIB, 2, 3, 0.0, 8), f"SCAV-4: nothing to release, and {flat}")
    line = pace(old, pages, 5 * MIB, 6 * MIB, 0, 700)
    promise(line == Line(5 * MIB, 6 * MIB, 700, 4096 / 1_000_000, 9), f"SCAV-3: {line}")
    # One huge page takes as long as a small one, so the rate tells how much is to be released.
    huge = pace(old, PhysicalPages(4096, 2 * MIB), 5 * MIB, 8 * MIB, 1, 700)
    promise(huge.rate == 3 * MIB / 257_000_000, f"SCAV-4: 3 MiB, a huge page of them: {huge}")
    for now, later, asked in (
        (5 * MIB, 10**9, None),
        (5 * MIB + 1, 0, 0),
        (6 * MIB, 0, 0),
        (6 * MIB, 1_000_000, 4096),
        (6 * MIB - 4095, 1_000_000, 1),
        (6 * MIB - 4096, 1_000_000, 0),
        (6 * MIB + 9, 2_000_000, 8201),
        (6 * MIB, 256_000_000, MIB),
    ):
        told = background_work(line, now, 700 + later)
        promise(told == asked, f"SCAV-17: {told} bytes of {now} after {later} ns, not {asked}")
        met["asked"] += bool(asked)
    promise(background_work(old, MIB, 3) is not None, "SCAV-17: it has work")
    promise(background_work(Line(1, 2, 3, 0.0, 8), MIB, 3) is None, "SCAV-4: it has none")
    endless = pace(old, PhysicalPages(65536, 0), 0, PAGE, 0, 700)
    promise(endless.rate == float("inf"), f"SCAV-4: no time, and a rate of {endless.rate}")


class Unused(GrantingOs):
    """An operating system that counts the bytes whose contents are not needed any more."""

    def __init__(self) -> None:
        super().__init__()
        self.unneeded = 0

    def unused(self, address: int, size: int) -> None:
        """Count them."""
        self.unneeded += size


def heaps(met: Counter[str]) -> None:
    """A heap has no line before a cycle, its clock shows what has passed, and what is counted as
    released the system was told of.
    """
    system, decisions = Unused(), Decisions()
    heap = Heap(os=system, decisions=decisions)
    decisions.line = replace(decisions.line, rate=1.0)
    heap.set_gc_percent(50)
    promise(decisions.line.rate == 0.0, f"SCAV-4: no cycle has ended, and {decisions.line}")
    for passed in (7, 10**9):
        heap.step(ScavengeLater(0, passed))
    promise(decisions.time_ns == 10**9 + 7, f"SCAV-17: it is {decisions.time_ns}")
    heap.malloc(3 * MIB)
    heap.gc()
    stats, before = heap.state.pages.stats, system.unneeded
    heap.step(ScavengeAll())
    released = heap.state.pages.stats.heap_released - stats.heap_released
    told = system.unneeded - before
    promise(told == released, f"OS-6: {released} bytes are released, and {told} unused")
    met["released"] += released


def released_of(sizes: tuple[int, ...], asked: int) -> list[int]:
    """Return the pages that are released of each run, in turn, where bytes are asked for; every
    second one of some runs of so many pages is free, and the others keep these apart.
    """
    heap = Heap()
    spans = [heap.step(TakeManual(0, npages)).result or 0 for npages in sizes]
    heap.step(ScavengeAll())
    for span in spans[::2]:
        heap.step(FreeManual(0, span))
    told = scavenge(heap.state.pages, Actor(0, 0), "FreeOSMemory", asked)
    return [one.released // PAGE for one in told if isinstance(one, ScavengesSpan)]


def by_runs(met: Counter[str]) -> None:
    """What is asked for is released of the highest runs, and of the last one no more than is left:
    the lower ones keep what they have. A run with a huge page comes before those without.
    """
    small, huge = (4,) * 6, (256, 4, 4, 4)
    for sizes, asked, parts in (
        (small, 1, [1]),
        (small, 4 * PAGE, [4]),
        (small, 4 * PAGE + 1, [4, 1]),
        (small, 7 * PAGE, [4, 3]),
        (small, 8 * PAGE, [4, 4]),
        # The lowest begins with a huge page, which is not cut.
        (small, 9 * PAGE, [4, 4, 4]),
        (huge, 1, [256]),
        (huge, 256 * PAGE, [256]),
        (huge, 256 * PAGE + 1, [256, 1]),
    ):
        released = released_of(sizes, asked)
        promise(released == parts, f"SCAV-7: of {asked} bytes {released} pages, not {parts}")
        met["released"] += sum(released)


def backing_off(met: Counter[str]) -> None:
    """Below its line the scavenger backs off, twice as long each time: for 0.1, 0.2 and 0.4 ms, the
    last turn being at the very end of the time that passes.
    """
    decisions = Decisions()
    heap = Heap(decisions=decisions)
    heap.malloc(3 * MIB)
    decisions.line = Line(MIB, 9 * MIB, 0, 1.0, 3)
    decisions.scavenger = Scavenger(False, 0)
    heap.step(ScavengeLater(0, 700_000))
    due = Scavenger(False, 1_500_000, 800_000, 3, True)
    promise(decisions.scavenger == due, f"SCAV-18: {decisions.scavenger}, not {due}")
    met["turn"] += 1


def lines_anew(met: Counter[str]) -> None:
    """A turn that has released more than was due is followed by a sleep, but at once by the next
    turn if a new line was set while it released; by that one nothing is left to do.
    """
    time, rate = 1_024_000, 1 / 1024
    ahead = (64 * PAGE - 1000) * 1024
    sleeps = Scavenger(False, time + ahead, FIRST_RETRY_NS, 3, False)
    parks = Scavenger(True, time, FIRST_RETRY_NS, 4, False)
    for generation, then in ((3, sleeps), (4, parks)):
        decisions = Decisions()
        heap = Heap(decisions=decisions)
        heap.step(FreeManual(0, heap.step(TakeManual(0, 64)).result or 0))
        line = Line(0, retained(heap.state.pages.stats), 0, rate, 3)
        decisions.time_ns, decisions.line = time, line
        decisions.scavenger = Scavenger(False, 0)
        for told in heap.begin(ScavengeLater(0, 0)):
            if isinstance(told, ScavengesSpan):
                decisions.line = replace(line, generation=generation)
        promise(decisions.scavenger == then, f"SCAV-19: {decisions.scavenger}, not {then}")
        met["turn"] += 1


def turns(met: Counter[str]) -> None:
    """After a turn the scavenger parks, backs off, or sleeps until the line has come down."""
    line = Line(MIB, 9 * MIB, 0, 0.5, 4)
    was = Scavenger(False, 10, 800_000, 3, False)
    cases = (
        (None, 0, Scavenger(True, 50, 800_000, 4, False)),
        (None, 4096, Scavenger(True, 50, 800_000, 4, False)),
        (7, 0, Scavenger(False, 50 + 800_000, 800_000, 4, True)),
        (0, 0, Scavenger(False, 50 + 800_000, 800_000, 4, True)),
        (4096, 4096, Scavenger(False, 50, FIRST_RETRY_NS, 4, False)),
        (4096, 1, Scavenger(False, 50, FIRST_RETRY_NS, 4, False)),
        (4096, 4096 + 50_000, Scavenger(False, 50, FIRST_RETRY_NS, 4, False)),
        (4096, 4096 + 50_001, Scavenger(False, 50 + 100_002, FIRST_RETRY_NS, 4, False)),
        (4096, 4096 + MIB, Scavenger(False, 50 + 2 * MIB, FIRST_RETRY_NS, 4, False)),
    )
    for asked, released, then in cases:
        told = after_turn(was, line, 50, asked, released)
        promise(told == then, f"SCAV-18: of {asked} bytes {released} are released: {told}")
        promise(may_sleep(told, line), "SCAV-19: it has seen this line")
        promise(not may_sleep(was, line), "SCAV-19: it sleeps, and there is a new line")
        met["turn"] += 1


@explored(
    "courses.scavenger-turns",
    "SCAV-3 SCAV-4 SCAV-6 SCAV-7 SCAV-17 SCAV-18 SCAV-19 OS-6",
    needs="goal asked turn released",
    assumes=(SMALL_SCOPE,),
)
def the_scavenger_takes_its_turns() -> Ran:
    """The scavenger's goal and line are those that exact fractions give; it asks for what lies
    above the line, and after each turn parks, backs off, or sleeps for as long as it is ahead. What
    a heap counts as released the system was told of.
    """
    cases = (("goals", goals), ("lines", lines), ("heaps", heaps), ("turns", turns))
    more = (("by runs", by_runs), ("backing off", backing_off), ("lines anew", lines_anew))
    return every_case((*cases, *more))
