"""Format version 1 of recorded traces: the header, and the union of all kinds of events."""

from typing import Annotated, Final, Literal, get_args

import msgspec
from msgspec import Meta, field

from spanspec.base.ids import NOBODY
from spanspec.events import heap_events
from spanspec.events import span_events as events
from spanspec.events.fields import Bytes, EventBase, Line, Number, Pages, SizeClasses

FORMAT_VERSION = 1

MOST_CLASSES: Final = 256

Sizes = Annotated[list[Bytes], Meta(min_length=1, max_length=MOST_CLASSES)]
Runs = Annotated[list[Pages], Meta(min_length=1, max_length=MOST_CLASSES)]


class Header(msgspec.Struct, frozen=True, tag_field="k", tag="header"):
    """Line 0 of a trace: what was recorded, where, and how many events follow.

    Keys that this version does not know are ignored: headers grow.
    """

    format: Literal[1]
    go: str
    arch: str
    page_size: Literal[8192] = field(name="page")
    phys_page_size: Bytes = field(name="phys")
    huge_page_size: Bytes = field(name="hugephys")
    arena_bytes: Bytes = field(name="arena")
    num_size_classes: SizeClasses = field(name="ncls")
    num_cpu: Number = field(name="ncpu")
    pointer_size: Literal[8] = field(name="ptr")
    first_address: Annotated[str, Meta(pattern="^0x[0-9a-f]+\\Z")] = field(name="a0")
    program: str
    gomaxprocs: Number
    class_size: Sizes
    class_pages: Runs
    events: Line
    ends: str


Event = (
    events.Malloc
    | events.TinyHit
    | events.RefillBegins
    | events.RefillEnds
    | events.McacheChanges
    | events.ProcGetsMcache
    | events.ProcDestroyed
    | events.ProcResize
    | events.ReleaseAll
    | events.Uncache
    | events.UncacheToNonempty
    | events.PrepareForSweep
    | events.CentralSkips
    | events.CentralTakes
    | events.CentralChecksRoom
    | events.CentralMisses
    | events.CentralGrows
    | events.CentralFreesSpan
    | events.SweepClaim
    | events.SweepResult
    | events.BufferPush
    | events.BufferPop
    | events.SweepDrops
    | events.SweepDone
    | events.SweepDebt
    | events.CycleStarts
    | events.PhaseChanges
    | events.SweepPhaseStarts
    | events.Mark
    | heap_events.HeapAllocates
    | heap_events.SpanInUse
    | heap_events.SpanInitialized
    | heap_events.SpanManual
    | heap_events.HeapFrees
    | heap_events.Coalesces
    | heap_events.HeapGrows
    | heap_events.ArenaMapped
    | heap_events.HeapGrown
    | heap_events.GrowAddsSpan
    | heap_events.ScavengeIfNeeded
    | heap_events.ScavengeBegins
    | heap_events.ScavengesSpan
    | heap_events.ScavengeEnds
    | heap_events.ReclaimBegins
    | heap_events.ReclaimEnds
    | heap_events.ReclaimTakesCredit
    | heap_events.ReclaimChunk
)
"""Any event of format version 1."""


def _kind(event: type[EventBase]) -> str:
    tag = event.__struct_config__.tag
    assert isinstance(tag, str)
    return tag


KINDS: dict[str, type[EventBase]] = {_kind(event): event for event in get_args(Event)}
"""Event classes by their kind, the key `k`."""

KIND_OF: dict[type[EventBase], str] = {event: kind for kind, event in KINDS.items()}
"""The kind of each event class."""

DESCRIPTORS_OF: dict[type[EventBase], tuple[str, ...]] = {
    event: tuple(
        name for name in ("span", "chosen", "below", "above") if name in event.__struct_fields__
    )
    for event in KIND_OF
}
"""The fields of each event class that name a descriptor."""

BOUNDED: frozenset[type[EventBase]] = frozenset(get_args(events.Bounded))
"""The event classes that tell a lower bound of their step."""


def spans_of(event: EventBase) -> set[int]:
    """Return the descriptors that an event names."""
    return {getattr(event, name) for name in DESCRIPTORS_OF[type(event)]} - {NOBODY}
