"""What a heap tells while it works: which events, in which order, and what stands in them.

A replay takes its steps by these events, so an event that is left out, told too early, or that says
something else than what was done misleads whoever reads a trace.
"""

from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Final

from spanproof.prove.assumptions import SMALL_SCOPE
from spanproof.prove.exploration import Ran, explored
from spanproof.simulate.exhaustive.allocating import allocate
from spanproof.simulate.exhaustive.checkedplayer import CheckedPlayer
from spanproof.simulate.exhaustive.collecting import (
    cycle,
    end,
    finish_sweeping,
    have_swept,
    sweep_one,
)
from spanproof.simulate.exhaustive.keeping import (
    add_special,
    flush,
    free_manual,
    scavenge_all,
    scavenge_later,
    set_procs,
    take_manual,
)
from spanproof.simulate.exhaustive.trying import Operation, Player, promise
from spanproof.theorems.cases import Case, every_case
from spanproof.theorems.courses.operations.programs import every, none, odd
from spanspec.events import heap_events as hev
from spanspec.events import span_events as ev
from spanspec.heap import program
from spanspec.heap.courses.publishing import publisher_of
from spanspec.heap.courses.sweeping import sweepone
from spanspec.pages.pageheap import Actor

MIB: Final = 1 << 20
PAGES_PER_ARENA: Final = 8192
CHUNKS: Final = 16
"""Chunks of an arena, of 512 pages each."""

GROWTH: Final = "gr gd vc vb ve gs co"
"""The heap grows: the current arena, whether to scavenge, and the new run."""
MAPPED: Final = "gr ga gd vc vb ve gs co"
"""The same with new arenas."""
SPAN: Final = "ha pu si ib"
"""A span is taken, pushed on the swept stack, and set up."""
FREED: Final = "hf co"
"""A span goes back to the page heap."""
STOPPED: Final = "gc ph np"
MARKED: Final = "ph ph sg np"
"""The world is stopped to begin marking, and to end it."""
FLUSHED: Final = "pf ra {} ra pf"
"""An mcache is flushed, with what it holds."""
KEPT: Final = "sc se pu"
DIED: Final = "sc se fs hf co"
"""A sweep finds that something lives, or nothing."""
SEARCHED: Final = "sc ct se pu cr"
"""A span is taken from the empty list, and swept."""

Told = tuple[Operation, str]


def chunks(player: Player) -> None:
    """Require of what was told of the reclaimer that chunk follows chunk, to the end."""
    wanted, at, credit, freed = 0, 0, 0, 0
    for event in player.told:
        match event:
            case hev.ReclaimBegins():
                wanted, at, credit = event.npages, event.index, event.credit
            case hev.ReclaimTakesCredit():
                taken = min(credit, wanted)
                wanted -= taken
                due = (credit, taken, wanted)
                said = (event.credit, event.taken, event.npages)
                promise(said == due, f"SWP-21: {event}, not {due}")
                credit = 0
            case hev.ReclaimChunk():
                here = (at, wanted)
                promise((event.index, event.npages) == here, f"SWP-21: {event}, not {here}")
                if event.stage == "beg":
                    freed = 0
                if event.stage == "end":
                    promise(event.reclaimed == freed, f"SWP-22: {event}: {freed} are free")
                    at, wanted = at + 512, max(wanted - freed, 0)
                if event.stage == "done":
                    beyond = player.state.progress.sweep_arenas * PAGES_PER_ARENA
                    promise(at >= beyond and wanted > 0, f"SWP-21: {event}, and there is more")
            case hev.HeapFrees():
                freed += event.npages
            case hev.ReclaimEnds():
                promise(event.npages == wanted, f"SWP-21: {event}, not {wanted}")


def sources(player: Player) -> None:
    """Require that each span is told to be taken from the list in which it was claimed, if it was;
    one that was swept is taken from the nonempty list.
    """
    claimer = ""
    for event in player.told:
        if isinstance(event, ev.SweepClaim):
            claimer = event.by
        if isinstance(event, ev.CentralTakes):
            due = {"cs-nonempty": 1, "cs-empty": 2}.get(claimer, 0)
            promise(event.source == due, f"CEN-3: {event}, not {due}")


