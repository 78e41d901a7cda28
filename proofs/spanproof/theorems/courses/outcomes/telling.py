"""What a heap tells while it works: which events, in which order, and what stands in them.

A replay takes its steps by these events, so an event that is left out, told too early, or that says
something else than what was done misleads whoever reads a trace.
"""

from collections import Counter
from collections.abc import Callable
from functools import partial

from spanproof.prove.assumptions import SMALL_SCOPE
from spanproof.prove.exploration import Ran, explored
from spanproof.simulate.exhaustive.allocating import allocate
from spanproof.simulate.exhaustive.checkedplayer import CheckedPlayer
from spanproof.simulate.exhaustive.collecting import cycle
from spanproof.simulate.exhaustive.keeping import flush
from spanproof.simulate.exhaustive.trying import Player, promise
from spanproof.theorems.cases import Case, every_case
from spanproof.theorems.courses.operations.programs import every
from spanproof.theorems.courses.outcomes.toldprograms import SCENES, Told
from spanspec.base.constants import PAGES_PER_ARENA
from spanspec.events import heap_events as hev
from spanspec.events import span_events as ev
from spanspec.heap.courses.course import Course
from spanspec.heap.courses.publishing import publisher_of
from spanspec.heap.courses.sweeping import sweepone
from spanspec.pages.pageheap import Actor


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


def with_one_swept(size: int) -> tuple[CheckedPlayer, Course[int]]:
    """Return a heap of one listed span, of objects of a size, and the sweep that another thread has
    begun of it: that one owns the span, and has not looked at its marks yet.
    """
    player = CheckedPlayer(2)
    for _, act in (allocate(size), flush(), cycle("all live", every)):
        act(player)
    sweeping = sweepone(player.state, Actor(1, 1), "bg")
    told = [type(next(sweeping)).__name__ for _ in range(2)]
    promise(told == ["BufferPop", "SweepClaim"], f"SWP-15: {told} of a sweep that begins")
    return player, sweeping


def is_told_as_passed_over(player: CheckedPlayer, size: int, rule: str) -> None:
    """Require of an allocation that it walks past a span that is being swept, and tells of it."""
    player.told.clear()
    allocate(size)[1](player)
    kinds = [str(type(event).__struct_config__.tag) for event in player.told[:2]]
    promise(kinds == ["ck", "cm"], f"{rule}: {kinds} of a walk past a span that is being swept")


def full_ones_passed_over(met: Counter[str]) -> None:
    """Who walks the empty list tells of a span there that another thread is sweeping, too."""
    player, _ = with_one_swept(8192)
    is_told_as_passed_over(player, 8192, "CEN-4")
    met["full ones passed over"] += 1


def passed_over(met: Counter[str]) -> None:
    """Who walks a list tells of each span that another thread is sweeping."""
    player, sweeping = with_one_swept(4096)
    is_told_as_passed_over(player, 4096, "CEN-3")
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
