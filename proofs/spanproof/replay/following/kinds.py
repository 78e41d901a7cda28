"""What the replay knows of each kind of events, looked up once for each event.

Nearly all that a replay asks of an event first is asked of its kind: whether a lock is held then,
whether a step tells a lower bound, whether an operation may end with it. The sets below say so;
`KINDS` has the answers of all of them for a kind, as fields of one record. To ask each set, or to
compare with each class, takes longer than the step of the model.
"""

from typing import Final

from spanproof.replay.format.fieldrules import OF_KIND
from spanproof.replay.format.inputs import MAY_BE_INPUT
from spanproof.replay.format.schema import BOUNDED, DESCRIPTORS_OF, KIND_OF
from spanspec.events import heap_events as hev
from spanspec.events import span_events as ev
from spanspec.events.fields import EventBase

# --- locks and operations -------------------------------------------------------------------------

BEGINS_SECTION: Final = frozenset(
    (hev.HeapGrows, hev.HeapAllocates, hev.HeapFrees, hev.ScavengeBegins)
)
"""Events by which a thread takes the lock of the page heap."""

UNDER_LOCK: Final = BEGINS_SECTION | {
    hev.SpanInUse,
    hev.SpanManual,
    hev.Coalesces,
    hev.ArenaMapped,
    hev.HeapGrown,
    hev.GrowAddsSpan,
    hev.ScavengeIfNeeded,
    hev.ScavengesSpan,
    hev.ScavengeEnds,
    ev.SweepPhaseStarts,
}
"""Kinds of events that happen while the lock of the page heap is held."""

MAY_HOLD_LOCK: Final = UNDER_LOCK | {ev.BufferPush}
"""Kinds of events that a thread can observe while it holds that lock."""

UNDER_LIST_LOCK: Final = frozenset(
    (
        ev.CentralTakes,
        ev.CentralSkips,
        ev.CentralMisses,
        ev.CentralGrows,
        ev.UncacheToNonempty,
        ev.CentralFreesSpan,
    )
)
"""Kinds of events that happen while the lock of the lists of their span class is held."""

BEGINS_WALK: Final = frozenset((ev.CentralSkips, ev.CentralTakes, ev.CentralMisses))
"""Kinds of events by which the walk of a central list begins, besides a claim."""

OPENS_ALLOCATION: Final = BEGINS_WALK | {ev.RefillBegins, ev.SweepDebt, hev.ReclaimBegins}
"""Kinds of events that are only seen in a refill, or on the way to a large object."""

STOPS_WORLD: Final = frozenset((ev.CycleStarts, ev.PhaseChanges, ev.ProcResize))
"""Kinds of events by which an operation begins for which the world is stopped."""

CHANGES_OPERATION: Final = OPENS_ALLOCATION | {
    ev.SweepClaim,
    ev.RefillEnds,
    hev.SpanInitialized,
    ev.ReleaseAll,
    ev.PrepareForSweep,
    ev.ProcResize,
    ev.ProcDestroyed,
}
"""Kinds of events by which an operation may begin or end."""

CHANGES_PS: Final = frozenset((ev.ProcResize, ev.ProcGetsMcache, ev.McacheChanges))
"""Kinds of events that tell how far a change of the number of Ps has come."""

MAY_BE_LAST: Final = frozenset(
    (
        ev.RefillEnds,
        hev.SpanInitialized,
        ev.BufferPush,
        ev.SweepDone,
        ev.ReleaseAll,
        ev.PrepareForSweep,
        ev.McacheChanges,
        ev.ProcGetsMcache,
        ev.ProcDestroyed,
        ev.ProcResize,
        hev.Coalesces,
        hev.SpanManual,
        hev.ScavengeEnds,
    )
)
"""Kinds of events after which the thread may be in no operation any more."""

# --- what threads read without a lock -------------------------------------------------------------

LEAVES_ALIKE: Final = frozenset(
    (
        ev.UncacheToNonempty,
        ev.CentralChecksRoom,
        ev.CentralGrows,
        ev.SweepResult,
        ev.BufferPop,
        hev.SpanInitialized,
    )
)
"""Kinds of events at which the state and the sweepgen of the span that they name stay the same."""

SWEPT: Final = 0
TAKEN: Final = 1
ALLOCATING: Final = 2
"""What a thread may be doing with a span over several events: it has swept it and not told that
others may see it; it takes it for an mcache; it takes it from the free set.
"""

