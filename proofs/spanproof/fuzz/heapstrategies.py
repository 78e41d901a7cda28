"""Hypothesis strategies for programs of a whole heap, biased to where allocators go wrong."""

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from spanproof.fuzz.heapprogram import (
    AddSpecial,
    Answer,
    EnsureSwept,
    FinishCycle,
    FlushCaches,
    FreeManual,
    HeapProgram,
    LookUp,
    Malloc,
    MarkAt,
    MarkEvery,
    PassTime,
    RemoveFinalizer,
    RunFinalizers,
    ScavengeAll,
    SetProcs,
    StartCycle,
    Step,
    Sweep,
    TakeManual,
)
from spanproof.fuzz.places import PLACES, Place
from spanspec.span.specials import SpecialKind

SEAMS = (0, 1, 8, 15, 16, 17, 1016, 1017, 1023, 1024, 1025, 32760, 32767, 32768, 32769)
TINY = (1, 2, 3, 4, 5, 7, 8, 9, 12, 13, 15)
SPAN_FILLERS = (2048, 8192, 4096, 1024, 16384, 32768)
LARGE = (32769, 40960, 65536, 1 << 20, (1 << 20) + 1, 3 << 20)
ARENAS = ((64 << 20) - 8192, 64 << 20, 65 << 20, 100 << 20)
IMPOSSIBLE = ((1 << 48) - 8192, (1 << 48) + 1, (1 << 64) - 8192, (1 << 64) - 1)
COUNTS = (1, 2, 3, 4, 5, 8, 63, 64, 65, 128, 130)
LAST_GENERATIONS = ((1 << 32) - 2, (1 << 32) - 4)


def ps() -> SearchStrategy[int]:
    """A P: mostly the first, and sometimes one that there may not be."""
    return st.sampled_from((0,) * 10 + (1,) * 4 + (2, 3))


def mallocs() -> SearchStrategy[Step]:
    """Allocations: few of any size, or many small ones."""
    sizes = st.one_of(
        st.sampled_from(SPAN_FILLERS),
        st.sampled_from(SEAMS),
        st.sampled_from(LARGE),
        st.integers(1, 1100),
        st.integers(1, 32768),
        st.integers(32769, 400_000),
        st.sampled_from(ARENAS),
        st.sampled_from(IMPOSSIBLE),
    )
    filling = st.builds(Malloc, st.sampled_from(SPAN_FILLERS), st.sampled_from(COUNTS), ps())
    few = st.builds(Malloc, sizes, st.integers(1, 4), ps(), st.booleans(), st.booleans())
    many = st.builds(
        Malloc, st.sampled_from((8, 16, 48, 64, 100, 512)), st.sampled_from(COUNTS), ps()
    )
    tiny = st.builds(Malloc, st.sampled_from(TINY), st.integers(1, 8), ps(), st.just(True))
    return st.one_of(few, many, filling, tiny)


def specials() -> SearchStrategy[AddSpecial | RemoveFinalizer | RunFinalizers]:
    """Finalizers and profile records, of the first objects mostly."""
    which = st.integers(0, 3) | st.integers(0, 99)
    kinds: SearchStrategy[SpecialKind] = st.sampled_from(("finalizer", "finalizer", "profile"))
    add = st.builds(AddSpecial, which, kinds, ps())
    return st.one_of(add, add, st.builds(RemoveFinalizer, which, ps()), st.just(RunFinalizers()))


def endings() -> SearchStrategy[tuple[Step, ...]]:
    """An object gets special records, and a cycle in which it may be found dead; or two cycles."""
    kinds: SearchStrategy[SpecialKind] = st.sampled_from(("finalizer", "profile"))
    marks = st.one_of(st.just(()), st.builds(lambda n: (MarkEvery(n),), st.integers(2, 3)))
    again = st.one_of(
        st.just(()), st.builds(lambda run: (*run, StartCycle(), FinishCycle(), Sweep(1024)), runs())
    )
    return st.builds(
        lambda size, k, several, mark, p, then: (
            Malloc(size, 4, p),
            *(AddSpecial(k, kind, p) for kind in several),
            StartCycle(p),
            *mark,
            FinishCycle(p),
            Sweep(1024, p),
            *then,
        ),
        st.sampled_from((64, 2048, 40_000)),
        st.integers(0, 4),
        st.lists(kinds, min_size=1, max_size=2),
        marks,
        ps(),
        again,
    )


def runs() -> SearchStrategy[tuple[Step, ...]]:
    """The finalizers that are due run, or stay due."""
    return st.sampled_from(((), (RunFinalizers(),)))


def tiny_endings() -> SearchStrategy[tuple[Step, ...]]:
    """Objects in one tiny block get special records, each of its own, before some or all die."""
    kinds: SearchStrategy[SpecialKind] = st.sampled_from(("finalizer", "finalizer", "profile"))
    which = st.integers(0, 5)
    records = st.one_of(
        st.builds(AddSpecial, which, kinds),
        st.builds(AddSpecial, which, kinds),
        st.builds(RemoveFinalizer, which),
    )
    marks = st.one_of(st.just(()), st.builds(lambda k: (MarkEvery(6, k),), which))
    # What was there before is dead, so that the numbers are those of the new objects.
    return st.builds(
        lambda size, several, mark: (
            StartCycle(),
            FinishCycle(),
            Malloc(size, 6, noscan=True),
            *several,
            StartCycle(),
            *mark,
            FinishCycle(),
            Sweep(1024),
        ),
        st.sampled_from((2, 4, 5, 8)),
        st.lists(records, min_size=1, max_size=4),
        marks,
    )


