"""Events of objects, caches, central lists and sweeping: what happens to spans in use.

One class for each kind. Field names are the runtime's terms; the short keys of the file stand in
`field(name=...)`.
"""

from typing import Final, Literal

from msgspec import field

from spanspec.events.fields import (
    Arenas,
    Bytes,
    Cycles,
    Descriptor,
    EventBase,
    Flag,
    FlagBits,
    HexBytes,
    Integer,
    Line,
    Mode,
    Number,
    Page,
    PageOrNone,
    Pages,
    Place,
    PlacePopped,
    Slots,
    SpanClass,
    Sweepgen,
    ThreadEvent,
)

NOSCAN = 1
ZEROED = 2
NEEDZERO = 4
TINY_BLOCK = 8
TINY_CURRENT = 16
"""Bits of the `flags` of `Malloc` and `TinyHit`."""

Path = Literal[1, 2, 3, 4]

FAST: Final[Path] = 1
SLOW: Final[Path] = 2
AFTER_REFILL: Final[Path] = 3
LARGE: Final[Path] = 4
"""By which path a slot was taken: the fast one, the slow search, a refill, or as a large span."""

Phase = Literal[0, 1, 2]
"""Phase of a cycle: off, mark, mark termination."""

SpanState = Literal[0, 1, 2, 3]
"""State of a descriptor: dead, in use, manual, free."""

Trigger = Literal["heap", "time", "cycle"]
"""Why a cycle starts: the heap has grown, time has passed, or the program asked for it."""

Source = Literal[0, 1, 2]
"""From where a span is taken: swept nonempty (0), unswept nonempty (1), unswept empty (2)."""

ListName = Literal["N", "E"]
"""The nonempty or the empty list of a span class."""

Popper = Literal["bg", "prop", "finish", "sync", "GC", "gcstart"]
"""On whose behalf a thread sweeps what it pops from the unswept buffer."""

Claimer = Literal[
    "bg",
    "prop",
    "finish",
    "sync",
    "GC",
    "gcstart",
    "cs-nonempty",
    "cs-empty",
    "uncache",
    "reclaim",
    "ensure",
]
"""On whose behalf a thread claims a span for sweeping."""


class SpanEvent(ThreadEvent, frozen=True):
    """An event about one span: its descriptor, and its first page at that moment."""

    span: Descriptor = field(name="s")
    base_page: PageOrNone = field(name="b")


class ClassedSpanEvent(SpanEvent, frozen=True):
    """An event about one span that also tells its span class."""

    spanclass: SpanClass = field(name="c")


class Malloc(EventBase, frozen=True, tag="m"):
    """An allocation took a slot: bytes asked for, path, span class, and the slot."""

    size: Bytes = field(name="z")
    path: Path = field(name="w")
    spanclass: SpanClass = field(name="c")
    base_page: Page = field(name="b")
    slot: Slots = field(name="i")
    flags: FlagBits = field(name="f")


class TinyHit(EventBase, frozen=True, tag="t"):
    """A tiny object went into the current tiny block, at an offset."""

    size: Bytes = field(name="z")
    base_page: Page = field(name="b")
    slot: Slots = field(name="i")
    offset: Slots = field(name="o")
    flags: FlagBits = field(name="f")


class RefillBegins(ClassedSpanEvent, frozen=True, tag="ro"):
    """Refill lets go of the full cached span."""

    sweepgen: Sweepgen = field(name="g")
    freeindex: Slots = field(name="fi")
    alloc_count: Slots = field(name="ac")
    nelems: Slots = field(name="ne")


class RefillEnds(ClassedSpanEvent, frozen=True, tag="rn"):
    """Refill puts a span with a free slot into the cache."""

    sweepgen: Sweepgen = field(name="g")
    freeindex: Slots = field(name="fi")
    alloc_count: Slots = field(name="ac")
    nelems: Slots = field(name="ne")


class McacheChanges(ThreadEvent, frozen=True, tag="mc"):
    """An mcache was created, or freed."""

    new: Flag
    mcache: Number = field(name="ca")


class ProcGetsMcache(ThreadEvent, frozen=True, tag="pi"):
    """A P was given its mcache."""

    id: Number
    mcache: Number = field(name="ca")


class ProcDestroyed(ThreadEvent, frozen=True, tag="pd"):
    """A P was destroyed, with its mcache."""

    id: Number
    mcache: Number = field(name="ca")


class ProcResize(ThreadEvent, frozen=True, tag="np"):
    """The number of Ps was set, perhaps to what it was."""

    procs: Number = field(name="n")
    old: Number


class ReleaseAll(ThreadEvent, frozen=True, tag="ra"):
    """The release of all spans of an mcache begins (1) or has ended (0)."""

    begins: Flag = field(name="beg")
    mcache: Number = field(name="ca")


class Uncache(ClassedSpanEvent, frozen=True, tag="un"):
    """A span leaves an mcache; `stale` if it was cached before this cycle began."""

    stale: Flag = field(name="st")
    sweepgen_before: Sweepgen = field(name="g0")
    heap_sweepgen: Sweepgen = field(name="sg")
    freeindex: Slots = field(name="fi")
    alloc_count: Slots = field(name="ac")
    nelems: Slots = field(name="ne")


class UncacheToNonempty(ClassedSpanEvent, frozen=True, tag="um"):
    """The uncached span has a free slot and moves to the front of the nonempty list."""


