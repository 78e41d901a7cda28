"""What a program's version lays down in spans: learnt from the program, not from its version.

Fields of structures mislead, because some versions still declare what they no longer use, and
experiments change what a version does. The heap itself tells: of all that a profile may say, that
is learnt which fits the most spans. A single damaged span changes nothing of it, and is noticed.
"""

from itertools import product

from spanproof.witness.reading.image import Image
from spanspec.base.constants import size_class_of
from spanspec.span.mspan import layout
from spanspec.span.profile import Profile, slots_of


def learn(image: Image) -> tuple[Profile, list[str]]:
    """Return the profile that fits an image best, and what could not be learnt.

    Rules: VER-6 VER-7.
    """
    unknown = []
    in_use = image.states.get("mSpanInUse", 1)
    small = [
        (span.spanclass, span.npages, span.elemsize, span.nelems, span.limit - span.base)
        for span in image.spans
        if span.state == in_use
        and size_class_of(span.spanclass) != 0
        and not span.user_arena
        and 0 < span.elemsize <= 1 << 15
        and 0 < span.npages < 64
    ]
    shapes: dict[tuple[int, int, int, int, int], int] = {}
    for shape in small:
        shapes[shape] = shapes.get(shape, 0) + 1
    sizes, pages = tuple(image.class_sizes), tuple(image.class_pages)
    if not sizes:
        unknown.append("slot sizes and pages against the class tables: no table is found")
    candidates = [
        Profile(sizes, pages, heap_bits, marks, ignores)
        for heap_bits, marks, ignores in product((False, True), repeat=3)
    ]

    def fits(profile: Profile) -> int:
        total = 0
        for (spanclass, npages, elemsize, nelems, limit), count in shapes.items():
            slots = slots_of(profile, spanclass, npages, elemsize)
            whole = layout(npages, elemsize).objects
            ends = whole if profile.limit_ignores_bits else slots
            total += count * ((nelems == slots) * 2 + (limit == ends * elemsize))
        return total

    best = max(candidates, key=fits)
    if not shapes:
        unknown.append("what is kept inside spans: no small span is in use")
    return best, unknown


def fitting(image: Image, profile: Profile) -> float:
    """Return the part of the small spans in use whose number of slots the profile explains.

    A layout that belongs to another version explains few.
    """
    in_use = image.states.get("mSpanInUse", 1)
    small = [s for s in image.spans if s.state == in_use and size_class_of(s.spanclass) != 0]
    if not small:
        return 1.0
    good = sum(
        s.nelems == slots_of(profile, s.spanclass, s.npages, s.elemsize)
        for s in small
        if s.npages < 1 << 32
    )
    return good / len(small)