def elsewhere() -> SearchStrategy[Step]:
    """An operation on an address of any kind."""
    place: SearchStrategy[Place] = st.sampled_from((*PLACES, "dead", "dead", "swept"))
    k = st.integers(0, 3) | st.integers(0, 99)
    kind: SearchStrategy[SpecialKind] = st.sampled_from(("finalizer", "profile"))
    return st.one_of(
        st.builds(lambda k, at: LookUp(k, at), k, place),
        st.builds(lambda k, at: MarkAt(k, at), k, place),
        st.builds(lambda k, at, p: EnsureSwept(k, p, at), k, place, ps()),
        st.builds(lambda k, kind, at, p: AddSpecial(k, kind, p, at), k, kind, place, ps()),
        st.builds(lambda k, at, p: RemoveFinalizer(k, p, at), k, place, ps()),
        st.builds(lambda k, at, p: FreeManual(k, p, at), k, place, ps()),
    )


def strays() -> SearchStrategy[tuple[Step, ...]]:
    """A cycle in which objects die, and operations on what is dead, free, or nothing at all."""
    return st.builds(
        lambda size, count, n, k, then: (
            Malloc(size, count),
            StartCycle(),
            MarkEvery(n, k),
            FinishCycle(),
            *then,
        ),
        st.sampled_from((8, 48, 96, 2048, 2688, 40_000)),
        st.sampled_from((1, 2, 5, 64)),
        st.sampled_from((2, 3)),
        st.integers(0, 2),
        st.lists(elsewhere(), min_size=1, max_size=3),
    )


def others() -> SearchStrategy[Step]:
    """All other steps."""
    purposes = st.sampled_from(("stack", "other"))
    return st.one_of(
        st.builds(Sweep, st.sampled_from((1, 1, 2, 1024)), ps()),
        st.builds(StartCycle, ps()),
        st.builds(MarkEvery, st.integers(1, 4), st.integers(0, 4), st.integers(0, 1)),
        st.builds(FinishCycle, ps()),
        st.builds(MarkAt, st.integers(0, 9)),
        st.builds(EnsureSwept, st.integers(0, 99), ps()),
        elsewhere(),
        specials(),
        st.builds(TakeManual, st.sampled_from((4, 8, 256, 512)), purposes, ps()),
        st.builds(FreeManual, st.integers(0, 9), ps()),
        st.builds(SetProcs, st.integers(1, 4), ps()),
        st.builds(FlushCaches, ps()),
        st.builds(ScavengeAll, ps()),
        st.builds(PassTime, st.sampled_from((1, 10, 1000, 100_000)), ps()),
    )


def cycles() -> SearchStrategy[tuple[Step, ...]]:
    """A whole cycle; of what lives, all, none, or a share."""
    marks = st.one_of(
        st.just(()),
        st.builds(lambda n, k: (MarkEvery(n, k),), st.sampled_from((1, 2, 3)), st.integers(0, 2)),
    )
    born = st.one_of(st.just(()), mallocs().map(lambda step: (step,)))
    after = st.one_of(st.just(()), others().map(lambda step: (step,)))
    return st.builds(
        lambda mark, fresh, then, p: (StartCycle(p), *mark, *fresh, FinishCycle(p), *then),
        marks,
        born,
        after,
        ps(),
    )


def churns() -> SearchStrategy[tuple[Step, ...]]:
    """A span or more is filled, loses some objects in a cycle, and is filled again."""
    return st.builds(
        lambda size, before, n, k, after: (
            Malloc(size, before),
            StartCycle(),
            MarkEvery(n, k),
            FinishCycle(),
            Malloc(size, after),
        ),
        st.sampled_from((2048, 1024, 5000, 64, 700, 8192, 100)),
        st.sampled_from(COUNTS),
        st.sampled_from((1, 2, 3, 64)),
        st.integers(0, 3),
        st.sampled_from(COUNTS),
    )


def heap_programs(max_parts: int = 16) -> SearchStrategy[HeapProgram]:
    """Any program of up to so many parts: allocations, single steps, and whole cycles."""
    single = st.one_of(mallocs(), mallocs(), others()).map(lambda step: (step,))
    part = st.one_of(
        single,
        single,
        single,
        cycles(),
        cycles(),
        churns(),
        churns(),
        endings(),
        tiny_endings(),
        strays(),
    )
    answers: SearchStrategy[Answer] = st.sampled_from(
        ("grant", "grant", "refuse", "elsewhere", "below")
    )
    return st.builds(
        lambda parts, procs, sweepgen, physical, said: HeapProgram(
            tuple(step for part in parts for step in part), procs, sweepgen, physical, tuple(said)
        ),
        st.one_of(st.lists(part, max_size=max_parts), st.lists(part, min_size=8, max_size=24)),
        st.sampled_from((1, 1, 2, 4)),
        st.sampled_from((0, 0, *LAST_GENERATIONS)),
        st.sampled_from((4096, 4096, 16384, 65536)),
        st.one_of(st.just([]), st.lists(answers, max_size=4)),
    )
