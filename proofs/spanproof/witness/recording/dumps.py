"""Checking recorded cycles and dumps: where each span is, and what a cycle left of it."""

from spanproof.witness.recording.known import RecordedHeap
from spanproof.witness.recording.recordings import Event, record_of
from spanspec.base.constants import MAX_OBJECTS_PER_SPAN, size_class_of
from spanspec.sharing.containers.spansets import (
    FULL,
    NO_ENTRIES,
    PARTIAL,
    Entries,
    entries_hold,
    swept_set,
)
from spanspec.span.listing import EMPTY, NONEMPTY, belongs
from spanspec.span.mspan import Mspan, has_room, is_allocated
from spanspec.span.sweepgen import is_cached, is_legal, is_legal_between_cycles, next_cycle
from spanspec.span.tiny import NO_TINY_BLOCK


def cycle(known: RecordedHeap, event: Event) -> None:
    """Check that a cycle has ended.

    Rules: SWP-2.
    """
    known.at_generation(event["hsg0"])
    want = next_cycle(event["hsg0"])
    known.require(
        event["hsg1"] == want,
        "SWP-2",
        "the heap's generation after a cycle",
        want,
        event["hsg1"],
    )
    kept = known.tiny_slots.get(known.tiny.address)
    alive = {slot[:2] for slot in known.live.values()} | ({kept[:2]} if kept else set())
    known.gone |= {
        (base, slot)
        for base, slot, spanclass in known.dropped
        if spanclass is not None and (base, slot) not in alive
    }
    known.dropped = [slot for slot in known.dropped if kept is not None and slot[:2] == kept[:2]]
    known.tiny = NO_TINY_BLOCK
    known.sweepgen = event["hsg1"]
    known.after_cycle = True


def checkpoint(known: RecordedHeap, event: Event) -> None:
    """Check a dump of spans: each by itself, where it is, and what a cycle left of it.

    Rules: I-5 I-19 I-22 I-27 VER-4 SWP-27 T-89.
    """
    sg = event["hsg"]
    cached = {base for base in event["cached"].values() if base}
    entries = entries_in(event, sg)
    quiet = event["why"] != "midgc"
    if quiet:
        known.at_generation(sg)
    legal = is_legal_between_cycles if quiet else is_legal
    dumped: dict[int, dict[int, Event]] = {}
    for span in event["spans"]:
        record = record_of(span)
        known.sound(record, span)
        known.require(legal(sg, span["sg"]), "I-22", "the generation of a span", sg, span["sg"])
        dumped.setdefault(record.spanclass, {})[record.base] = span
        in_view = str(record.spanclass) in event["cached"]
        if quiet and in_view:
            held = record.base in cached
            known.require(
                is_cached(sg, span["sg"]) == held,
                "I-19",
                f"span {record.base:#x} is cached as its generation says",
                held,
                span["sg"] - sg,
            )
        if quiet and entries is not None and record.spanclass in entries:
            where = entries[record.spanclass].get(record.base, NO_ENTRIES)
            large = size_class_of(record.spanclass) == 0
            known.require(
                entries_hold(sg, span["sg"], has_room(record), large, where),
                "I-19",
                f"the sets of span {record.base:#x}",
                "those of its generation",
                where.told(),
            )
        elif quiet and entries is None and size_class_of(record.spanclass) != 0:
            listed(known, event, record, record.base in cached)
        if quiet:
            marks = record.gcmark_bits.count(min(record.nelems, MAX_OBJECTS_PER_SPAN))
            known.require(marks == 0, "I-5", f"marks of the swept span {record.base:#x}", 0, marks)
    if quiet:
        known.require(
            event["gcphase"] == 0, "T-89", "the phase between cycles", 0, event["gcphase"]
        )
        for name, base in event["cached"].items():
            known.require(
                not base or base in dumped.get(int(name), ()),
                "I-19",
                f"the span that is cached in slot {name}",
                "a span in use of this class",
                f"{base:#x}",
            )
    if event.get("spc", 0) not in {0, *dumped} and dumped:
        raise ValueError(f"a dump of class {event['spc']} has spans of others")
    if known.after_cycle and event["why"].startswith("script"):
        known.after_cycle = False
        collected(known, dumped, cached)
    known.remember(event, dumped)


def listed(known: RecordedHeap, event: Event, record: Mspan, cached: bool) -> None:
    """Check that a dumped span is in the central list that it belongs in.

    A cached span counts as full; it is in the list `empty`, too.

    Rules: I-19 CEN-1 CEN-16.
    """
    lists = event["central"].get(str(record.spanclass))
    if lists is None:
        return
    where = [place for place, name in ((NONEMPTY, "nonempty"), (EMPTY, "empty"))
             if record.base in lists[name]]  # fmt: skip
    want = belongs(False, has_room(record), cached)
    known.require(
        where == [want],
        "I-19",
        f"the list of span {record.base:#x}",
        ("no list", "nonempty", "empty")[want],
        where,
    )


def entries_in(event: Event, sg: int) -> dict[int, dict[int, Entries]] | None:
    """Return the entries of each span by class; None for a version with lists."""
    found: dict[int, dict[int, Entries]] = {}
    for name, lists in event["central"].items():
        if "p0" not in lists:
            return None
        those = found.setdefault(int(name), {})
        for kind, letter in ((PARTIAL, "p"), (FULL, "f")):
            for which in (0, 1):
                for base in lists[f"{letter}{which}"]:
                    entry = those.get(base, NO_ENTRIES)
                    those[base] = entry.with_entry(kind, which == swept_set(sg))
    return found


def collected(known: RecordedHeap, dumped: dict[int, dict[int, Event]], cached: set[int]) -> None:
    """Check what a cycle left: live objects, and none that was dropped before it.

    Rules: I-27 SWP-27 SWP-28.
    """
    for spanclass, spans in dumped.items():
        for base, span in spans.items():
            if base not in cached and size_class_of(spanclass) != 0:
                known.require(
                    span["fi"] == 0,
                    "SWP-27",
                    f"freeindex of the swept span {base:#x}",
                    0,
                    span["fi"],
                )
    for base, slot, live_class in known.live.values():
        held = dumped.get(live_class, {}).get(base) if live_class is not None else None
        if held is not None and size_class_of(held["spc"]) != 0:
            known.require(
                is_allocated(record_of(held), slot),
                "I-27",
                f"slot {slot} of span {base:#x} holds a live object",
                "allocated",
                "free",
            )
    for base, slot in known.gone:
        for spans in dumped.values():
            if base in spans and base not in cached and size_class_of(spans[base]["spc"]):
                known.require(
                    not record_of(spans[base]).alloc_bits.bit(slot),
                    "I-27",
                    f"slot {slot} of span {base:#x} held an object that was dropped",
                    "free",
                    "allocated",
                )
    known.gone.clear()
