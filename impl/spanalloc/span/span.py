"""One span: a run of pages cut into slots that are handed out, marked and swept.

A span belongs to one owner at a time. Its sweepgen, compared with the sweep generation `sg` of
the heap, says which: sg - 2 needs sweeping, sg - 1 is being swept, sg is swept and at rest,
sg + 3 is cached for allocation, sg + 1 was cached when the generation advanced and is stale
(SWP-1). All of this is modulo 2^32, and every `sg` argument lies in 0..2^32 - 1.
"""

from typing import Final, final

from librt.vecs import vec
from mypy_extensions import i64

from spanalloc.base.errors import SpanError
from spanalloc.span.kernels import (
    bit_of,
    count_ones,
    next_free_fast,
    next_free_index,
    shift_out,
    window,
)
from spanalloc.span.layout import SpanLayout
from spanalloc.span.snapshot import SpanSnapshot, joined, unsigned

UINT32: Final = 0xFFFF_FFFF

DEAD: Final = 0
IN_USE: Final = 1
MANUAL: Final = 2
FREE: Final = 3
"""What a descriptor's pages are used for (SPAN-2)."""

IN_NO_LIST: Final = 0
IN_NONEMPTY: Final = 1
IN_EMPTY: Final = 2
"""Which list of its mcentral a span is in (CEN-1)."""


