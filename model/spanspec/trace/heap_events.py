"""Events of the page heap, the reclaimer and the scavenger."""

from typing import Literal

from msgspec import field

from spanspec.trace.events import ClassedSpanEvent, SpanEvent
from spanspec.trace.fields import Count, Figure, Flag, Generation, Id, ThreadEvent

ChunkStage = Literal["beg", "end", "done"]
"""A chunk of the reclaimer begins, has ended, or there is none left."""


class HeapAllocates(SpanEvent, frozen=True, tag="ha"):
    """A free span was chosen, and perhaps split; the result is the span of the event."""

    npages: Count = field(name="n")
    chosen: Id = field(name="fs")
    chosen_base: Count = field(name="fb")
    chosen_npages: Count = field(name="fn")
    split: Flag
    scavenged: Flag = field(name="sc")
    rest_scavenged: Flag = field(name="rsc")
    needzero: Flag = field(name="nz")


class SpanInUse(ClassedSpanEvent, frozen=True, tag="si"):
    """The span becomes an in-use span of the collected heap."""

    large: Flag = field(name="lg")
    needzero: Flag = field(name="nz")
    npages: Count = field(name="np")
    elemsize: Count = field(name="es")
    sweepgen: Generation = field(name="g")


class SpanInitialized(ClassedSpanEvent, frozen=True, tag="ib"):
    """The bits of an in-use span are set up: all slots free."""

    nelems: Figure = field(name="ne")
    elemsize: Count = field(name="es")


class SpanManual(SpanEvent, frozen=True, tag="ma"):
    """The span becomes a manual span, for stacks or work buffers."""

    purpose: Literal["stack", "gc", "other"] = field(name="for")
    needzero: Flag = field(name="nz")
    npages: Count = field(name="np")


class HeapFrees(SpanEvent, frozen=True, tag="hf"):
    """An in-use (1) or manual (2) span goes back to the page heap."""

    state: Literal[1, 2] = field(name="stt")
    needzero: Flag = field(name="nz")
    npages: Count = field(name="np")
    sweepgen: Generation = field(name="g")


class Coalesces(SpanEvent, frozen=True, tag="co"):
    """A free span has merged with its neighbours below and above, and is in the treap."""

    npages: Count = field(name="np")
    below_npages: Count = field(name="bn")
    below: Id = field(name="bs")
    above_npages: Count = field(name="an")
    above: Id = field(name="as")
    scavenged: Flag = field(name="sc")
    needzero: Flag = field(name="nz")


class HeapGrows(ThreadEvent, frozen=True, tag="gr"):
    """The heap has to grow; the current arena before, null at first."""

    npages: Count = field(name="n")
    arena_base: Count | None = field(name="cb")
    arena_end: Count | None = field(name="ce")


class ArenaMapped(ThreadEvent, frozen=True, tag="ga"):
    """New arenas were mapped."""

    base_page: Count = field(name="b")
    npages: Count = field(name="np")
    asked: Count = field(name="ask")
    contiguous: Flag = field(name="contig")


class HeapGrown(ThreadEvent, frozen=True, tag="gd"):
    """The heap has taken a piece of the current arena."""

    npages: Count = field(name="n")
    arena_base: Count = field(name="cb")
    arena_end: Count = field(name="ce")
    piece: Count = field(name="v")


class GrowAddsSpan(SpanEvent, frozen=True, tag="gs"):
    """The grown piece is a new free, scavenged span."""

    npages: Count = field(name="np")


class ScavengeIfNeeded(ThreadEvent, frozen=True, tag="vc"):
    """Growth asks whether to scavenge: bytes retained, bytes grown, the goal."""

    retained: Count = field(name="ret")
    size: Count = field(name="n")
    goal: Count


class ScavengeBegins(ThreadEvent, frozen=True, tag="vb"):
    """The scavenger begins to release bytes."""

    by: Literal["bg", "grow", "FreeOSMemory"]
    wanted: Count = field(name="n")
    retained: Count = field(name="ret")
    goal: Count
    huge_pages: int = field(name="hp")


class ScavengesSpan(SpanEvent, frozen=True, tag="vs"):
    """One span, or its upper part, was released."""

    split: Flag
    huge: Flag
    chosen: Id = field(name="fs")
    chosen_base: Count = field(name="fb")
    chosen_npages: Count = field(name="fn")
    released: Count = field(name="rel")


class ScavengeEnds(ThreadEvent, frozen=True, tag="ve"):
    """The scavenger has released so many bytes."""

    by: Literal["bg", "grow", "FreeOSMemory"]
    released: Count = field(name="rel")


class ReclaimBegins(ThreadEvent, frozen=True, tag="rb"):
    """The page reclaimer begins: pages wanted, credit, and where it stands."""

    npages: Count = field(name="n")
    credit: Count = field(name="cr")
    index: Count = field(name="ix")


class ReclaimEnds(ThreadEvent, frozen=True, tag="re"):
    """The page reclaimer ends: pages still wanted."""

    npages: Count = field(name="n")


class ReclaimTakesCredit(ThreadEvent, frozen=True, tag="rk"):
    """The page reclaimer takes pages from the credit."""

    credit: Count = field(name="cr")
    taken: Count = field(name="tk")
    npages: Count = field(name="n")


class ReclaimChunk(ThreadEvent, frozen=True, tag="rc"):
    """The page reclaimer sweeps a chunk of an arena, or finds that there is none left."""

    stage: ChunkStage = field(name="st")
    index: Count = field(name="ix")
    npages: Count = field(name="n")
    reclaimed: Count = field(name="nf")
