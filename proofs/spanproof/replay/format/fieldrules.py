"""Which rule fixes which figure of which event: what a divergence names."""

from typing import Final

from spanspec.events import heap_events as hev
from spanspec.events import span_events as ev
from spanspec.events.fields import EventBase

OF_KIND: Final[dict[type[EventBase], str]] = {
    ev.Malloc: "MAL-10",
    ev.TinyHit: "MAL-6",
    ev.RefillBegins: "MC-4",
    ev.RefillEnds: "MC-4",
    ev.McacheChanges: "MC-2",
    ev.ProcGetsMcache: "MC-14",
    ev.ProcDestroyed: "MC-10",
    ev.ProcResize: "MC-14",
    ev.ReleaseAll: "MC-6",
    ev.Uncache: "CEN-12",
    ev.UncacheToNonempty: "CEN-12",
    ev.PrepareForSweep: "MC-7",
    ev.CentralSkips: "CEN-3",
    ev.CentralTakes: "CEN-3",
    ev.CentralChecksRoom: "CEN-4",
    ev.CentralMisses: "CEN-7",
    ev.CentralGrows: "CEN-7",
    ev.CentralFreesSpan: "CEN-14",
    ev.SweepClaim: "SWP-15",
    ev.SweepResult: "SWP-24",
    ev.BufferPush: "SWP-9",
    ev.BufferPop: "SWP-11",
    ev.SweepDrops: "SWP-14",
    ev.SweepDone: "SWP-16",
    ev.SweepDebt: "SWP-19",
    ev.CycleStarts: "SWP-32",
    ev.PhaseChanges: "SWP-32",
    ev.SweepPhaseStarts: "SWP-35",
    ev.Mark: "SPAN-12",
    hev.HeapAllocates: "HEAP-13",
    hev.SpanInUse: "HEAP-22",
    hev.SpanInitialized: "SPAN-6",
    hev.SpanManual: "HEAP-24",
    hev.HeapFrees: "HEAP-28",
    hev.Coalesces: "HEAP-29",
    hev.HeapGrows: "HEAP-17",
    hev.ArenaMapped: "AR-4",
    hev.HeapGrown: "HEAP-17",
    hev.GrowAddsSpan: "HEAP-19",
    hev.ScavengeIfNeeded: "SCAV-14",
    hev.ScavengeBegins: "SCAV-7",
    hev.ScavengesSpan: "SCAV-7",
    hev.ScavengeEnds: "SCAV-7",
    hev.ReclaimBegins: "SWP-21",
    hev.ReclaimEnds: "SWP-21",
    hev.ReclaimTakesCredit: "SWP-23",
    hev.ReclaimChunk: "SWP-22",
}
"""The rule that an event as a whole rests on."""

OF_FIELD: Final = {
    "base_page": "SPAN-1",
    "spanclass": "CONST-5",
    "sweepgen": "SWP-3",
    "freeindex": "SPAN-15",
    "alloc_count": "SPAN-9",
    "nelems": "SPAN-5",
    "elemsize": "SPAN-1",
    "needzero": "HEAP-35",
    "was_empty": "SWP-30",
    "preserve": "SWP-25",
    "large_dead": "SWP-26",
    "alloc_bits": "SPAN-20",
    "slot": "SPAN-15",
    "retained": "SCAV-2",
    "huge_pages": "TREAP-4",
    "p": "CONC-9",
}
"""The rule that a figure of that name rests on, whatever the event."""

SPECIAL: Final[dict[tuple[type[EventBase], str], str]] = {
    (hev.HeapAllocates, "chosen"): "TREAP-2",
    (hev.HeapAllocates, "chosen_base"): "TREAP-2",
    (hev.HeapAllocates, "span"): "HEAP-4",
    (hev.HeapAllocates, "rest_scavenged"): "HEAP-15",
    (hev.GrowAddsSpan, "span"): "HEAP-4",
    (hev.ScavengesSpan, "span"): "HEAP-4",
    (hev.ScavengesSpan, "split"): "SCAV-9",
    (hev.ScavengesSpan, "base_page"): "SCAV-9",
    (hev.ScavengesSpan, "released"): "SCAV-6",
    (hev.ScavengeBegins, "wanted"): "SCAV-14",
    (hev.Coalesces, "scavenged"): "HEAP-33",
    (hev.HeapGrows, "arena_base"): "HEAP-17",
    (ev.CentralMisses, "span"): "CEN-4",
    (ev.CentralTakes, "span"): "CEN-3",
    (ev.McacheChanges, "mcache"): "HEAP-4",
    (ev.SweepPhaseStarts, "sweepgen"): "SWP-2",
    (ev.Uncache, "heap_sweepgen"): "SWP-2",
    (ev.PrepareForSweep, "sweepgen"): "SWP-2",
    (ev.Uncache, "spanclass"): "MC-6",
}
"""Where the rule of a figure depends on the event."""


def rule_of(kind: type[EventBase], field: str) -> str:
    """Return the rule that fixes a figure of an event."""
    return SPECIAL.get((kind, field)) or OF_FIELD.get(field) or OF_KIND[kind]
