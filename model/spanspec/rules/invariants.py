"""Invariants of the whole heap, and the worked examples."""

from typing import Final

from spanspec.rules.rule import Rule

I: Final = (  # noqa: E741 - the family's own name
    Rule("I-1", "freeindex and allocCount lie within 0..nelems.", "mheap.go: mspan"),
    Rule("I-2", "allocCount is the number of allocated slots.", "mheap.go: mspan"),
    Rule("I-3", "A cached span's allocCache is exact.", "mbitmap.go: refillAllocCache"),
    Rule("I-4", "Only allocated slots are marked.", "mgcmark.go: greyobject"),
    Rule("I-5", "A swept span has no marks while no cycle runs.", "mgcsweep.go: mspan.sweep"),
    Rule("I-6", "nelems is the number of whole slots that fit the span; the limit ends the last "
         "slot, or a large object's bytes.", "mbitmap.go: heapBits.initSpan"),
    Rule("I-7", "At rest, an in-use span has an allocated slot.", "mgcsweep.go: mspan.sweep"),
    Rule("I-8", "A free span has no object, is in no list, and its in-use bit is clear.",
         "mheap.go: freeSpanLocked"),
    Rule("I-9", "Only free spans are scavenged.", "mheap.go: allocSpanLocked"),
    Rule("I-10", "What needs no zeroing is zero.", "mheap.go: alloc"),
    Rule("I-11", "Slot size, magic and class of an in-use span agree with the tables.",
         "mheap.go: alloc_m"),
    Rule("I-12", "Spans do not overlap, and with the unused part of the current arena they tile "
         "all mapped arenas.", "mheap.go: grow, coalesce"),
    Rule("I-13", "The span map has the pages that it must have.", "mheap.go: setSpans"),
    Rule("I-14", "Neighbouring free spans differ in being scavenged.", "mheap.go: coalesce"),
    Rule("I-15", "A scavenged span holds a whole physical page.", "mheap.go: mspan.scavenge"),
    Rule("I-16", "The unused part of the current arena lies between page boundaries and ends with "
         "an arena.", "mheap.go: grow"),
    Rule("I-17", "The in-use bit of a page is set iff an in-use span starts there.",
         "mheap.go: alloc_m, freeSpanLocked"),
    Rule("I-18", "The treap holds exactly the free spans, in order, with true priorities, longest "
         "spans, kinds, and count of huge pages.", "mgclarge.go: mTreap"),
    Rule("I-19", "Spans are where lists and caches say, with the room that the list implies.",
         "mcentral.go: mcentral; mcache.go: mcache"),
    Rule("I-20", "A small in-use span is in a list of its own class.", "mcentral.go: mcentral"),
    Rule("I-21", "A span is in at most one cache slot.", "mcache.go: refill"),
    Rule("I-22", "Only the legal transitions of sweepgen happen.", "mheap.go: mspan.sweepgen"),
    Rule("I-23", "Swept spans are in the swept stack and unswept ones in the other.",
         "mgcsweepbuf.go: gcSweepBuf"),
    Rule("I-24", "A cycle starts only when nothing is left to sweep.",
         "mgcsweep.go: finishsweep_m"),
    Rule("I-25", "While a cycle marks, no span in use becomes free, nor one of stacks.",
         "mheap.go: freeSpanLocked"),
    Rule("I-26", "A span in use at the relabel is swept exactly once before the next.",
         "mgcsweep.go: mspan.sweep"),
    Rule("I-27", "A sweep frees every unmarked object and no marked one.",
         "mgcsweep.go: mspan.sweep"),
    Rule("I-28", "No more pages are swept than were in use at the relabel; all of them, once it "
         "is done.", "mgcsweep.go: mspan.sweep"),
    Rule("I-29", "The statistics of the heap balance.", "mstats.go: updatememstats"),
    Rule("I-30", "For each class, slots handed out less slots freed are the slots in use and "
         "those waiting in caches.", "export_test.go: ReadMemStatsSlow"),
    Rule("I-31", "heap_live covers at least what was marked and what was allocated since.",
         "mcentral.go: cacheSpan"),
    Rule("I-32", "Large objects allocated less those freed are the large spans in use, in number "
         "and bytes.", "export_test.go: ReadMemStatsSlow"),
    Rule("I-33", "Every descriptor is listed once, and those in use are counted.",
         "mheap.go: recordspan; mfixalloc.go: fixalloc"),
    Rule("I-34", "No in-use span's bits lie in a free mark-bit arena.",
         "mheap.go: nextMarkBitArenaEpoch"),
    Rule("I-35", "A cache was flushed in this cycle or the one before; in this one when a cycle "
         "starts.", "mcache.go: prepareForSweep"),
    Rule("I-36", "The tiny offset is 1..16 while there is a tiny block, which is an allocated "
         "slot of its class.", "malloc.go: mallocgc"),
    Rule("I-37", "Live objects do not overlap and lie in in-use spans, below the limit; tiny ones "
         "of a block neither.", "malloc.go: mallocgc"),
    Rule("I-38", "No slot is handed out twice without a sweep that found it dead.",
         "malloc.go: mallocgc; mgcsweep.go: mspan.sweep"),
    Rule("I-39", "Objects are aligned as their size allows, and zero if that was asked.",
         "malloc.go: mallocgc"),
    Rule("I-40", "Pages come from the low end of the lowest free span that fits.",
         "mheap.go: allocSpanLocked"),
)  # fmt: skip

EX: Final = (
    Rule("EX-1", "The first two one-page spans of a fresh heap: their places, the current arena "
         "and the statistics.", "mheap.go: grow, allocSpanLocked"),
    Rule("EX-2", "Three pages cut from ten scavenged ones: the low end is taken, the rest stays "
         "scavenged.", "mheap.go: allocSpanLocked"),
    Rule("EX-3", "A freed page merges with the unscavenged neighbour and not with the scavenged "
         "one.", "mheap.go: coalesce"),
    Rule("EX-4", "65 free slots: fast up to 62, slow for 63, fast for 64, then full.",
         "malloc.go: nextFreeFast; mbitmap.go: nextFreeIndex"),
    Rule("EX-5", "64 free slots: all of them fast, the last one too.",
         "malloc.go: nextFreeFast; mbitmap.go: nextFreeIndex"),
    Rule("EX-6", "128 free slots: only slot 63 is found by the slow search.",
         "malloc.go: nextFreeFast; mbitmap.go: nextFreeIndex"),
    Rule("EX-7", "Seven tiny requests in a row: which share a block, and which block stays "
         "current.", "malloc.go: mallocgc"),
    Rule("EX-8", "One page asked of the scavenger: a span with a huge page gives 2 MiB, one "
         "without a little over 1 MiB.", "mheap.go: scavengeSplit"),
    Rule("EX-9", "One pacing of the scavenger with its figures: the goal, the times and the "
         "speed.", "mgcscavenge.go: gcPaceScavenger"),
    Rule("EX-10", "A span's generation through two cycles: new, cached, stale, swept, cached, "
         "full, unswept, swept.", "mcache.go, mcentral.go, mgcsweep.go"),
)  # fmt: skip
