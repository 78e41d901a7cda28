"""Checking a recorded allocation: the class, the span, the slot, and what it leaves of them."""

import msgspec
from msgspec.structs import replace

from spanproof.witness.recording.known import RecordedHeap, StepDiverged
from spanproof.witness.recording.recordings import Event, record_of
from spanspec.base.bitmap import NO_BITS
from spanspec.base.constants import TINY_SIZE, make_span_class
from spanspec.base.words import M64
from spanspec.span.alloccache import next_free_fast, next_free_slow, reload_cache
from spanspec.span.mspan import Mspan, has_room, slot_address
from spanspec.span.profile import class_for
from spanspec.span.sweepgen import is_cached, is_swept
from spanspec.span.tiny import TinyBlock, align_tiny, replace_tiny_block, take_tiny, tiny_fits


def alloc(known: RecordedHeap, event: Event) -> None:
    """Check an allocation."""
    known.at_generation(event["hsg"])
    if event["noscan"] not in (0, 1):
        raise ValueError(f"noscan is {event['noscan']}")
    after = record_of(event["post"])
    known.sound(after, event["post"], slots=False)
    if event.get("large"):
        large(known, event, after)
        return
    size, noscan = event["size"], bool(event["noscan"])
    if size < TINY_SIZE and noscan:
        if small_enough(known, event, size):
            untouched(known, event, after)
            return
        spanclass = 5
    else:
        spanclass = class_for(known.profile, size, noscan)
    known.require(
        event["spc"] == spanclass, "SC-10", "the class of a request", spanclass, event["spc"]
    )
    known.require(
        after.spanclass == spanclass,
        "SC-10",
        "the class of the span",
        spanclass,
        after.spanclass,
    )
    known.require(
        is_cached(event["hsg"], event["post"]["sg"]),
        "SWP-1",
        "the generation of a cached span",
        event["hsg"] + 3,
        event["post"]["sg"],
    )
    before = span_before(known, event, after)
    found = next_free_fast(before)
    if found.slot == before.nelems:
        found = next_free_slow(before)
    address = slot_address(before, found.slot)
    if known.profile.heap_bits_in_span and not noscan and size > 512:
        address += known.header_bytes
    known.require(
        event["addr"] == address,
        "SPAN-12",
        f"the address of slot {found.slot}",
        f"{address:#x}",
        f"{event['addr']:#x}",
    )
    for name in ("freeindex", "alloc_count", "alloc_cache", "nelems", "npages", "base", "needzero"):
        want, seen = getattr(found.span, name), getattr(after, name)
        if name == "alloc_cache" and found.span.freeindex >= found.span.nelems:
            continue
        known.require(want == seen, "SPAN-12", f"{name} after the allocation", want, seen)
    slot = (before.base, found.slot, after.spanclass)
    known.live[event["id"]] = slot
    known.gone.discard((before.base, found.slot))
    if size < TINY_SIZE and noscan:
        known.tiny_slots[event["addr"]] = slot


def small_enough(known: RecordedHeap, event: Event, size: int) -> bool:
    """Check the tiny block; tell whether the object went into the current one.

    Rules: MAL-5 MAL-6 MAL-7 MAL-8.
    """
    block = TinyBlock(event["tiny"], event["tinyoff"])
    now = TinyBlock(event["tiny2"], event["tinyoff2"])
    known.tiny = now
    if tiny_fits(block, size):
        address = block.address + align_tiny(block.offset, size)
        known.require(
            event["addr"] == address,
            "MAL-6",
            "the address in the tiny block",
            f"{address:#x}",
            f"{event['addr']:#x}",
        )
        # A recording does not tell how many objects such blocks have taken.
        taken = replace(take_tiny(block, size), allocs=now.allocs)
        known.require(now == taken, "MAL-6", "the tiny block afterwards", taken, now)
        known.live[event["id"]] = known.tiny_slots.get(block.address, (block.address, 0, None))
        return True
    want = replace_tiny_block(block, event["addr"], size)
    known.require(now == want, "MAL-7", "the tiny block afterwards", want, now)
    return False


def untouched(known: RecordedHeap, event: Event, after: Mspan) -> None:
    """Check that an object in the current tiny block took no slot.

    Rules: MAL-6.
    """
    pre = event["pre"]
    if isinstance(pre, dict):
        before = record_of(pre)
        known.sound(before, pre)
        if before.base == after.base:
            for name in ("freeindex", "alloc_count", "alloc_cache", "needzero"):
                want, seen = getattr(before, name), getattr(after, name)
                known.require(want == seen, "MAL-6", f"{name} after a tiny object", want, seen)
    elif after.nelems and after.alloc_count < after.freeindex:
        raise StepDiverged("SPAN-9", "allocCount", f"at least {after.freeindex}", after.alloc_count)


def span_before(known: RecordedHeap, event: Event, after: Mspan) -> Mspan:
    """Return the span from which the slot was taken, as it was: cached, or just refilled.

    Rules: MC-4 CEN-3 CEN-7 CEN-9 SPAN-6 VER-4.
    """
    pre = event["pre"]
    if isinstance(pre, dict):
        before = record_of(pre)
        known.sound(before, pre)
        known.require(
            before.spanclass == event["spc"],
            "I-19",
            "the class of the span in the slot",
            event["spc"],
            before.spanclass,
        )
        known.require(
            is_cached(event["hsg"], pre["sg"]),
            "SWP-1",
            "the generation of a cached span",
            event["hsg"] + 3,
            pre["sg"],
        )
        if has_room(before):
            known.require(
                before.base == after.base,
                "MAL-19",
                "a slot is taken from the cached span",
                f"{before.base:#x}",
                f"{after.base:#x}",
            )
            return before
    seen = known.dumped.get(after.spanclass, {}).get(after.base)
    first = known.first_with_room(after.spanclass, event["hsg"])
    if first:
        known.require(
            after.base == first,
            "CEN-3",
            "a refill takes the first span with room",
            f"{first:#x}",
            f"{after.base:#x}",
        )
    if seen is None:
        return msgspec.structs.replace(
            after,
            freeindex=0,
            alloc_count=0,
            alloc_cache=M64,
            alloc_bits=NO_BITS,
            gcmark_bits=NO_BITS,
        )
    return reload_cache(record_of(seen))


def large(known: RecordedHeap, event: Event, after: Mspan) -> None:
    """Check a large object.

    Rules: MAL-13 HEAP-22.
    """
    known.require(
        event["addr"] == after.base,
        "MAL-13",
        "a large object begins its span",
        f"{after.base:#x}",
        f"{event['addr']:#x}",
    )
    spanclass = make_span_class(0, bool(event["noscan"]))
    seen_class = after.spanclass
    known.require(
        seen_class == spanclass, "MAL-13", "the class of a large span", spanclass, seen_class
    )
    seen = (after.nelems, after.freeindex, after.alloc_count)
    known.require(seen == (1, 1, 1), "MAL-13", "nelems, freeindex and allocCount", (1, 1, 1), seen)
    known.require(
        event["size"] <= after.elemsize,
        "MAL-13",
        "the object fits its span",
        event["size"],
        after.elemsize,
    )
    known.require(
        is_swept(event["hsg"], event["post"]["sg"]),
        "SWP-7",
        "the generation of a large span",
        event["hsg"],
        event["post"]["sg"],
    )
    known.live[event["id"]] = (after.base, 0, after.spanclass)