Arena = tuple[int | None, int | None]
"""The first page of the current arena, and the one behind it; None before there is one."""


def grown(player: Player, arena: Arena) -> Arena:
    """Require of each growth that it is told to begin in the arena that the one before has left.

    Return what the last one leaves.
    """
    for event in player.told:
        match event:
            case hev.HeapGrows():
                said = (event.arena_base, event.arena_end)
                promise(said == arena, f"HEAP-21: {event}, not {arena}")
            case hev.HeapGrown():
                arena = (event.arena_base, event.arena_end)
    return arena


def tells(make: Callable[[], Player], told: tuple[Told, ...]) -> Case:
    """Require of operations, one after the other, that they tell exactly what is said."""

    def case(met: Counter[str]) -> None:
        player = make()
        arena: Arena = (None, None)
        for (name, act), expected in told:
            player.told.clear()
            act(player)
            kinds = " ".join(str(type(event).__struct_config__.tag) for event in player.told)
            promise(kinds == " ".join(expected.split()), f"{name} tells {kinds}, not {expected}")
            chunks(player)
            sources(player)
            arena = grown(player, arena)
            player.judge()
        met.update(player.met)

    return case


def start() -> Operation:
    """Begin to mark, and hear all of it."""

    def act(player: Player) -> None:
        player.ask(program.StartCycle(0))

    return "start", act


def searched(pages: int) -> str:
    """Return what the reclaimer tells that goes through an arena and has not found the pages."""
    return f"rb {'rc rc ' * CHUNKS * pages}rc re"