BEGINS: Final[dict[type[EventBase], int]] = {
    ev.SweepResult: SWEPT,
    ev.CentralTakes: TAKEN,
    ev.CentralGrows: TAKEN,
    hev.HeapAllocates: ALLOCATING,
}
"""Kinds of events from which on a thread is doing something with its span."""

ENDS: Final[dict[type[EventBase], int]] = {
    ev.CentralFreesSpan: SWEPT,
    ev.BufferPush: SWEPT,
    ev.RefillEnds: TAKEN,
    ev.CentralChecksRoom: TAKEN,
    hev.SpanInUse: ALLOCATING,
    hev.SpanManual: ALLOCATING,
}
"""Kinds of events up to which it does; with room found, a span that was looked at is kept."""

REPLACES: Final = frozenset(
    (ev.Uncache, ev.CentralFreesSpan, ev.RefillBegins, ev.RefillEnds),
)
"""Kinds of events whose thread replaces the sweepgen of its span some time before its next one."""

HEAP_CHANGES: Final = frozenset(
    (
        hev.HeapAllocates,
        hev.SpanInUse,
        hev.SpanManual,
        hev.HeapFrees,
        hev.Coalesces,
        hev.ScavengesSpan,
        hev.GrowAddsSpan,
    )
)
"""Kinds of events that tell of a descriptor whose state has changed under the page heap's lock."""

CHANGES_STATE: Final = frozenset((hev.HeapFrees, hev.SpanInUse, ev.BufferPush))
"""Kinds of events by which a span comes into use, or leaves it."""

CHANGE_IS_MADE: Final = frozenset((hev.Coalesces, hev.SpanInUse))
"""Kinds of events with which such a change has been made by now."""

# --- a kind ---------------------------------------------------------------------------------------

OF_THREAD: Final = 0
OF_CYCLE: Final = 1
MALLOC: Final = 2
TINY_HIT: Final = 3
MARK: Final = 4
"""How events of a kind are replayed: as a step of a thread, or of the collector, as one of the
objects that are allocated, or as a note of the program.
"""

REPLAYED_AS: Final[dict[type[EventBase], int]] = {
    ev.Malloc: MALLOC,
    ev.TinyHit: TINY_HIT,
    ev.Mark: MARK,
    ev.CycleStarts: OF_CYCLE,
    ev.PhaseChanges: OF_CYCLE,
    ev.SweepPhaseStarts: OF_CYCLE,
}
"""Kinds of events that are no steps of a thread."""

NEITHER: Final = -1


class Kind:
    """What is known of a kind of events: in which of the sets above it is, by their names."""

    def __init__(self, number: int, event: type[EventBase]) -> None:
        self.number = number
        self.event = event
        self.rule = OF_KIND[event]
        self.replayed_as = REPLAYED_AS.get(event, OF_THREAD)
        self.descriptors = DESCRIPTORS_OF[event]
        self.bounded = event in BOUNDED
        self.shares_bound = event in ev.SHARES_BOUND
        self.begins_section = event in BEGINS_SECTION
        self.under_lock = event in UNDER_LOCK
        self.may_hold_lock = event in MAY_HOLD_LOCK
        self.under_list_lock = event in UNDER_LIST_LOCK
        self.opens_allocation = event in OPENS_ALLOCATION
        self.changes_operation = event in CHANGES_OPERATION
        self.may_be_last = event in MAY_BE_LAST
        self.leaves_alike = event in LEAVES_ALIKE
        self.begins = BEGINS.get(event, NEITHER)
        self.ends = ENDS.get(event, NEITHER)
        self.replaces = event in REPLACES
        self.heap_changes = event in HEAP_CHANGES
        self.changes_state = event in CHANGES_STATE
        self.change_is_made = event in CHANGE_IS_MADE
        self.may_be_input = event in MAY_BE_INPUT
        # A few kinds stand alone, and a class of a module that is not compiled is looked up there
        # each time that it is named.
        self.is_claim = event is ev.SweepClaim
        self.is_pop = event is ev.BufferPop
        self.is_resize = event is ev.ProcResize
        self.is_mcache = event is ev.McacheChanges
        self.changes_ps = event in CHANGES_PS
        self.is_initialized = event is hev.SpanInitialized
        self.is_in_use = event is hev.SpanInUse
        self.is_manual = event is hev.SpanManual


KINDS: Final = {event: Kind(number, event) for number, event in enumerate(KIND_OF)}
"""What is known of each kind of events."""
