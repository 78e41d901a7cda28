"""Events of the page heap, the reclaimer and the scavenger."""

from typing import Literal

from msgspec import field

from spanspec.events.fields import (
    Bytes,
    Descriptor,
    Flag,
    Integer,
    Page,
    Pages,
    Slots,
    Sweepgen,
    ThreadEvent,
    Word,
    check_words,
)
from spanspec.events.span_events import ClassedSpanEvent, SpanEvent

ChunkStage = Literal["beg", "end", "done"]
"""A chunk of the reclaimer begins, has ended, or there is none left."""


Purpose = Literal["stack", "gc", "other"]
"""What a manual span is for: stacks, the collector's work buffers, or something else."""

ScavengedBy = Literal["bg", "grow", "FreeOSMemory"]
"""On whose behalf memory is released: the background's, a growth's, or the program's."""


class HeapAllocates(SpanEvent, frozen=True, tag="ha"):
    """A free span was chosen, and perhaps split; the result is the span of the event."""

    npages: Pages = field(name="n")
    chosen: Descriptor = field(name="fs")
    chosen_base: Page = field(name="fb")
    chosen_npages: Pages = field(name="fn")
    split: Flag
    scavenged: Flag = field(name="sc")
    rest_scavenged: Flag = field(name="rsc")
    needzero: Flag = field(name="nz")


class SpanInUse(ClassedSpanEvent, frozen=True, tag="si"):
    """The span becomes an in-use span of the collected heap."""

    large: Flag = field(name="lg")
    needzero: Flag = field(name="nz")
    npages: Pages = field(name="np")
    elemsize: Bytes = field(name="es")
    sweepgen: Sweepgen = field(name="g")


class SpanInitialized(ClassedSpanEvent, frozen=True, tag="ib"):
    """The bits of an in-use span are set up: all slots free."""

    nelems: Slots = field(name="ne")
    elemsize: Bytes = field(name="es")


class SpanManual(SpanEvent, frozen=True, tag="ma"):
    """The span becomes a manual span, for stacks or work buffers."""

    purpose: Purpose = field(name="for")
    needzero: Flag = field(name="nz")
    npages: Pages = field(name="np")


class HeapFrees(SpanEvent, frozen=True, tag="hf"):
    """An in-use (1) or manual (2) span goes back to the page heap."""

    state: Literal[1, 2] = field(name="stt")
    needzero: Flag = field(name="nz")
    npages: Pages = field(name="np")
    sweepgen: Sweepgen = field(name="g")


class Coalesces(SpanEvent, frozen=True, tag="co"):
    """A free span has merged with its neighbours below and above, and is in the treap."""

    npages: Pages = field(name="np")
    below_npages: Pages = field(name="bn")
    below: Descriptor = field(name="bs")
    above_npages: Pages = field(name="an")
    above: Descriptor = field(name="as")
    scavenged: Flag = field(name="sc")
    needzero: Flag = field(name="nz")


class HeapGrows(ThreadEvent, frozen=True, tag="gr"):
    """The heap has to grow; the current arena before, null at first."""

    npages: Pages = field(name="n")
    arena_base: Page | None = field(name="cb")
    arena_end: Page | None = field(name="ce")


class ArenaMapped(ThreadEvent, frozen=True, tag="ga"):
    """New arenas were mapped."""

    base_page: Page = field(name="b")
    npages: Pages = field(name="np")
    asked: Bytes = field(name="ask")
    contiguous: Flag = field(name="contig")


class HeapGrown(ThreadEvent, frozen=True, tag="gd"):
    """The heap has taken a piece of the current arena."""

    npages: Pages = field(name="n")
    arena_base: Page = field(name="cb")
    arena_end: Page = field(name="ce")
    piece: Page = field(name="v")


class GrowAddsSpan(SpanEvent, frozen=True, tag="gs"):
    """The grown piece is a new free, scavenged span."""

    npages: Pages = field(name="np")


class ScavengeIfNeeded(ThreadEvent, frozen=True, tag="vc"):
    """Growth asks whether to scavenge: bytes retained, bytes grown, the goal."""

    retained: Bytes = field(name="ret")
    size: Bytes = field(name="n")
    goal: Word

    def __post_init__(self) -> None:
        check_words(goal=self.goal)


class ScavengeBegins(ThreadEvent, frozen=True, tag="vb"):
    """The scavenger begins to release bytes."""

    by: ScavengedBy
    wanted: Word = field(name="n")
    retained: Bytes = field(name="ret")
    goal: Word
    huge_pages: Integer = field(name="hp")

    def __post_init__(self) -> None:
        check_words(n=self.wanted, goal=self.goal)


class ScavengesSpan(SpanEvent, frozen=True, tag="vs"):
    """One span, or its upper part, was released."""

    split: Flag
    huge: Flag
    chosen: Descriptor = field(name="fs")
    chosen_base: Page = field(name="fb")
    chosen_npages: Pages = field(name="fn")
    released: Bytes = field(name="rel")


class ScavengeEnds(ThreadEvent, frozen=True, tag="ve"):
    """The scavenger has released so many bytes."""

    by: ScavengedBy
    released: Bytes = field(name="rel")


class ReclaimBegins(ThreadEvent, frozen=True, tag="rb"):
    """The page reclaimer begins: pages wanted, credit, and where it stands."""

    npages: Pages = field(name="n")
    credit: Pages = field(name="cr")
    index: Word = field(name="ix")

    def __post_init__(self) -> None:
        check_words(ix=self.index)


class ReclaimEnds(ThreadEvent, frozen=True, tag="re"):
    """The page reclaimer ends: pages still wanted."""

    npages: Pages = field(name="n")


class ReclaimTakesCredit(ThreadEvent, frozen=True, tag="rk"):
    """The page reclaimer takes pages from the credit."""

    credit: Pages = field(name="cr")
    taken: Pages = field(name="tk")
    npages: Pages = field(name="n")


class ReclaimChunk(ThreadEvent, frozen=True, tag="rc"):
    """The page reclaimer sweeps a chunk of an arena, or finds that there is none left."""

    stage: ChunkStage = field(name="st")
    index: Word = field(name="ix")
    npages: Pages = field(name="n")
    reclaimed: Pages = field(name="nf")

    def __post_init__(self) -> None:
        check_words(ix=self.index)
