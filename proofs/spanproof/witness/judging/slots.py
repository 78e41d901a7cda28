"""Judging each span by itself: its shape, its slots and its generation, by the model's predicates.

What a predicate says depends on the values of a span alone, not on where it lies; spans with equal
values are judged once.
"""

from collections.abc import Iterator
from typing import Final

from spanproof.witness.judging.finding import Finding, JudgedImage, record_of
from spanspec.base.constants import MAX_OBJECTS_PER_SPAN, PAGE_SIZE, size_class_of
from spanspec.base.words import M64
from spanspec.span.alloccache import cache_is_exact, window_at
from spanspec.span.mspan import (
    Mspan,
    allocated_below,
    bounds_hold,
    count_alloc,
    count_is_exact,
    marked_and_free,
)
from spanspec.span.profile import (
    Profile,
    class_exists,
    class_holds,
    is_aligned,
    limit_holds,
    slots_hold,
    slots_of,
)
from spanspec.span.sweepgen import is_legal, is_legal_between_cycles, is_sweeping, needs_sweep

OFF: Final = 0
"""The phase in which no cycle runs (_GCoff)."""

Judged = tuple[tuple[str, str], ...]
"""The rules that do not hold, each with what is seen."""


def shape(profile: Profile, record: Mspan) -> Iterator[tuple[str, str]]:
    """Yield what does not hold of a span's shape.

    Rules: I-6 I-11 I-39.
    """
    if not class_exists(profile, record):
        yield "I-11", f"there is no span class {record.spanclass}"
        return
    if not is_aligned(profile, record):
        yield "I-39", f"slots of {record.elemsize} bytes at {record.base % PAGE_SIZE:#x} of a page"
    if profile.class_to_size and not class_holds(profile, record):
        number = size_class_of(record.spanclass)
        yield (
            "I-11",
            f"slots of {record.elemsize} bytes in {record.npages} pages, the class has slots of "
            f"{profile.class_to_size[number]} bytes in {profile.class_to_pages[number]}",
        )
    if not slots_hold(profile, record):
        fits = slots_of(profile, record.spanclass, record.npages, record.elemsize)
        yield "I-6", f"nelems is {record.nelems}, {fits} slots fit"
    if not limit_holds(profile, record):
        yield "I-6", f"the limit lies {record.limit - record.base} bytes above the base"


def occupancy(record: Mspan, scan_index: int | None) -> Iterator[tuple[str, str]]:
    """Yield what does not hold of a span's slots.

    Rules: I-1 I-2 I-3 I-4 I-7 SPAN-9 SPAN-10.
    """
    if not bounds_hold(record):
        yield (
            "I-1",
            f"freeindex {record.freeindex}, allocCount {record.alloc_count}, "
            f"nelems {record.nelems}",
        )
        return
    if not count_is_exact(record):
        counted = allocated_below(record, record.nelems)
        yield "I-2", f"allocCount is {record.alloc_count}, {counted} slots are allocated"
    if not cache_is_exact(record):
        exact = window_at(record.alloc_bits, record.freeindex)
        yield "SPAN-10", f"allocCache is {record.alloc_cache:#x}, allocBits say {exact:#x}"
    free = marked_and_free(record)
    if free:
        yield "I-4", f"{len(free)} marked slots are free, the first is slot {free[0]}"
    if record.alloc_count == 0:
        yield "I-7", "in use, and nothing in it is allocated"
    if scan_index is not None and scan_index > record.freeindex:
        yield "VER-7", f"freeIndexForScan {scan_index} is beyond freeindex {record.freeindex}"
    if record.needzero > 1:
        yield "SPAN-1", f"needzero is {record.needzero}"