SCENES: Final[tuple[tuple[str, Callable[[], Player], tuple[Told, ...]], ...]] = (
    (
        "new spans",
        CheckedPlayer,
        (
            (allocate(8192), f"cm {MAPPED} {SPAN} cg rn m"),
            (allocate(8192), f"ro cm {GROWTH} {SPAN} cg rn m"),
            (allocate(4096), f"cm {GROWTH} {SPAN} cg rn m"),
            (allocate(4096), "m"),
            (allocate(40_000), f"{GROWTH} {SPAN} m"),
            (allocate(6, True), f"cm {GROWTH} {SPAN} cg rn m"),
            (allocate(6, True), "t"),
            (allocate(0), ""),
            (flush(), "ra un um un un ra np"),
        ),
    ),
    (
        "just the rest of an arena",
        CheckedPlayer,
        ((allocate(40 * MIB), f"{MAPPED} {SPAN} m"), (allocate(24 * MIB), f"{GROWTH} {SPAN} m")),
    ),
    (
        "an empty cycle",
        CheckedPlayer,
        ((start(), STOPPED), (end(), f"{MARKED} {FLUSHED.format('')}"), (sweep_one(), "po sd")),
    ),
    (
        "what is cached lives",
        CheckedPlayer,
        (
            (allocate(4096), f"cm {MAPPED} {SPAN} cg rn m"),
            (allocate(8192), f"cm {GROWTH} {SPAN} cg rn m"),
            (cycle("all live", every), f"{MARKED} {FLUSHED.format(f'un um {KEPT} un {KEPT}')}"),
            (sweep_one(), "po dr po dr po sd"),
            (start(), f"{STOPPED}"),
        ),
    ),
    (
        "nothing lives",
        CheckedPlayer,
        (
            (allocate(4096), f"cm {MAPPED} {SPAN} cg rn m"),
            (allocate(8192), f"cm {GROWTH} {SPAN} cg rn m"),
            (allocate(40_000), f"{GROWTH} {SPAN} m"),
            (cycle("none live", none), f"{MARKED} {FLUSHED.format(f'un um {DIED} un {DIED}')}"),
            (finish_sweeping(), f"po sc se {FREED} po dr po dr po sd"),
        ),
    ),
    (
        "refills out of the lists",
        CheckedPlayer,
        (
            (allocate(4096), f"cm {MAPPED} {SPAN} cg rn m"),
            (allocate(4096), "m"),
            (allocate(4096), f"ro cm {GROWTH} {SPAN} cg rn m"),
            (allocate(4096), "m"),
            (allocate(4096), f"ro cm {GROWTH} {SPAN} cg rn m"),
            (cycle("odd live", odd), f"{MARKED} {FLUSHED.format(f'un um {DIED}')}"),
            (allocate(4096), f"{SEARCHED} rn m"),
            (flush(), "ra un ra np"),
        ),
    ),
    (
        "swept spans with room",
        CheckedPlayer,
        (
            (allocate(4096), f"cm {MAPPED} {SPAN} cg rn m"),
            (flush(), "ra un um ra np"),
            (allocate(4096), "ct rn m"),
            (flush(), "ra un ra np"),
            (cycle("odd live", odd), f"{MARKED} {FLUSHED.format('')}"),
            (sweep_one(), "po sc se fs pu"),
            (allocate(4096), "ct rn m"),
        ),
    ),
    (
        "an unswept span with room",
        CheckedPlayer,
        (
            (allocate(4096), f"cm {MAPPED} {SPAN} cg rn m"),
            (flush(), "ra un um ra np"),
            (cycle("all live", every), f"{MARKED} {FLUSHED.format('')}"),
            (allocate(4096), "sc ct se pu rn m"),
        ),
    ),
    (
        "full spans",
        CheckedPlayer,
        (
            (allocate(8192), f"cm {MAPPED} {SPAN} cg rn m"),
            (allocate(8192), f"ro cm {GROWTH} {SPAN} cg rn m"),
            (cycle("all live", every), f"{MARKED} {FLUSHED.format(f'un {KEPT}')}"),
            (allocate(8192), f"{SEARCHED} cm {searched(1)} {GROWTH} {SPAN} cg rn m"),
        ),
    ),
    (
        "the reclaimer",
        CheckedPlayer,
        (
            (allocate(40_000), f"{MAPPED} {SPAN} m"),
            (allocate(80_000), f"{GROWTH} {SPAN} m"),
            (cycle("none live", none), f"{MARKED} {FLUSHED.format('')}"),
            (allocate(40_000), f"rb rc sc se {FREED} sc se {FREED} rc re {SPAN} m"),
            (allocate(8192), f"cm rb rk re {SPAN} cg rn m"),
            (allocate(16384), f"cm rb rk re {SPAN} cg rn m"),
        ),
    ),
    (
        "a debt",
        CheckedPlayer,
        (
            (allocate(40 * MIB), f"{MAPPED} {SPAN} m"),
            (allocate(8192), f"cm {GROWTH} {SPAN} cg rn m"),
            (allocate(8192), f"ro cm {GROWTH} {SPAN} cg rn m"),
            (cycle("all live", every), f"{MARKED} {FLUSHED.format(f'un {KEPT}')}"),
            (
                allocate(24 * MIB),
                f"dd po dr po {KEPT} dd po {KEPT} {searched(1)} gr ga gd vc gs co {SPAN} m",
            ),
        ),
    ),
    (
        "Ps",
        CheckedPlayer,
        (
            (set_procs(3), "np mc pi mc pi"),
            (allocate(4096, p=1), f"cm {MAPPED} {SPAN} cg rn m"),
            (set_procs(1), "np pd ra un um ra mc pd ra ra mc"),
        ),
    ),
    (
        "manual spans and the scavenger",
        CheckedPlayer,
        (
            (take_manual(4), f"{MAPPED} ha ma"),
            (take_manual(4), f"{GROWTH} ha ma"),
            (take_manual(4), f"{GROWTH} ha ma"),
            (free_manual(0), FREED),
            (free_manual(-1), FREED),
            (scavenge_all(), "vb vs co vs co ve"),
            (free_manual(0), FREED),
        ),
    ),
    *(
        (
            f"huge pages in runs of {pages} pages",
            CheckedPlayer,
            (
                (take_manual(pages, "other"), f"{MAPPED} ha ma"),
                (take_manual(pages, "other"), f"{GROWTH} ha ma"),
                (take_manual(pages, "other"), f"{GROWTH} ha ma"),
                (take_manual(pages, "other"), f"{GROWTH} ha ma"),
                (free_manual(0), FREED),
                (free_manual(1), FREED),
                (free_manual(0), FREED),
                (scavenge_all(), "vb vs co ve"),
            ),
        )
        for pages in (128, 200, 256, 512)
    ),
    (
        "the scavenger later",
        CheckedPlayer,
        (
            (allocate(40 * MIB), f"{MAPPED} {SPAN} m"),
            (cycle("none live", none), f"{MARKED} {FLUSHED.format('')}"),
            (finish_sweeping(), f"po sc se {FREED} po sd"),
            (scavenge_later(10**9), "vb vs co ve vb vs co ve"),
        ),
    ),
    (
        "what a record hangs on",
        CheckedPlayer,
        (
            (allocate(4096), f"cm {MAPPED} {SPAN} cg rn m"),
            (flush(), "ra un um ra np"),
            (cycle("all live", every), f"{MARKED} {FLUSHED.format('')}"),
            (add_special("finalizer", 0), KEPT),
            (have_swept(), ""),
            (cycle("all live", every), f"{MARKED} {FLUSHED.format('')}"),
            (have_swept(), KEPT),
        ),
    ),
)
"""Programs, and what each of their operations tells, by the names of the trace format."""


