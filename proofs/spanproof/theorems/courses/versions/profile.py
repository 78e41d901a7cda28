"""How a span is cut into slots by versions that keep bits inside it: every class.

No heap of ours runs these rules; `spanspec autopsy` and `spanspec probe` judge by them.
"""

from collections import Counter
from functools import partial
from itertools import product
from typing import Final

from msgspec.structs import replace

from spanproof.prove.assumptions import SMALL_SCOPE
from spanproof.prove.exploration import Ran, explored
from spanproof.simulate.exhaustive.trying import promise
from spanproof.theorems.cases import Case, every_case, refuses
from spanspec.base.constants import (
    MAX_SMALL_SIZE,
    PAGE_SIZE,
    is_noscan,
    make_span_class,
    size_class_of,
)
from spanspec.base.sizeclass import CLASS_TO_PAGES, CLASS_TO_SIZE
from spanspec.sharing.containers.spansets import kind_for
from spanspec.span import profile as of
from spanspec.span.mspan import Mspan, init_span
from spanspec.span.profile import GO_1_13, Profile

NEWER: Final = Profile(CLASS_TO_SIZE, CLASS_TO_PAGES, True, True, True)
"""A version that keeps pointer and mark bits inside spans, and does not say so in their limit."""


WITH_24: Final = Profile(
    (0, 8, 16, 24, *CLASS_TO_SIZE[3:]), (0, 1, 1, 1, *CLASS_TO_PAGES[3:]), True, False, False
)
"""A version that has a class of 24 bytes, and keeps pointer bits inside spans."""


PROFILES: Final = (GO_1_13, NEWER, WITH_24)


def inside(profile: Profile, spanclass: int, pages: int, size: int) -> int:
    """Return the bytes of a span that are not for slots, word by word."""
    scanned = profile.heap_bits_in_span and not is_noscan(spanclass) and size <= 512
    pointer_bytes = sum(1 for _ in range(0, pages * PAGE_SIZE, 8 * 8)) if scanned else 0
    return pointer_bytes + (128 if profile.inline_marks and 16 <= size <= 512 else 0)


