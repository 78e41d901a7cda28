"""A span of spanalloc, when it is made, is that of its class."""

from collections import Counter
from collections.abc import Callable

from spanalloc.base.errors import SpanError
from spanalloc.base.sizeclass import CLASS_OBJECTS, CLASS_PAGES, CLASS_SIZES
from spanalloc.span.span import IN_NO_LIST, IN_USE, Span
from spanproof.prove.assumptions import SMALL_SCOPE
from spanproof.prove.exploration import Ran, explored
from spanproof.simulate.exhaustive.trying import Wrong, promise
from spanproof.theorems.cases import Case, every_case
from spanproof.theorems.kernels.structures import PAGE, SPACE


# --- a span when it is made -----------------------------------------------------------------------
def refuses(make: Callable[[], object]) -> None:
    """Require that a span cannot be made."""
    try:
        make()
    except SpanError:
        return
    raise Wrong("SPAN-1: a span that there cannot be")


def of_a_class(spanclass: int, npages: int) -> Case:
    """Make a span of a class."""

    def case(met: Counter[str]) -> None:
        base, number = SPACE - npages * PAGE, spanclass >> 1
        span = Span(base, spanclass, npages, 6)
        size = CLASS_SIZES[number] if number else npages * PAGE
        slots = CLASS_OBJECTS[number] if number else 1
        due = (base, npages, spanclass, size, slots, base + slots * size, 6)
        has = (span.base, span.npages, span.spanclass, span.elemsize, span.nelems, span.limit)
        promise((*has, span.sweepgen) == due, f"SPAN-5: {has}, not {due}")
        words = (slots + 63) // 64
        lengths = (len(span.alloc_bits), len(span.gcmark_bits))
        promise(lengths == (words, words), f"SPAN-6: bitmaps of {lengths} words")
        clear = not any(span.alloc_bits) and not any(span.gcmark_bits)
        counts = (span.freeindex, span.alloc_count, span.needzero, span.alloc_cache, span.ident)
        promise(clear and counts == (0, 0, 0, -1, 0), f"SPAN-6: {counts} of a fresh span")
        flags = (span.was_empty, span.scavenged, span.dirty, span.next, span.prev)
        promise(flags == (False, False, False, None, None), f"SPAN-6: {flags} of a fresh span")
        promise((span.state, span.listed) == (IN_USE, IN_NO_LIST), "SPAN-2: its state")
        for slot in (0, slots - 1):
            promise(span.index_of(base + slot * size) == slot, "SPAN-18: the slot of an address")
        for args in (
            (base, spanclass, 0, 6),
            (base, spanclass, npages + (1 if number else (1 << 35)), 6),
            (base, 134, npages, 6),
            (base, -1, npages, 6),
            (base + 1, spanclass, npages, 6),
            (-PAGE, spanclass, npages, 6),
            (SPACE, spanclass, npages, 6),
            (base, spanclass, npages, -1),
            (base, spanclass, npages, 1 << 32),
        ):
            refuses(lambda args=args: Span(*args))  # type: ignore[misc]
        span.malloc()
        span.mark(0)
        told = span.snapshot()
        figures = (told.nelems, told.freeindex, told.alloc_count, told.sweepgen, told.needzero)
        promise(figures == (slots, 1, 1, 6, 0), f"SPAN-1: a snapshot of {figures}")
        bits = (told.alloc_bits, told.mark_bits, told.alloc_cache)
        promise(bits == (0, 1, (1 << 63) - 1), f"SPAN-1: a snapshot of bits {bits}")
        met["class"] += 1

    return case


@explored("methods.made", "SPAN-1 SPAN-2 SPAN-5 SPAN-6", needs="class", assumes=(SMALL_SCOPE,))
def a_fresh_span_is_that_of_its_class() -> Ran:
    """A span of each class, and large ones, at the end of the address space: it has the class's
    slots, all free, and what is no span is refused; its snapshot says what is in it.
    """
    small = [(number, CLASS_PAGES[number >> 1]) for number in range(2, 134)]
    large = [(number, npages) for number in (0, 1) for npages in (1, 5, 1 << 20)]
    return every_case(
        [(f"span class {a} of {b} pages", of_a_class(a, b)) for a, b in small + large]
    )
