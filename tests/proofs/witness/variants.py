"""Recordings of one version as another would make them: what a check learns must come from them.

Go 1.12 to 1.15 have 67 classes, and no freeIndexForScan; up to 1.13 there are lists in the place of
sets. A recording of a later version without its 24-byte class, without that field, and with its
sets as lists is one of theirs.
"""

import json
from collections.abc import Callable, Sequence
from typing import Final

from spanproof.witness.recording.recordings import Event
from spanspec.base.sizeclass import CLASS_TO_PAGES, CLASS_TO_SIZE
from spanspec.span.profile import ALIGNED_TO_8

SPAN_KEYS: Final = ("pre", "post")
"""What of an event is a span."""


def copied(events: Sequence[Event]) -> list[Event]:
    """Return a recording of which anything may be changed."""
    found: list[Event] = json.loads(json.dumps(list(events)))
    return found


def spans_of(event: Event) -> list[Event]:
    """Return the spans that an event shows."""
    own = [event[key] for key in SPAN_KEYS if isinstance(event.get(key), dict)]
    return [*own, *event.get("spans", ())]


def without_scan_index(events: Sequence[Event]) -> list[Event]:
    """Return a recording whose spans have no freeIndexForScan.

    Rules: VER-7.
    """
    found = copied(events)
    for event in found:
        for span in spans_of(event):
            span.pop("fs", None)
    return found


def with_67_classes(events: Sequence[Event]) -> list[Event]:
    """Return a recording without the class of 24 bytes, and without what was allocated from it.

    Rules: VER-6.
    """
    found = copied(events)
    header = found[0]
    number = next(row[0] for row in header["classes"] if row[1] == ALIGNED_TO_8)

    def moved(spanclass: int) -> int:
        return spanclass - 2 if spanclass > 2 * number + 1 else spanclass

    kept, gone, left_out = [], set[int](), 0
    for event in found[1:]:
        kind = event["e"]
        if kind == "alloc":
            gone.discard(event["id"])
        if event.get("spc", 0) >> 1 == number or (kind == "drop" and event["id"] in gone):
            if kind == "alloc":
                gone.add(event["id"])
            left_out += kind != "ckpt"
            continue
        event["n"] -= left_out
        if "spc" in event:
            event["spc"] = moved(event["spc"])
        if kind == "ckpt":
            event["spans"] = [span for span in event["spans"] if span["spc"] >> 1 != number]
            for key in ("cached", "central"):
                event[key] = {
                    str(moved(int(name))): value
                    for name, value in event[key].items()
                    if int(name) >> 1 != number
                }
        for span in spans_of(event):
            span["spc"] = moved(span["spc"])
        kept.append(event)
    rows = zip(range(len(CLASS_TO_SIZE)), CLASS_TO_SIZE, CLASS_TO_PAGES, strict=True)
    classes = [list(row) for row in rows]
    return [{**header, "classes": classes, "spanclasses": 2 * len(classes)}, *kept]


def with_lists(events: Sequence[Event]) -> list[Event]:
    """Return a recording whose sets are lists: `nonempty`, the swept first, and `empty`.

    A cached span is in `empty`, too.

    Rules: VER-4 CEN-1.
    """
    found = copied(events)
    for event in found:
        if event["e"] != "ckpt":
            continue
        swept = event["hsg"] // 2 % 2
        for name, sets in event["central"].items():
            cached = event["cached"].get(name, 0)
            event["central"][name] = {
                "nonempty": sets[f"p{swept}"] + sets[f"p{1 - swept}"],
                "empty": sets[f"f{swept}"] + sets[f"f{1 - swept}"] + ([cached] if cached else []),
            }
    return found


VARIANTS: Final[dict[str, Callable[[Sequence[Event]], list[Event]]]] = {
    "1.16": without_scan_index,
    "1.15": lambda events: without_scan_index(with_67_classes(events)),
    "1.13": lambda events: with_lists(without_scan_index(with_67_classes(events))),
}
"""Recordings of Go 1.19 as earlier versions would make them."""
