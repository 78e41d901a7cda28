"""All proof obligations: one module per area, each naming model functions and claims.

Importing this package registers them all.
"""

from spanproof.prove.exploration import EXPLORATIONS, Exploration
from spanproof.prove.proof import REGISTRY, Obligation
from spanproof.theorems.courses import containers
from spanproof.theorems.courses.limits import (
    checks,
    damage,
    edges,
    fatalchecks,
    guards,
    refusals,
)
from spanproof.theorems.courses.memory import advice, arenas, metadata, requests, states
from spanproof.theorems.courses.operations import meanwhile, programs, sweepers, threads
from spanproof.theorems.courses.outcomes import books, pacing, records, scavenging, telling
from spanproof.theorems.courses.versions import profile, spansets
from spanproof.theorems.heap import accounts, allp, collector, contents, markbits, marking, mcaches
from spanproof.theorems.heap import progress as sweep_progress
from spanproof.theorems.heap import specials as heap_specials
from spanproof.theorems.kernels import arithmetic as kernel_arithmetic
from spanproof.theorems.kernels import pages as kernel_pages
from spanproof.theorems.kernels import spans as kernels
from spanproof.theorems.kernels import structures, trees
from spanproof.theorems.kernels.methods import made as methods_made
from spanproof.theorems.kernels.methods import shape as methods_shape
from spanproof.theorems.kernels.methods import slots as methods_slots
from spanproof.theorems.kernels.methods import sweep as methods_sweep
from spanproof.theorems.objects import abstract, safety
from spanproof.theorems.objects.promises import large, places, tiny, zeroing
from spanproof.theorems.objects.simulation import (
    cycles,
    layout,
    newspans,
    pagesteps,
    slots,
    slotsteps,
)
from spanproof.theorems.pages.courses import growth, scavenge, scavengeline
from spanproof.theorems.pages.freeset import (
    changes,
    descents,
    firstfit,
    insertions,
    merging,
    removals,
    rotations,
)
from spanproof.theorems.pages.tables import nooverlap, pagemap, realigning, statistics, tiling
from spanproof.theorems.sharing.consequences import (
    bufferrecords,
    consequences,
    lists,
    liveness,
    meeting,
    progress,
)
from spanproof.theorems.sharing.containers import buffercounts, buffers, spanlists
from spanproof.theorems.sharing.steps import protocol
from spanproof.theorems.span import (
    cache,
    counting,
    counts,
    freeslots,
    searches,
    sizeclass,
    specials,
    sweepgen,
    sweeps,
)

__all__ = [
    "abstract",
    "accounts",
    "advice",
    "all_explorations",
    "all_obligations",
    "allp",
    "arenas",
    "books",
    "buffercounts",
    "bufferrecords",
    "buffers",
    "cache",
    "changes",
    "checks",
    "collector",
    "consequences",
    "containers",
    "contents",
    "counting",
    "counts",
    "cycles",
    "damage",
    "descents",
    "edges",
    "fatalchecks",
    "firstfit",
    "freeslots",
    "growth",
    "guards",
    "heap_specials",
    "insertions",
    "kernel_arithmetic",
    "kernel_pages",
    "kernels",
    "large",
    "layout",
    "lists",
    "liveness",
    "markbits",
    "marking",
    "mcaches",
    "meanwhile",
    "meeting",
    "merging",
    "metadata",
    "methods_made",
    "methods_shape",
    "methods_slots",
    "methods_sweep",
    "newspans",
    "nooverlap",
    "pacing",
    "pagemap",
    "pagesteps",
    "places",
    "profile",
    "programs",
    "progress",
    "protocol",
    "realigning",
    "records",
    "refusals",
    "removals",
    "requests",
    "rotations",
    "safety",
    "scavenge",
    "scavengeline",
    "scavenging",
    "searches",
    "sizeclass",
    "slots",
    "slotsteps",
    "spanlists",
    "spansets",
    "specials",
    "states",
    "statistics",
    "structures",
    "sweep_progress",
    "sweepers",
    "sweepgen",
    "sweeps",
    "telling",
    "threads",
    "tiling",
    "tiny",
    "trees",
    "zeroing",
]


def all_obligations() -> dict[str, Obligation]:
    """Return every obligation that is a formula by id, in the order of the modules."""
    return dict(REGISTRY)


def all_explorations() -> dict[str, Exploration]:
    """Return every obligation that is decided by running by id, in the order of the modules."""
    return dict(EXPLORATIONS)