def judge_spans(scene: JudgedImage) -> Iterator[Finding]:
    """Yield what does not hold of single spans in use."""
    image, profile = scene.image, scene.profile
    scans = "freeIndexForScan" in image.present
    known: dict[tuple[int, ...], Judged] = {}
    at_rest = image.phase == OFF
    for span in scene.used:
        if span.user_arena:
            continue
        if not span.alloc_read or not span.mark_read:
            which = "gcmarkBits" if span.alloc_read else "allocBits"
            yield Finding("SPAN-22", f"{which} lead to no memory", span.descriptor)
            continue
        generation = scene.generation(span)
        key = (
            span.base % PAGE_SIZE,
            span.npages,
            span.freeindex,
            span.nelems,
            span.alloc_cache,
            span.alloc_count,
            span.spanclass,
            span.elemsize,
            span.limit - span.base,
            span.needzero,
            span.scan_index,
            span.alloc_bits,
            span.mark_bits,
            generation,
        )
        judged = known.get(key)
        if judged is None:
            record = record_of(span)
            found = [
                *shape(profile, record),
                *occupancy(record, span.scan_index if scans else None),
            ]
            swept = at_rest and is_legal_between_cycles(scene.sweepgen, span.sweepgen)
            if swept and span.nelems <= MAX_OBJECTS_PER_SPAN and count_alloc(record) != 0:
                found.append(("I-5", f"swept, and {count_alloc(record)} slots are marked"))
            judged = known[key] = tuple(found)
        for rule, what in judged:
            yield Finding(rule, what, span.descriptor)
    yield from generations(scene)
    yield from divisions(scene)
    yield from leftovers(scene)


def generations(scene: JudgedImage) -> Iterator[Finding]:
    """Yield the spans whose generation is none that they may have now.

    Rules: I-22 I-24 I-25 SWP-5.
    """
    sg, image = scene.sweepgen, scene.image
    legal = {value: is_legal(sg, value) for value in {span.sweepgen for span in scene.used}}
    marking = image.phase not in (OFF, None)
    done = image.swept is True and image.sweepers == 0
    for span in scene.used:
        value, ahead = span.sweepgen, scene.generation(span)
        if not legal[value]:
            yield Finding(
                "I-22", f"sweepgen sg{ahead:+d} is none of a span in use", span.descriptor
            )
        elif marking and not is_legal_between_cycles(sg, value):
            yield Finding("I-25", f"sweepgen sg{ahead:+d} while marking", span.descriptor)
        elif done and needs_sweep(sg, value):
            yield Finding("I-24", "unswept, and sweeping is done", span.descriptor)
        elif is_sweeping(sg, value) and scene.image.sweepers == 0 and image.swept is not None:
            yield Finding("I-26", "being swept, and nobody is counted as sweeping", span.descriptor)


def divisions(scene: JudgedImage) -> Iterator[Finding]:
    """Yield the small spans whose magic does not divide as their slot size does.

    From Go 1.16 on it is one multiplier: the least that is exact at the ends of slots.

    Rules: SC-7 SPAN-18 VER-6.
    """
    if "divMul" not in scene.image.present or len(scene.profile.class_to_size) != 68:
        return
    for span in scene.used:
        small = size_class_of(span.spanclass) != 0 and not span.user_arena
        if small and (not span.elemsize or span.div_mul != -(-(1 << 32) // span.elemsize)):
            yield Finding(
                "SC-7",
                f"divMul {span.div_mul:#x} does not divide by {span.elemsize}",
                span.descriptor,
            )


def leftovers(scene: JudgedImage) -> Iterator[Finding]:
    """Yield what must be zero in a span in use, or in one that was never used, and is not.

    Rules: SPAN-1 SPAN-2 SPAN-29.
    """
    legal = frozenset(scene.image.states.values())
    for span in scene.image.spans:
        if span.state not in legal:
            yield Finding("SPAN-2", f"state {span.state} is none", span.descriptor)
        elif span.state in (scene.in_use, scene.manual):
            if span.npages == 0 or span.npages > M64 >> 14 or not span.base:
                yield Finding("SPAN-4", f"{span.npages} pages at {span.base:#x}", span.descriptor)
            if span.state == scene.in_use and span.manual_free_list:
                yield Finding("SPAN-1", "in use, with a manual free list", span.descriptor)
            small = scene.span_sets and span.state == scene.in_use and not span.user_arena
            if small and (span.list_next or span.list_owner):
                yield Finding("SPAN-29", "in a linked list", span.descriptor)
