"""Single damages of a recording: one value of one event is another, and the check has to notice."""

import json
import random
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from spanproof.witness.recording.check import Recording
from spanproof.witness.recording.known import StepDiverged
from spanproof.witness.recording.recordings import Event


def is_cached_alloc(event: Event) -> bool:
    """Tell whether an event is an allocation from a span that is recorded."""
    return is_alloc(event) and isinstance(event.get("pre"), dict)


def leaves_room(event: Event) -> bool:
    """Tell whether an event is such an allocation, and its span is not searched to its end."""
    return is_cached_alloc(event) and bool(event["post"]["fi"] < event["post"]["ne"])


def has_room_before(event: Event) -> bool:
    """Tell whether an event is such an allocation, and takes a slot of the span in the cache."""
    room = is_cached_alloc(event) and event["pre"]["ac"] < event["pre"]["ne"]
    return bool(room and not is_tiny(event))


def is_alloc(event: Event) -> bool:
    """Tell whether an event is an allocation."""
    return bool(event["e"] == "alloc")


def has_small(event: Event) -> bool:
    """Tell whether an event is a dump with a small span that has room."""
    return event["e"] == "ckpt" and any(roomy(span) for span in event["spans"])


def is_tiny(event: Event) -> bool:
    """Tell whether an event is about the tiny block."""
    return "tiny2" in event


def is_cycle(event: Event) -> bool:
    """Tell whether an event is a collection."""
    return bool(event["e"] == "gc")


def roomy(span: Event) -> bool:
    """Tell whether a recorded span is small and not full."""
    return bool(span["spc"] > 1 and span["fi"] < span["ne"])


