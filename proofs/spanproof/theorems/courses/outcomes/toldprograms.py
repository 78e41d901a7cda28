"""Programs through each way of a course, and what each of their operations tells.

What is told stands by the names of the trace format; a few words stand for what is told together.
"""

from collections.abc import Callable
from typing import Final

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
from spanproof.simulate.exhaustive.trying import Operation, Player
from spanproof.theorems.courses.operations.programs import every, none, odd
from spanspec.heap import program

MIB: Final = 1 << 20
"""Bytes."""

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
"""The world is stopped, and marking begins."""

MARKED: Final = "ph ph sg np"
"""The world is stopped, marking ends, and a sweep phase begins."""

FLUSHED: Final = "pf ra {} ra pf"
"""An mcache is flushed, with what it holds."""

KEPT: Final = "sc se pu"
"""A sweep frees nothing."""

DIED: Final = "sc se fs hf co"
"""A sweep finds that nothing lives, and the span goes back."""

SEARCHED: Final = "sc ct se pu cr"
"""A span is taken from the empty list, and swept."""

Told = tuple[Operation, str]
"""An operation, and the kinds of the events that it tells."""


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
