"""What a recording has shown so far, which the next events are held against."""

from collections import Counter
from typing import Final

import msgspec

from spanproof.witness.judging.slots import occupancy, shape
from spanproof.witness.recording.recordings import NUMBERS, Event
from spanspec.base.constants import size_class_of
from spanspec.sharing.containers.spansets import swept_set
from spanspec.span.mspan import IN_USE, Mspan, bounds_hold
from spanspec.span.profile import Profile, class_exists
from spanspec.span.tiny import NO_TINY_BLOCK

OF_SHAPE: Final = ("I-6", "I-11", "I-39")
OF_SLOTS: Final = ("I-1", "I-2", "I-3", "I-4", "SPAN-9", "SPAN-10")
"""What each span that is recorded is held against."""

OF_EACH: Final = ("SPAN-2", *OF_SHAPE, "I-1")
"""What is counted as checked of a span that was found sound before, with the same values."""

MOST_KEPT: Final = 1 << 16
"""Spans, with their values, that are remembered to be sound."""


class StepDiverged(Exception):
    """A step of Go is not that of the model."""

    def __init__(self, rule: str, what: str, expected: object, seen: object) -> None:
        super().__init__(what)
        self.rule, self.what = rule, what
        self.expected, self.seen = str(expected), str(seen)


class RecordedHeap:
    """The version's profile by the header, and spans, lists and objects by the events since."""

    def __init__(self, header: Event) -> None:
        table = header["classes"]
        learnt = header["calib"]
        self.profile = Profile(
            class_to_size=tuple(row[1] for row in table),
            class_to_pages=tuple(row[2] for row in table),
            heap_bits_in_span=learnt["nelems_scan8"] == 1008,
            inline_marks=learnt["nelems_noscan16"] == 504,
            limit_ignores_bits=False,
        )
        self.header_bytes = learnt["off_scan520"]
        self.number = -1
        self.sweepgen: int | None = None
        self.dumped: dict[int, dict[int, Event]] = {}
        self.central: dict[int, dict[str, list[int]]] = {}
        self.live: dict[int, tuple[int, int, int | None]] = {}
        self.gone: set[tuple[int, int]] = set()
        self.dropped: list[tuple[int, int, int | None]] = []
        self.tiny = NO_TINY_BLOCK
        self.tiny_slots: dict[int, tuple[int, int, int | None]] = {}
        self.after_cycle = False
        self.checked = Counter[str]()
        self.heaps = 0
        self._sound: set[tuple[object, ...]] = set()

    def require(self, holds: bool, rule: str, what: str, expected: object, seen: object) -> None:
        """Count that a rule is checked, and raise a divergence unless it holds."""
        self.checked[rule] += 1
        if not holds:
            raise StepDiverged(rule, what, expected, seen)

    def at_generation(self, seen: int) -> None:
        """Check that the heap has the generation that it had: only a cycle changes it.

        Rules: SWP-2.
        """
        if self.sweepgen is None:
            self.sweepgen = seen
        self.require(seen == self.sweepgen, "SWP-2", "the heap's generation", self.sweepgen, seen)

    def sound(self, record: Mspan, span: Event, slots: bool = True) -> None:
        """Check a span by itself: its shape, and its slots if its bits are recorded.

        Rules: I-1 I-2 I-3 I-4 I-6 I-7 I-11 SPAN-2 SPAN-9 SPAN-10 SPAN-22 VER-7.
        """
        key = (*NUMBERS(span), span.get("ab"), span.get("gm"), span.get("fs"), slots)
        if key in self._sound:
            self.checked.update(OF_EACH + OF_SLOTS if slots else OF_EACH)
            return
        self.require(
            record.state == IN_USE, "SPAN-2", "the state of a span in use", IN_USE, record.state
        )
        shaped = record
        if class_exists(self.profile, record) and size_class_of(record.spanclass) == 0:
            # What a large object's limit is, is not recorded.
            shaped = msgspec.structs.replace(record, limit=record.base + record.elemsize)
        self.checked.update(OF_SHAPE)
        for rule, what in shape(self.profile, shaped):
            raise StepDiverged(rule, what, "what the class says", span)
        self.require(
            bounds_hold(record),
            "I-1",
            "freeindex and allocCount lie within 0..nelems",
            record.nelems,
            (record.freeindex, record.alloc_count),
        )
        scanned = span.get("fs")
        if scanned is not None:
            # It is written after each allocation, but for one that fills the span.
            full = record.freeindex == record.nelems or record.alloc_count == record.nelems
            self.require(
                scanned == record.freeindex or (full and scanned < record.freeindex),
                "VER-7",
                "freeIndexForScan is freeindex",
                record.freeindex,
                scanned,
            )
        if slots:
            beyond = sum(
                bits.count(record.nelems + 8) - bits.count(record.nelems)
                for bits in (record.alloc_bits, record.gcmark_bits)
            )
            self.require(beyond == 0, "SPAN-22", "bits beyond the last slot", 0, beyond)
            self.checked.update(OF_SLOTS)
            for rule, what in occupancy(record, span.get("fs")):
                if rule != "I-7":
                    raise StepDiverged(rule, what, "what allocBits say", span)
        if len(self._sound) >= MOST_KEPT:
            self._sound.clear()
        self._sound.add(key)

    def first_with_room(self, spanclass: int, sg: int) -> int:
        """Return the span that a refill is to take; 0 if the last dump shows none."""
        lists = self.central.get(spanclass, {})
        name = f"p{swept_set(sg)}" if "p0" in lists else "nonempty"
        return next(iter(lists.get(name, ())), 0)

    def remember(self, event: Event, dumped: dict[int, dict[int, Event]]) -> None:
        """Keep what the next refills are held against."""
        for spanclass in (int(name) for name in event["cached"]):
            self.dumped[spanclass] = {}
        if "spc" in event:
            self.dumped[event["spc"]] = {}
        self.dumped.update(dumped)
        for name, lists in event["central"].items():
            self.central[int(name)] = lists