def full_ones_passed_over(met: Counter[str]) -> None:
    """Who walks the empty list tells of a span there that another thread is sweeping, too."""
    player = CheckedPlayer(2)
    for _, act in (allocate(8192), flush(), cycle("all live", every)):
        act(player)
    sweeping = sweepone(player.state, Actor(1, 1), "bg")
    for _ in range(2):
        next(sweeping)
    player.told.clear()
    allocate(8192)[1](player)
    kinds = [str(type(event).__struct_config__.tag) for event in player.told[:2]]
    promise(kinds == ["ck", "cm"], f"CEN-4: {kinds} of a walk past a span that is being swept")
    met["full ones passed over"] += 1


def passed_over(met: Counter[str]) -> None:
    """Who walks a list tells of each span that another thread is sweeping."""
    player = CheckedPlayer(2)
    for _, act in (allocate(4096), flush(), cycle("all live", every)):
        act(player)
    sweeping = sweepone(player.state, Actor(1, 1), "bg")
    told = [type(next(sweeping)).__name__ for _ in range(2)]
    promise(told == ["BufferPop", "SweepClaim"], f"SWP-15: {told} of a sweep that begins")
    player.told.clear()
    allocate(4096)[1](player)
    kinds = [str(type(event).__struct_config__.tag) for event in player.told[:2]]
    promise(kinds == ["ck", "cm"], f"CEN-3: {kinds} of a walk past a span that is being swept")
    span = player.heap.span_of(player.order[0])
    state, thread = player.state, player.state.thread_of(Actor(1, 1))
    promise(publisher_of(state, span) is None, "SWP-29: a sweep that is not complete is seen")
    promise(type(next(sweeping)) is ev.SweepResult, "SWP-24: the sweep goes on")
    promise(publisher_of(state, span) == thread, "SWP-29: a sweep that is complete is not seen")
    promise(type(next(sweeping)) is ev.BufferPush, "SWP-24: the sweep ends")
    promise(publisher_of(state, span) is None, "SWP-29: what was published is published again")
    met["passed over"] += 1


@explored(
    "courses.told",
    "CEN-2 CEN-3 CEN-4 CEN-11 CEN-12 MC-4 MC-6 MC-7 MC-10 SWP-9 SWP-15 SWP-19 SWP-21 SWP-22 SWP-24"
    " SWP-32 SWP-34 HEAP-17 HEAP-21 HEAP-28 SCAV-7 SCAV-14 MAL-10",
    needs="CentralTakes CentralChecksRoom ReclaimChunk ReclaimTakesCredit ScavengesSpan SweepDebt"
    " McacheChanges UncacheToNonempty CentralFreesSpan SweepDrops SweepDone TinyHit",
    assumes=(SMALL_SCOPE,),
)
def what_is_told_is_what_was_done() -> Ran:
    """Programs through each way of a course: each operation tells exactly its events, in their
    order, and what stands in an event is what is there when it is told.
    """
    scenes = [(name, partial(tells(make, told))) for name, make, told in SCENES]
    being_swept = (
        ("a span that is being swept", passed_over),
        ("a full one that is being swept", full_ones_passed_over),
    )
    return every_case([*scenes, *being_swept])