def of_a_class(met: Counter[str], profile: Profile, number: int, noscan: bool) -> None:
    """A span of a class has the slots that fit, and what is changed in it is noticed."""
    spanclass = make_span_class(number, noscan)
    size, pages = profile.class_to_size[number], profile.class_to_pages[number]
    left = pages * PAGE_SIZE - inside(profile, spanclass, pages, size)
    slots = next(count for count in range(1025, 0, -1) if count * size <= left)
    told = of.slots_of(profile, spanclass, pages, size)
    promise(told == slots, f"SPAN-5: {told} slots of {size} bytes, not {slots}")
    reserved = of.reserved_bytes(profile, spanclass, pages, size)
    promise(reserved == inside(profile, spanclass, pages, size), f"VER-7: {reserved} bytes")
    span = span_of(profile, spanclass, size, pages, slots)
    good = (of.class_exists, of.class_holds, of.slots_hold, of.limit_holds, of.is_aligned)
    for rule in good:
        promise(rule(profile, span), f"I-11: {rule.__name__} of a span of {size} bytes")
    for change in (-1, 1):
        few = replace(span, nelems=slots + change)
        promise(not of.slots_hold(profile, few), "I-6: another number of slots")
        short = replace(span, limit=span.limit + change)
        promise(not of.limit_holds(profile, short), "I-6: another limit")
        off = replace(span, elemsize=size + change)
        promise(not of.class_holds(profile, off), "I-11: another slot size")
        promise(not of.is_aligned(profile, off), "I-39: a slot of an odd size")
        shifted = replace(span, base=span.base + change)
        promise(not of.is_aligned(profile, shifted), "I-39: slots off the page")
        longer = replace(span, npages=pages + change)
        promise(not of.class_holds(profile, longer), "I-11: another number of pages")
    if size > 16:
        odd = replace(span, elemsize=size // 16 * 16 + 8)
        allowed = odd.elemsize == 24 and 24 in profile.class_to_size
        promise(of.is_aligned(profile, odd) == allowed, f"I-39: slots of {odd.elemsize} bytes")
    met[f"class{'-with-bits' if reserved else ''}"] += 1


def span_of(profile: Profile, spanclass: int, size: int, pages: int, slots: int) -> Mspan:
    """Return a span of a version, whose limit tells of bits inside or does not."""
    span = init_span(0xC000000000, pages, GO_1_13_CLASS, 0)
    told = pages * PAGE_SIZE // size if profile.limit_ignores_bits else slots
    return replace(
        span,
        spanclass=spanclass,
        elemsize=size,
        nelems=slots,
        limit=span.base + told * size,
    )


GO_1_13_CLASS: Final = make_span_class(1, True)
"""Any class of the model's own, for the fields that do not matter."""


def of_large(met: Counter[str], profile: Profile, pages: int, noscan: bool) -> None:
    """A large span has one slot, of all its pages, and holds more than a class does."""
    size = pages * PAGE_SIZE
    span = init_span(0xC000000000, pages, make_span_class(0, noscan), 0xC000000000 + size)
    promise(of.slots_hold(profile, span) and of.class_holds(profile, span), "I-11: a large span")
    promise(not of.slots_hold(profile, replace(span, nelems=2)), "I-6: two large objects")
    promise(not of.class_holds(profile, replace(span, elemsize=size - 8)), "I-11: a large slot")
    least = MAX_SMALL_SIZE + 1 - (8 if profile.heap_bits_in_span else 0)
    promise(of.smallest_large(profile) == least, "SC-10: the smallest large object")
    for bytes_, good in ((least - 1, False), (least, True), (size, True), (size + 1, False)):
        some = replace(span, limit=span.base + bytes_)
        promise(of.limit_holds(profile, some) == (good and least <= size), f"I-6: {bytes_}")
    number = len(profile.class_to_size)
    beyond = replace(span, spanclass=make_span_class(number, noscan))
    last = replace(span, spanclass=make_span_class(number - 1, noscan))
    promise(not of.class_exists(profile, beyond), "I-11: a class that there is not")
    promise(of.class_exists(profile, last), "I-11: the last class")
    met["large"] += 1


def of_requests(met: Counter[str], profile: Profile, noscan: bool) -> None:
    """A request gets the smallest class that holds it, with its header if it has one."""
    sizes = profile.class_to_size
    for size in sorted({one + by for one in sizes[1:] for by in (-8, -7, -1, 0, 1)} | {512, 513}):
        header = 8 if profile.heap_bits_in_span and not noscan and size > 512 else 0
        if size < 1:
            continue
        if size + header > MAX_SMALL_SIZE:
            refuses("SC-10", partial(of.class_for, profile, size, noscan))
            continue
        found = of.class_for(profile, size, noscan)
        number = size_class_of(found)
        promise(is_noscan(found) == noscan, "CONST-5: the class for what has pointers")
        fits = sizes[number] >= size + header and (number == 1 or sizes[number - 1] < size + header)
        promise(fits, f"SC-9: {size} bytes are of class {number}")
        met["header" if header else "request"] += 1


def kinds_of_sets(met: Counter[str]) -> None:
    """A span waits in the partial set if it has room and is small, in the full one otherwise."""
    for room, large in product((False, True), repeat=2):
        promise(kind_for(room, large) == (1 if room and not large else 2), "VER-4: its set")
        met["kind"] += 1


@explored(
    "versions.profile",
    "SPAN-5 SC-9 SC-10 CONST-5 VER-4 VER-6 VER-7 MAL-22 I-6 I-11 I-39",
    needs="class class-with-bits large request header kind",
    assumes=(SMALL_SCOPE,),
)
def a_span_is_cut_as_its_version_says() -> Ran:
    """Of each class of three versions, whose spans have pointer bits and mark bits inside or not:
    a span has the slots that fit beside them, a request the smallest class that holds it, and each
    other figure is noticed.
    """
    cases: list[tuple[str, Case]] = [("kinds of sets", kinds_of_sets)]
    for (at, profile), noscan in product(enumerate(PROFILES), (False, True)):
        for number in range(1, len(profile.class_to_size)):
            case = partial(of_a_class, profile=profile, number=number, noscan=noscan)
            cases.append((f"version {at}, class {number}", case))
        for pages in (4, 5, 9):
            case = partial(of_large, profile=profile, pages=pages, noscan=noscan)
            cases.append((f"version {at}, {pages} pages", case))
        case = partial(of_requests, profile=profile, noscan=noscan)
        cases.append((f"version {at}, requests", case))
    return every_case(cases)