@final
class Span(SpanLayout):
    """The state of one in-use span of the garbage-collected heap (SPAN-1).

    `base`, `spanclass` and `npages` are those of SpanLayout; `sweepgen` is the sweep generation
    that the span starts in, 0..2^32 - 1. A new span has all slots free and its memory known to be
    zero (SPAN-6, HEAP-22, HEAP-23).

    Raises:
        SpanError: an argument is outside its range.

    """

    def __init__(self, base: int, spanclass: int, npages: int, sweepgen: int) -> None:
        super().__init__(base, spanclass, npages)
        if not 0 <= sweepgen <= UINT32:
            raise SpanError(f"span {base:#x}: sweepgen {sweepgen} is not in 0..2^32 - 1")
        self.sweepgen: i64 = sweepgen
        self.freeindex: i64 = 0
        self.alloc_cache: i64 = -1
        self.alloc_count: i64 = 0
        self.needzero: i64 = 0
        self.was_empty: bool = False
        self.alloc_bits = vec[i64]([0] * ((self.nelems + 63) >> 6))
        self.gcmark_bits = vec[i64]([0] * ((self.nelems + 63) >> 6))
        self.ident: i64 = 0
        self.state: i64 = IN_USE
        self.scavenged: bool = False
        self.dirty: bool = False
        self.limit: i64 = self.base + self.nelems * self.elemsize
        self.listed: i64 = IN_NO_LIST
        self.next: Span | None = None
        self.prev: Span | None = None

    def reset(self, base: i64, npages: i64) -> None:
        """Make this the descriptor of another run of pages, for the moment in no use (SPAN-3).

        sweepgen stays: a sweeper that holds on to the descriptor must not take it for unswept
        (SWP-7). So do the figures of its slots, until `init_slots` or `make_manual`.
        """
        self.base = base
        self.npages = npages
        self.alloc_count = 0
        self.spanclass = 0
        self.elemsize = 0
        self.state = DEAD
        self.scavenged = False
        self.needzero = 0
        self.freeindex = 0
        self.listed = IN_NO_LIST
        self.next = None
        self.prev = None

    def init_slots(self, spanclass: i64, limit: i64) -> None:
        """Cut the span into free slots of a span class (SPAN-6, HEAP-22).

        `limit` is where the data of a large object end; 0 for a span of small ones.
        """
        self.shape(spanclass)
        self.limit = limit if limit != 0 else self.base + self.nelems * self.elemsize
        self.freeindex = 0
        self.alloc_cache = -1
        self.alloc_count = 0
        words = (self.nelems + 63) >> 6
        self.alloc_bits = vec[i64]([0] * words)
        self.gcmark_bits = vec[i64]([0] * words)

    def make_manual(self) -> None:
        """Make the span one that is managed by hand, with no slots (HEAP-24)."""
        self.state = MANUAL
        self.alloc_count = 0
        self.spanclass = 0
        self.nelems = 0
        self.elemsize = 0
        self.limit = self.end()

    def end(self) -> i64:
        """Return the address behind the last page."""
        return self.base + (self.npages << 13)

    def malloc_fast(self) -> i64:
        """Hand out a slot from the cached window and return it, or change nothing and return -1.

        The span must be cached. -1 does not mean that the span is full (SPAN-12, SPAN-13).
        """
        slot = next_free_fast(self.freeindex, self.nelems, self.alloc_cache)
        if slot < 0:
            return -1
        self.alloc_cache = shift_out(self.alloc_cache, slot - self.freeindex)
        self.freeindex = slot + 1
        self.alloc_count += 1
        return slot

    def malloc_slow(self) -> i64:
        """Hand out the lowest free slot and return it, or return -1 if the span is full.

        The span must be cached. A full span is left with freeindex at its end (SPAN-15, MAL-19).

        Raises:
            SpanError: freeindex lies beyond the last slot, or the number of allocated slots
                contradicts the bitmap.

        """
        if self.freeindex > self.nelems:
            raise self.error(f"freeindex {self.freeindex} exceeds nelems {self.nelems}")
        slot, freeindex, cache = next_free_index(
            self.alloc_bits, self.freeindex, self.nelems, self.alloc_cache
        )
        if slot == self.nelems:
            # Checked before anything is stored: an operation that raises leaves the span as it was.
            if self.alloc_count != self.nelems:
                raise self.error(
                    f"no free slot found, but {self.alloc_count} of {self.nelems} are allocated"
                )
            self.freeindex = freeindex
            self.alloc_cache = cache
            return -1
        if self.alloc_count >= self.nelems:
            raise self.error(
                f"slot {slot} is free, but {self.alloc_count} of {self.nelems} are allocated"
            )
        self.freeindex = freeindex
        self.alloc_cache = cache
        self.alloc_count += 1
        return slot

    def first_free(self) -> i64:
        """Return the lowest free slot at or above freeindex, nelems if there is none."""
        found = next_free_index(self.alloc_bits, self.freeindex, self.nelems, self.alloc_cache)
        # Names for what is not wanted would be Python objects, which have to be allocated.
        return found[0]

    def malloc(self) -> i64:
        """Hand out the lowest free slot and return it, or return -1 if the span is full.

        The span must be cached (MAL-10, SPAN-12, SPAN-15).

        Raises:
            SpanError: as in malloc_slow.

        """
        slot = self.malloc_fast()
        return slot if slot >= 0 else self.malloc_slow()

    def malloc_large(self) -> i64:
        """Hand out the only slot of a new large span and return it: 0 (MAL-12).

        Raises:
            SpanError: the span is not large, or its slot is allocated already.

        """
        if self.spanclass > 1:
            raise self.error(f"span class {self.spanclass} is not large, expected 0 or 1")
        if self.alloc_count != 0 or self.freeindex != 0:
            raise self.error("slot 0 of the large span is allocated already")
        self.freeindex = 1
        self.alloc_count = 1
        return 0

    def is_free(self, slot: int) -> bool:
        """Return whether `slot`, 0..nelems - 1, is free (SPAN-8, SPAN-17).

        Raises:
            SpanError: there is no such slot.

        """
        return not self.is_taken(self.checked(slot))

    def is_taken(self, slot: i64) -> bool:
        """Return whether a slot that there is, 0..nelems - 1, is not free."""
        return slot < self.freeindex or (self.alloc_bits[slot >> 6] >> (slot & 63)) & 1 != 0

    def is_marked(self, slot: i64) -> bool:
        """Return whether `slot`, 0..nelems - 1, is marked (SPAN-20)."""
        return (self.gcmark_bits[slot >> 6] >> (slot & 63)) & 1 != 0

    def mark(self, slot: int) -> None:
        """Mark `slot`, 0..nelems - 1, as reachable; marking twice is allowed (SPAN-21).

        Raises:
            SpanError: there is no such slot, or it is free, so nothing can refer to it.

        """
        self.set_mark(self.checked(slot))

    def set_mark(self, slot: i64) -> None:
        """Mark a slot that there is, 0..nelems - 1, as reachable.

        Raises:
            SpanError: it is free.

        """
        if not self.is_taken(slot):
            raise self.error(f"cannot mark slot {int(slot)}, which is free")
        self.gcmark_bits[slot >> 6] |= bit_of(slot)

    def cache(self, sg: i64) -> None:
        """Take a swept span into a cache: reload the window and set sweepgen to sg + 3.

        This is the end of cacheSpan and the installation by refill (CEN-8, CEN-9, MC-4 step 3).

        Raises:
            SpanError: sweepgen is not sg, or the span has no free slot.

        """
        self.expect_sweepgen(sg, "to be cached")
        if self.alloc_count == self.nelems or self.freeindex == self.nelems:
            raise self.error(
                f"no free slot: {self.alloc_count} of {self.nelems} are allocated, "
                f"freeindex is {self.freeindex}"
            )
        self.alloc_cache = window(self.alloc_bits, self.freeindex)
        self.sweepgen = (sg + 3) & UINT32

    def retire(self, sg: i64) -> None:
        """Release a full cached span, setting sweepgen to sg (MC-4 step 1).

        Raises:
            SpanError: the span has a free slot, or sweepgen is not sg + 3.

        """
        # Only full spans are retired: what had room would be in no list in which it is looked for.
        if self.alloc_count != self.nelems:
            raise self.error(
                f"cannot be retired with {self.alloc_count} of {self.nelems} slots allocated"
            )
        self.expect_sweepgen((sg + 3) & UINT32, "to be retired")
        self.sweepgen = sg & UINT32

    def uncache(self, sg: i64) -> bool:
        """Release a cached span and return whether it is stale (CEN-12 step 1).

        A stale span gets sweepgen sg - 1: the caller owns it and must sweep it. Any other gets sg.

        Raises:
            SpanError: no slot is allocated, or the span is not cached: sweepgen is neither sg + 1
                nor sg + 3.

        """
        if self.alloc_count == 0:
            raise self.error("cannot be uncached with no slot allocated")
        stale = self.sweepgen == (sg + 1) & UINT32
        # Straight to sg - 1, as whoever sees sg - 2 may claim it.
        if stale:
            self.sweepgen = (sg - 1) & UINT32
        else:
            self.expect_sweepgen((sg + 3) & UINT32, "to be uncached")
            self.sweepgen = sg & UINT32
        return stale

    def claim(self, sg: i64) -> bool:
        """Take the right to sweep the span: sweepgen from sg - 2 to sg - 1 (SWP-3).

        Return False, changing nothing, if sweepgen is not sg - 2: somebody else has taken it, or
        it needs no sweeping.
        """
        if self.sweepgen != (sg - 2) & UINT32:
            return False
        self.sweepgen = (sg - 1) & UINT32
        return True

    def sweep(self, sg: i64) -> i64:
        """Free the slots that are not marked, set sweepgen to sg and return how many were freed.

        Raises:
            SpanError: as in sweep_slots.

        """
        freed = self.sweep_slots(sg)
        self.publish(sg)
        return freed

    def publish(self, sg: i64) -> None:
        """End a sweep: set sweepgen to sg, so that others may use the span (SWP-24 step 11)."""
        self.sweepgen = sg & UINT32

    def sweep_slots(self, sg: i64) -> i64:
        """Free the slots that are not marked and return how many were freed.

        Afterwards `was_empty` tells whether the span had no free slot before. The caller must own
        the span, by `claim` or by `uncache` of a stale span, and goes on owning it until it calls
        `publish` (SWP-24 steps 4 to 10, SWP-27, SWP-28).

        Raises:
            SpanError: sweepgen is not sg - 1, or more slots are marked than are allocated.

        """
        self.expect_sweepgen((sg - 1) & UINT32, "to be swept")
        live = count_ones(self.gcmark_bits, self.nelems)
        freed = self.alloc_count - live
        if freed < 0:
            raise self.error(f"{live} slots are marked, but only {self.alloc_count} are allocated")
        # Before the bits are exchanged: this decides whether the span changes lists.
        self.was_empty = self.first_free() == self.nelems
        self.alloc_count = live
        # Others may look up an object here meanwhile: no order of these but this one lets a living
        # object seem free for a moment. That is also why the old bits are not used again.
        before = self.alloc_bits
        self.alloc_bits = self.gcmark_bits
        self.freeindex = 0
        self.gcmark_bits = vec[i64]([0] * len(before))
        self.alloc_cache = window(self.alloc_bits, 0)
        if freed > 0 or (self.spanclass <= 1 and live == 0):
            self.needzero = 1
            self.dirty = True
        return freed

    def snapshot(self) -> SpanSnapshot:
        """Return the present state as plain numbers."""
        nelems: int = self.nelems
        return SpanSnapshot(
            nelems=nelems,
            freeindex=self.freeindex,
            alloc_cache=unsigned(self.alloc_cache),
            alloc_bits=joined(self.alloc_bits, nelems),
            mark_bits=joined(self.gcmark_bits, nelems),
            alloc_count=self.alloc_count,
            sweepgen=self.sweepgen,
            needzero=self.needzero,
        )

    def expect_sweepgen(self, expected: i64, purpose: str) -> None:
        """Raise SpanError unless sweepgen is `expected`."""
        if self.sweepgen != expected:
            raise self.error(f"sweepgen is {self.sweepgen}, expected {expected} {purpose}")
