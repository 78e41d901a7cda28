"""Judging sums: statistics, where bits are kept, special records (I-29 to I-34)."""

from collections.abc import Iterator
from typing import Final

from spanproof.witness.judging.finding import Finding, JudgedImage
from spanspec.base.constants import size_class_of
from spanspec.base.words import M64
from spanspec.span.markbits import ARENA_BYTES, bitmap_bytes
from spanspec.span.specials import Special, in_order

PAGES_IN_USE: Final = "pagesInUse"
BYTES_IN_USE: Final = "bytes of spans in use (inHeap)"
MANUAL_BYTES: Final = "bytes of manual spans"
LARGE_OBJECTS: Final = "large objects"
LARGE_BYTES: Final = "bytes of large objects"
OBJECTS: Final = "objects"
"""What is counted."""

HEADER: Final = 16
"""Bytes before the bits of an arena: how much is taken, and the next arena."""


def judge_totals(scene: JudgedImage) -> Iterator[Finding]:
    """Yield what does not hold of sums."""
    yield from bits(scene)
    yield from specials(scene)
    # What is freed of user arenas stays counted until nothing leads to it.
    if not scene.image.partial and not any(span.user_arena for span in scene.image.spans):
        yield from counters(scene)


def bits(scene: JudgedImage) -> Iterator[Finding]:
    """Yield the spans whose bits lie where they must not.

    Rules: SPAN-22 SPAN-27 I-34.
    """
    places = []
    for span in scene.used:
        if span.user_arena or not span.alloc_read or not span.mark_read:
            continue
        size = bitmap_bytes(min(span.nelems, 1 << 16))
        places.append((span.alloc_bits_at, size, span.descriptor))
        places.append((span.mark_bits_at, size, span.descriptor))
    places.sort()
    starts = {at + HEADER: age for age, those in scene.image.bit_arenas.items() for at in those}
    arenas = sorted(starts)
    number, end, owner = -1, 0, 0
    for at, size, descriptor in places:
        if at % 8:
            yield Finding("SPAN-22", f"bits at {at:#x}, which is no word", descriptor)
        if at < end and descriptor != owner:
            yield Finding(
                "SPAN-22", f"its bits at {at:#x} are also those of {owner:#x}", descriptor
            )
        elif at < end:
            yield Finding("SPAN-22", "its mark bits are also its allocation bits", descriptor)
        end, owner = max(end, at + size), descriptor
        while number + 1 < len(arenas) and arenas[number + 1] <= at:
            number += 1
        if arenas and not (number >= 0 and at + size <= arenas[number] + ARENA_BYTES):
            yield Finding("SPAN-24", f"its bits at {at:#x} are in no arena for bits", descriptor)
        elif arenas and starts[arenas[number]] == "free":
            yield Finding("I-34", f"its bits at {at:#x} are in a free arena", descriptor)


def specials(scene: JudgedImage) -> Iterator[Finding]:
    """Yield the spans whose special records are not in order, or beyond their end.

    Rules: SWP-24.
    """
    for descriptor, those in scene.image.specials.items():
        span = scene.by_descriptor[descriptor]
        if not in_order([Special(offset, kind) for offset, kind in those]):
            yield Finding("SWP-24", "its special records are not in order", descriptor)
        elif those and those[-1][0] >= span.npages * scene.image.page_size:
            yield Finding("SWP-24", "a special record beyond its end", descriptor)


def counters(scene: JudgedImage) -> Iterator[Finding]:
    """Yield the statistics that are not the sums over the spans.

    Rules: I-29 I-30 I-32.
    """
    image = scene.image
    pages = sum(span.npages for span in scene.used if not span.user_arena)
    manual = sum(span.npages for span in image.spans if span.state == scene.manual)
    large = [span for span in scene.used if size_class_of(span.spanclass) == 0]
    large = [span for span in large if not span.user_arena]
    known = image.counters
    size = image.page_size
    kept = [known[name] for name in ("inStacks", "inWorkBufs", "inPtrScalarBits") if name in known]
    sums: list[tuple[str, str, int | None, int]] = [
        ("I-29", PAGES_IN_USE, known.get("pagesInUse"), pages),
        ("I-29", BYTES_IN_USE, known.get("inHeap"), pages * size),
        ("I-29", MANUAL_BYTES, sum(kept) & M64 if kept else None, manual * size),
        (
            "I-32",
            LARGE_OBJECTS,
            difference(known, "largeAllocCount", "largeFreeCount"),
            len(large),
        ),
        (
            "I-32",
            LARGE_BYTES,
            difference(known, "largeAlloc", "largeFree"),
            sum(span.elemsize for span in large),
        ),
    ]
    for rule, name, counted, summed in sums:
        if counted is not None and counted != summed:
            yield Finding(
                rule,
                f"{name}: {counted} are counted, the spans have {summed}",
                amount=signed(counted - summed),
                counts=name,
            )
    yield from by_class(scene)


def signed(difference: int) -> int:
    """Return a difference of two 64-bit counts as a signed number."""
    return (difference + (1 << 63) & M64) - (1 << 63)


def difference(known: dict[str, int], more: str, less: str) -> int | None:
    """Return the difference of two counters, or None if one is not kept."""
    if more not in known or less not in known:
        return None
    return (known[more] - known[less]) & M64


def by_class(scene: JudgedImage) -> Iterator[Finding]:
    """Yield the classes whose objects are not those that were handed out and not freed.

    Those handed out from a cached span are counted when it leaves the cache.

    Rules: I-30.
    """
    image = scene.image
    if not image.allocated_by_class or "allocCountBeforeCache" not in image.present:
        return
    if not image.procs:
        return  # which spans are cached is not known
    held = [0] * len(image.allocated_by_class)
    for span in scene.used:
        number = size_class_of(span.spanclass)
        if 0 < number < len(held):
            cached = span.descriptor in scene.cached
            held[number] += span.count_before_cache if cached else span.alloc_count
    pairs = zip(image.allocated_by_class, image.freed_by_class, strict=True)
    for number, (out, freed) in enumerate(pairs):
        if number and (out - freed) & M64 != held[number]:
            yield Finding(
                "I-30",
                f"class {number}: {(out - freed) & M64} objects are counted, "
                f"{held[number]} are held",
                spanclass=2 * number,
                amount=signed(out - freed - held[number]),
                counts=OBJECTS,
            )
