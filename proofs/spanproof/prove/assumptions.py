"""What the theorems take for granted, as data: each obligation names the assumptions it uses.

An assumption is something true of the runtime, of the machine or of the argument that no solver
was asked about. The list is printed with every result.
"""

from typing import Final, NamedTuple


class Assumption(NamedTuple):
    """Something taken for granted: its id, what it says, and why it may be believed."""

    id: str
    says: str
    because: str


SOLVER: Final = Assumption(
    "solver",
    "A solver that answers `unsat` is right.",
    "Several solvers decide each obligation, and each obligation refutes at least one mutant.",
)
TRANSLATION: Final = Assumption(
    "translation",
    "The term that is read from a function's source means what Python computes.",
    "The tests compare both on every operator, at its edges, and on whole rules at random records.",
)
INDUCTION: Final = Assumption(
    "induction",
    "What holds at the start and is kept by every step holds always; what is shown of an "
    "arbitrary value holds of all.",
    "Mathematics: base, step and use share one text of the claim.",
)
COUNTERS: Final = Assumption(
    "counters",
    "What counts bytes, objects, pages or cycles in 64 bits (`Count`) never comes to its bound.",
    "At one event a nanosecond a count gets there after 584 years; that it does not go below zero "
    "is proved.",
)
STOP_THE_WORLD: Final = Assumption(
    "stop-the-world",
    "While a sweep phase begins, no other thread takes a step (SWP-4, SWP-35).",
    "The runtime raises sweepgen in gcSweep, between stopTheWorldWithSema and startTheWorld.",
)
NON_PREEMPTION: Final = Assumption(
    "non-preemption",
    "The world stops only while no thread is between the first and the last step of an operation "
    "of the allocator (CONC-9).",
    "Such a thread holds m.locks or runs on the system stack, where it cannot be preempted.",
)
LOCK_SECTIONS: Final = Assumption(
    "lock-sections",
    "What a thread does to the fields that a lock protects while it holds the lock is one step "
    "for everybody who looks at them under the same lock (CONC-1).",
    "mheap.lock, mcentral.lock and the sweep buffers' own protocol give mutual exclusion.",
)
ATOMICS: Final = Assumption(
    "atomics",
    "Loads, stores and compare-and-swaps of sweepgen happen in one order that all threads see "
    "(CONC-3).",
    "Go's atomics are sequentially consistent on amd64.",
)
FAIRNESS: Final = Assumption(
    "fairness",
    "A thread that is in the middle of an operation takes its next step some time.",
    "It holds no lock that another one waits for for ever, and the operating system runs it again.",
)
MARKER: Final = Assumption(
    "marker",
    "When marking ends, every reachable object is marked, and only allocated slots are.",
    "The marker is an input of the allocator; a hostile one is reported by T-59 and I-4.",
)
SPECIALS: Final = Assumption(
    "specials",
    "A sweep marks every object that has a finalizer, and queues that, before it counts the marks.",
    "It goes through a list of special records, which no term stands for; the tests and the "
    "recorded traces compare it.",
)
ZERO_PAGES: Final = Assumption(
    "zero-pages",
    "Memory that the operating system maps, or maps again after it was released, reads as zero "
    "until it is written.",
    "Anonymous mmap, and madvise(MADV_DONTNEED) on anonymous memory, promise it.",
)
SMALL_SCOPE: Final = Assumption(
    "small-scope",
    "What is wrong with a course shows in one of the small systems that are explored to their end.",
    "Each step is proved for systems of any size; a course only chooses among steps, by what few "
    "spans, threads and pages are like.",
)
DISJOINT_REGIONS: Final = Assumption(
    "disjoint-regions",
    "The operating system never hands out a region that overlaps one in use, nor one that "
    "begins at address 0.",
    "mmap without MAP_FIXED places a region where nothing is mapped.",
)
ADDRESSES: Final = Assumption(
    "addresses",
    "The heap's memory lies below 2^48, and not at its very end (CONST-2).",
    "Linux on amd64 gives a process no more; the runtime refuses more (T-8).",
)
PHYSICAL_PAGES: Final = Assumption(
    "physical-pages",
    "Physical pages have 4 KiB, as on amd64, so that a page of the heap consists of whole ones.",
    "Linux on amd64 has no others; of larger ones `scavenge.*` and `pages.realign` are claimed.",
)
LAID_OUT: Final = Assumption(
    "laid-out",
    "Only in spans that are laid out, and within their limit, is an address looked up.",
    "Each span in use is, by `objects.*`; `find_object` asks for the limit first.",
)
REALS: Final = Assumption(
    "reals",
    "The pacing line is computed with real numbers, where the runtime has 64-bit floats.",
    "Solvers give up on floats here; the tests compare the rule on floats at random and edge "
    "values.",
)

EVERYWHERE: Final = (SOLVER, TRANSLATION, INDUCTION, COUNTERS)
"""What every obligation rests on; the others are named where they are used."""

ALL: Final = (
    *EVERYWHERE,
    STOP_THE_WORLD,
    NON_PREEMPTION,
    LOCK_SECTIONS,
    ATOMICS,
    FAIRNESS,
    MARKER,
    SPECIALS,
    ZERO_PAGES,
    DISJOINT_REGIONS,
    SMALL_SCOPE,
    ADDRESSES,
    LAID_OUT,
    PHYSICAL_PAGES,
    REALS,
)
"""All assumptions, in the order in which they are shown."""