class PrepareForSweep(ThreadEvent, frozen=True, tag="pf"):
    """The flush of an mcache for a new cycle begins (1) or has ended (0)."""

    begins: Flag = field(name="beg")
    mcache: Number = field(name="ca")
    flush_gen: Sweepgen = field(name="fg")
    sweepgen: Sweepgen = field(name="g")


class CentralSkips(ClassedSpanEvent, frozen=True, tag="ck"):
    """The walk of a central list passes over a span that is being swept.

    `sweepgen` is the heap's, which the walk compares with; the span's is one less.
    """

    list: ListName = field(name="l")
    sweepgen: Sweepgen = field(name="g")
    not_before: Line = field(name="lo")


class CentralTakes(ClassedSpanEvent, frozen=True, tag="ct"):
    """A span is taken from a central list: swept (0), unswept nonempty (1), unswept empty (2)."""

    source: Source = field(name="src")
    not_before: Line = field(name="lo")
    sweepgen: Sweepgen = field(name="g")


class CentralChecksRoom(ClassedSpanEvent, frozen=True, tag="cr"):
    """A span taken from the empty list was swept: whether it has room now, and where."""

    room: Flag
    slot: Slots = field(name="i")


class CentralMisses(ClassedSpanEvent, frozen=True, tag="cm"):
    """No listed span will do; the span, if any, is where the walk of the empty list stopped."""

    sweepgen: Sweepgen = field(name="g")


class CentralGrows(ClassedSpanEvent, frozen=True, tag="cg"):
    """A new span is appended to the empty list."""

    nelems: Slots = field(name="ne")
    sweepgen: Sweepgen = field(name="g")


class CentralFreesSpan(ClassedSpanEvent, frozen=True, tag="fs"):
    """After a sweep that freed something: the span is published, and perhaps leaves the list."""

    was_empty: Flag = field(name="we")
    freed: Flag = field(name="fr")
    sweepgen: Sweepgen = field(name="g")


class SweepClaim(ClassedSpanEvent, frozen=True, tag="sc"):
    """A sweeper has won a span."""

    by: Claimer
    npages: Pages = field(name="np")
    sweepgen: Sweepgen = field(name="g")
    not_before: Line = field(name="lo")


class SweepResult(ClassedSpanEvent, frozen=True, tag="se"):
    """A sweep's outcome, before it is published; `alloc_bits` are the mark bits."""

    preserve: Flag = field(name="pr")
    was_empty: Flag = field(name="we")
    large_dead: Flag = field(name="fh")
    to_central: Flag = field(name="tc")
    nelems: Slots = field(name="ne")
    nfreed: Slots = field(name="nf")
    alloc_count: Slots = field(name="ac")
    sweepgen: Sweepgen = field(name="g")
    alloc_bits: HexBytes = field(name="ab")


class BufferPush(SpanEvent, frozen=True, tag="pu"):
    """A span is pushed on a sweep buffer, at a slot of it."""

    buffer: Flag = field(name="q")
    place: Place = field(name="x")
    not_before: Line = field(name="lo")


class BufferPop(SpanEvent, frozen=True, tag="po"):
    """A span, or nothing (-1), is popped from a sweep buffer."""

    buffer: Flag = field(name="q")
    by: Popper
    place: PlacePopped = field(name="x")
    not_before: Line = field(name="lo")


class SweepDrops(SpanEvent, frozen=True, tag="dr"):
    """A popped span is dropped: it is not in use, or its sweepgen is not sg-2."""

    why: Literal["state", "gen"]
    sweepgen: Sweepgen = field(name="g")
    state: SpanState = field(name="stt")
    not_before: Line = field(name="lo")


class SweepDone(ThreadEvent, frozen=True, tag="sd"):
    """The unswept buffer has been drained."""

    sweepgen: Sweepgen = field(name="g")


class SweepDebt(ThreadEvent, frozen=True, tag="dd"):
    """Proportional sweeping is in debt and tries to sweep a span."""

    target: Integer = field(name="tg")
    swept: Integer = field(name="sw")
    span_bytes: Bytes = field(name="by")
    caller_pages: Pages = field(name="cp")


class CycleStarts(ThreadEvent, frozen=True, tag="gc"):
    """The world is stopped to start a cycle."""

    trigger: Trigger = field(name="tr")
    cycle: Cycles = field(name="cy")
    mode: Mode
    heap_live: Bytes = field(name="hl")


class PhaseChanges(ThreadEvent, frozen=True, tag="ph"):
    """The phase becomes off (0), mark (1) or mark termination (2)."""

    phase: Phase = field(name="x")


class SweepPhaseStarts(ThreadEvent, frozen=True, tag="sg"):
    """The heap's sweepgen goes up by two, with the world stopped."""

    sweepgen: Sweepgen = field(name="g")
    mode: Mode
    arenas: Arenas = field(name="na")


class Mark(ThreadEvent, frozen=True, tag="mk"):
    """A note of the traced program: 1 begins phase `b`; 10 says that it got address `b`."""

    note: Integer = field(name="a")
    first: Integer = field(name="b")
    second: Integer = field(name="c")


SHARES_BOUND: Final = frozenset((UncacheToNonempty, SweepClaim, CentralSkips))
"""Events after which the next one may have the lower bound of the step that they tell of."""

Bounded = CentralSkips | CentralTakes | SweepClaim | BufferPush | BufferPop | SweepDrops
"""Events that tell a lower bound of their step."""
