"""Spans: the descriptor, its slots and their bits, and lists of spans."""

from typing import Final

from spanspec.rules.rule import Rule

SPAN: Final = (
    Rule("SPAN-1", "A descriptor holds the geometry of its span, freeindex, allocBits, allocCache, "
         "mark bits, allocCount, generation, and at most one list membership.", "mheap.go: mspan"),
    Rule("SPAN-2", "A span is dead, in use, manual or free; in-use and manual spans become free "
         "only while no marking goes on.", "mheap.go: mSpanState"),
    Rule("SPAN-3", "Initialization resets a descriptor's place, counts and bits, but neither its "
         "generation nor its slot geometry.", "mheap.go: mspan.init"),
    Rule("SPAN-4", "The base is the address of the first byte.", "mheap.go: mspan.base"),
    Rule("SPAN-5", "A span of n pages is cut into (n * 8192) // elemsize slots.",
         "mheap.go: mspan.layout"),
    Rule("SPAN-6", "A fresh span searches from slot 0, with a cache of ones and zeroed bits; the "
         "mark bits are obtained before the allocation bits.", "mbitmap.go: heapBits.initSpan"),
    Rule("SPAN-7", "Between leaving the page heap and its initialization an in-use span has the "
         "bits and geometry of an earlier life, which nobody reads.",
         "mheap.go: alloc_m; mbitmap.go: heapBits.initSpan"),
    Rule("SPAN-8", "A slot is allocated iff it lies below freeindex or its allocBit is set.",
         "mbitmap.go: isFree"),
    Rule("SPAN-9", "allocCount is freeindex plus the set allocBits from there on.",
         "mheap.go: mspan"),
    Rule("SPAN-10", "allocCache is the complement of allocBits, seen from freeindex to the end of "
         "its 64-bit word, for spans that are cached or just swept.", "mheap.go: mspan"),
    Rule("SPAN-11", "Refilling the cache loads the complement of one 64-bit word and never "
         "shifts.", "mbitmap.go: refillAllocCache"),
    Rule("SPAN-12", "The fast path takes the lowest set bit of the cache, or fails without a "
         "trace.", "malloc.go: nextFreeFast"),
    Rule("SPAN-13", "The fast path never takes the last slot of a word unless it ends the span.",
         "malloc.go: nextFreeFast"),
    Rule("SPAN-14", "On the empty span the fast path fails.", "malloc.go: nextFreeFast"),
    Rule("SPAN-15", "The slow search goes on word by word to the lowest free slot, or to nelems; "
         "it leaves allocCount alone.", "mbitmap.go: nextFreeIndex"),
    Rule("SPAN-16", "The slow search rounds to word boundaries, and finds a full span by its "
         "padding bits.", "mbitmap.go: nextFreeIndex"),
    Rule("SPAN-17", "isFree is false below freeindex, else the complement of the allocBit.",
         "mbitmap.go: isFree"),
    Rule("SPAN-18", "objIndex divides the offset by the magic; a large span has index 0 only.",
         "mbitmap.go: objIndex"),
    Rule("SPAN-19", "An interior pointer belongs to the slot its offset falls into, unless it "
         "lies outside base..limit or the span is not in use.", "mbitmap.go: findObject"),
    Rule("SPAN-20", "A sweep counts the mark bits of all slots.", "mbitmap.go: countAlloc"),
    Rule("SPAN-21", "Bit i is bit i % 8 of byte i // 8, in allocBits and in mark bits.",
         "mbitmap.go: markBitsForIndex, setMarked"),
    Rule("SPAN-22", "Fresh mark and allocation bits are zero, in whole 64-bit words.",
         "mheap.go: newMarkBits, newAllocBits"),
    Rule("SPAN-23", "Bits are taken from an arena by moving its end; one that is full fails.",
         "mheap.go: gcBitsArena.tryAlloc"),
    Rule("SPAN-24", "Bits come from the arena being filled, else from a fresh one that becomes "
         "it; an arena fetched in vain goes to the free list.", "mheap.go: newMarkBits"),
    Rule("SPAN-25", "A fresh arena is a zeroed one from the free list, or new memory.",
         "mheap.go: newArenaMayUnlock"),
    Rule("SPAN-26", "Once in a cycle, the arenas age: next, current, previous, free.",
         "mheap.go: nextMarkBitArenaEpoch"),
    Rule("SPAN-27", "Bits serve for at most three epochs, so that no live span's bits are ever in "
         "a free arena.", "mheap.go: nextMarkBitArenaEpoch"),
    Rule("SPAN-28", "Span lists take at both ends, remove anywhere, and check membership.",
         "mheap.go: mSpanList"),
    Rule("SPAN-29", "A span is in the free set or in one list at most; a small in-use span is in "
         "one of its class's two lists, a large one in none.", "mheap.go: mspan.inList"),
)  # fmt: skip