def flipped(text: str, bit: int) -> str:
    """Return bits in hexadecimal with one of them flipped."""
    data = bytearray.fromhex(text)
    data[bit // 8] ^= 1 << bit % 8
    return data.hex()


def post(name: str, by: int) -> Callable[[Event], None]:
    """Return what changes a number of the span after an allocation."""

    def change(event: Event) -> None:
        event["post"][name] += by

    return change


def dumped(name: str, by: int) -> Callable[[Event], None]:
    """Return what changes a number of a dumped span."""

    def change(event: Event) -> None:
        next(span for span in event["spans"] if roomy(span))[name] += by

    return change


def dumped_bits(name: str) -> Callable[[Event], None]:
    """Return what flips a bit, from freeindex on, of a dumped span."""

    def change(event: Event) -> None:
        span = next(span for span in event["spans"] if roomy(span))
        span[name] = flipped(span[name], span["fi"])

    return change


def own(name: str, by: int) -> Callable[[Event], None]:
    """Return what changes a number of the event itself."""

    def change(event: Event) -> None:
        event[name] += by

    return change


def other_cache(event: Event) -> None:
    """Flip a bit of allocCache after an allocation."""
    cache = int(event["post"]["cache"], 16) ^ 1
    event["post"]["cache"] = f"{cache:016x}"


def uncached(event: Event) -> None:
    """Let a cached span of a dump not be cached."""
    name = next(name for name, base in event["cached"].items() if base)
    event["cached"][name] = 0


def listed_with_room(event: Event) -> Iterator[tuple[list[int], int]]:
    """Yield the central lists of a dump that have a dumped span with room, and that span."""
    if event["e"] != "ckpt" or event["why"] == "midgc":
        return
    sg = event["hsg"]
    roomy_now = {s["b"] for s in event["spans"] if s["sg"] == sg and s["ac"] < s["ne"]}
    for lists in event["central"].values():
        for name in ("nonempty", f"p{sg // 2 % 2}"):
            for base in lists.get(name, ()):
                if base in roomy_now:
                    yield lists[name], base


def is_dump_with_room(event: Event) -> bool:
    """Tell whether a dump shows a span with room in its central list."""
    return next(listed_with_room(event), None) is not None


def unlisted(event: Event) -> None:
    """Take a span with room out of its central list."""
    those, base = next(listed_with_room(event))
    those.remove(base)


def has_scan_index(event: Event) -> bool:
    """Tell whether an event is an allocation whose span has a freeIndexForScan, and room."""
    if not is_alloc(event) or "fs" not in event["post"]:
        return False
    return bool(event["post"]["ac"] < event["post"]["ne"])


def is_quiet_dump(event: Event) -> bool:
    """Tell whether an event is a dump while no cycle runs."""
    return bool(event["e"] == "ckpt" and event["why"] != "midgc")


def other_slot(event: Event) -> None:
    """Let a cache slot of a dump hold what is no span of its class."""
    name = next(iter(event["cached"]))
    event["cached"][name] += 8


KINDS: Final[dict[str, tuple[Callable[[Event], bool], Callable[[Event], None]]]] = {
    "addr": (is_cached_alloc, own("addr", 8)),
    "freeindex after": (is_cached_alloc, post("fi", 1)),
    "allocCount after": (is_cached_alloc, post("ac", 1)),
    "allocCache after": (leaves_room, other_cache),
    "sweepgen after": (lambda e: is_cached_alloc(e) and not is_tiny(e), post("sg", -3)),
    "freeIndexForScan after": (has_scan_index, post("fs", -1)),
    "needzero after": (
        has_room_before,
        lambda e: post("nz", 1 - 2 * e["post"]["nz"])(e),
    ),
    "spanclass": (is_alloc, post("spc", 1)),
    "elemsize": (is_alloc, post("es", 8)),
    "nelems": (is_alloc, post("ne", -1)),
    "npages": (is_alloc, post("np", 1)),
    "state": (is_alloc, post("st", 1)),
    "base": (lambda e: is_cached_alloc(e) and not is_tiny(e), post("b", 8192)),
    "the number of an event": (is_alloc, own("n", 1)),
    "the heap's sweepgen": (is_cycle, own("hsg1", 2)),
    "allocCount in a dump": (has_small, dumped("ac", 1)),
    "sweepgen in a dump": (has_small, dumped("sg", 5)),
    "allocBits in a dump": (has_small, dumped_bits("ab")),
    "marks in a dump": (has_small, dumped_bits("gm")),
    "the tiny block": (is_tiny, own("tiny2", 16)),
    "the offset in the tiny block": (is_tiny, own("tinyoff2", 1)),
    "a cached span": (lambda e: e["e"] == "ckpt" and any(e["cached"].values()), uncached),
    "the span in a cache slot": (is_quiet_dump, other_slot),
    "the heap's sweepgen in a dump": (is_quiet_dump, own("hsg", 2)),
    "the phase": (is_quiet_dump, own("gcphase", 1)),
    "a span that is in no central list": (is_dump_with_room, unlisted),
}
"""The kinds that are declared to be noticed: which events can have one, and the change."""


def damaged(events: Sequence[Event], place: int, kind: str) -> list[Event]:
    """Return a recording in which one event has a damage of a kind."""
    event = json.loads(json.dumps(events[place]))
    KINDS[kind][1](event)
    return [*events[:place], event, *events[place + 1 :]]


def places_of(events: Sequence[Event], kind: str) -> list[int]:
    """Return the events that can have a damage of a kind."""
    fits = KINDS[kind][0]
    return [n for n, event in enumerate(events) if n and fits(event)]


def diverges(events: Sequence[Event]) -> bool:
    """Tell whether the check of a recording finds a divergence."""
    recording = Recording(events[0])
    try:
        for event in events[1:]:
            recording.take(event)
    except (StepDiverged, AssertionError):
        return True
    return False


def missed(events: Sequence[Event], of_each: int, seed: int) -> tuple[int, list[str]]:
    """Return how many damages were tried, and those that were not noticed, in words."""
    drawn = random.Random(seed)
    tried, found = 0, []
    for kind in KINDS:
        places = places_of(events, kind)
        for place in drawn.sample(places, min(of_each, len(places))):
            tried += 1
            if not diverges(damaged(events, place, kind)):
                found.append(f"{kind} in event {place}")
    return tried, found
