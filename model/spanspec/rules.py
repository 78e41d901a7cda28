"""The modelled rules of the Go 1.13.15 allocator: what each says, and where Go does it.

The ids are stable; docstrings, proofs and divergences cite them.
"""

from typing import Final, NamedTuple


class Rule(NamedTuple):
    """One rule: its id, what it says in a sentence or two, and the Go file and function."""

    id: str
    says: str
    where: str


RULES: Final = (
    # --- constants and size classes ---
    Rule("CONST-1", "Pages are 8192 bytes, small objects end at 32768, a span has at most 1024 "
         "slots, tiny blocks are 16 bytes of span class 5.", "malloc.go, sizeclasses.go"),
    Rule("CONST-2", "Addresses have 48 bits; an arena is 64 MiB, 8192 pages.", "malloc.go"),
    Rule("CONST-3", "The sizes of physical and huge pages are read when the process starts.",
         "os_linux.go: osinit, sysauxv"),
    Rule("CONST-5", "A span class is twice the size class, plus one for pointer-free objects; "
         "size class 0 means a large object.", "mheap.go: makeSpanClass"),
    Rule("SC-1", "Candidate sizes start at 8; the step grows to 16, size/8 and 256 at powers of "
         "two.", "mksizeclasses.go: makeClasses"),
    Rule("SC-2", "A candidate gets the fewest pages whose tail is at most an eighth of the span.",
         "mksizeclasses.go: makeClasses"),
    Rule("SC-3", "A candidate with as many pages and objects as the class below replaces it.",
         "mksizeclasses.go: makeClasses"),
    Rule("SC-4", "A class is widened to the largest multiple of 128 with as many objects.",
         "mksizeclasses.go: makeClasses"),
    Rule("SC-5", "There are exactly 67 classes, the dummy class 0 included.",
         "mksizeclasses.go: makeClasses"),
    Rule("SC-6", "The division magic is the smallest that divides every offset of the span "
         "exactly; a power of two also has a base mask.", "mksizeclasses.go: computeDivMagic"),
    Rule("SC-7", "((offset >> shift) * mul) >> shift2 is offset // size up to the span's end.",
         "mksizeclasses.go: computeDivMagic"),
    Rule("SC-8", "Objects, tail and maximal waste follow from size and pages; the worst request "
         "is one byte above the class below.", "mksizeclasses.go: printComment"),
    Rule("SC-9", "Two tables map a size, in steps of 8 and of 128 bytes, to the lowest class that "
         "holds it.", "mksizeclasses.go: printClasses"),
    Rule("SC-10", "Requests up to 1016 bytes use the first table, larger small ones the second.",
         "malloc.go: mallocgc"),
    Rule("SC-11", "A size is rounded to its class size, or from 32768 on to whole pages, unless "
         "that overflows.", "msize.go: roundupsize"),
    Rule("SC-12", "Sizes increase and are multiples of 8, 16 and 128 in turn; tails stay within "
         "an eighth.", "sizeclasses.go"),
    Rule("SC-13", "For a power of two, the base mask rounds an offset down to its slot.",
         "mksizeclasses.go: computeDivMagic"),
    # --- the span and its slots ---
    Rule("SPAN-1", "The fields of a span: freeindex, allocBits, allocCache, mark bits, count, "
         "geometry, generation.", "mheap.go: mspan"),
    Rule("SPAN-2", "A span is dead, in use, manual or free; in-use spans become free only while "
         "no marking goes on.", "mheap.go: mSpanState"),
    Rule("SPAN-3", "Initialization resets a descriptor's slots but not its generation.",
         "mheap.go: mspan.init"),
    Rule("SPAN-4", "The base is the address of the first byte.", "mheap.go: mspan.base"),
    Rule("SPAN-5", "A span of n pages is cut into (n * 8192) // elemsize slots.",
         "mheap.go: mspan.layout"),
    Rule("SPAN-6", "A fresh span searches from slot 0, with a cache of ones and zeroed bits.",
         "mbitmap.go: heapBits.initSpan"),
    Rule("SPAN-8", "A slot is allocated iff it lies below freeindex or its allocBit is set.",
         "mbitmap.go"),
    Rule("SPAN-9", "allocCount is freeindex plus the set bits from there on.", "mheap.go: mspan"),
    Rule("SPAN-10", "allocCache is the complement of allocBits, seen from freeindex to the end of "
         "its 64-bit word.", "mheap.go: mspan"),
    Rule("SPAN-11", "Refilling the cache loads the complement of one 64-bit word and never "
         "shifts.", "mbitmap.go: refillAllocCache"),
    Rule("SPAN-12", "The fast path takes the lowest set bit of the cache, or fails without a "
         "trace.", "malloc.go: nextFreeFast"),
    Rule("SPAN-13", "The fast path never takes the last slot of a word unless it ends the span.",
         "malloc.go: nextFreeFast"),
    Rule("SPAN-14", "On the empty span the fast path fails.", "malloc.go: nextFreeFast"),
    Rule("SPAN-15", "The slow search goes on word by word to the lowest free slot, or to nelems.",
         "mbitmap.go: nextFreeIndex"),
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
         "mbitmap.go: markBitsForIndex"),
    Rule("SPAN-22", "Fresh mark and allocation bits are zero.", "mheap.go: newMarkBits"),
    Rule("SPAN-23", "Bits are taken from an arena by moving its end; one that is full fails.",
         "mheap.go: gcBitsArena.tryAlloc"),
    Rule("SPAN-24", "Bits come from the arena being filled, else from a fresh one that becomes "
         "it.", "mheap.go: newMarkBits"),
    Rule("SPAN-25", "A fresh arena is a zeroed one from the free list, or new memory.",
         "mheap.go: newArenaMayUnlock"),
    Rule("SPAN-26", "Once in a cycle, the arenas age: next, current, previous, free.",
         "mheap.go: nextMarkBitArenaEpoch"),
    Rule("SPAN-27", "No live span's bits are ever in a free arena.", "mheap.go"),
    Rule("SPAN-28", "Span lists take at both ends, remove anywhere, and check membership.",
         "mheap.go: mSpanList"),
    # --- allocation ---
    Rule("MAL-5", "A tiny offset is aligned to 8, 4 or 2 as the size is a multiple of it.",
         "malloc.go: mallocgc"),
    Rule("MAL-6", "A tiny object that fits goes into the current block and takes no slot.",
         "malloc.go: mallocgc"),
    Rule("MAL-7", "A tiny miss takes a fresh 16-byte slot and uses it from offset 0.",
         "malloc.go: mallocgc"),
    Rule("MAL-8", "After a miss, the block with more room left is the current one; a tie keeps "
         "the old.", "malloc.go: mallocgc"),
    Rule("MAL-10", "A small request takes a slot of its class, fast or slow, and is cleared if "
         "asked and needed.", "malloc.go: mallocgc"),
    Rule("MAL-12", "A large object is the only slot of its own span.", "malloc.go: mallocgc"),
    Rule("MAL-19", "The slow path searches, refills the cache if the span is full, and searches "
         "again.", "malloc.go: mcache.nextFree"),
    Rule("MAL-22", "Slot i starts i * elemsize bytes above the base.", "malloc.go"),
    # --- caches and central lists, as far as they touch a span's own state ---
    Rule("MC-4", "Refill lets go of a full span (to sg) and installs one with room (at sg+3).",
         "mcache.go: refill"),
    Rule("MC-6", "Releasing a cache uncaches its spans in span class order, and drops the tiny "
         "block.", "mcache.go: releaseAll"),
    Rule("MC-7", "A cache is flushed once for each cycle.", "mcache.go: prepareForSweep"),
    Rule("MC-12", "A cycle starts only when every cache has been flushed.", "mgc.go: gcStart"),
    Rule("MC-13", "A flushed cache holds spans at sg+3, an unflushed one at sg+1.", "mcache.go"),
    Rule("CEN-4", "A full span that was swept keeps its first free slot as freeindex, if it has "
         "one.", "mcentral.go: cacheSpan"),
    Rule("CEN-8", "A span handed to a cache has a free slot.", "mcentral.go: cacheSpan"),
    Rule("CEN-9", "A span handed to a cache gets its allocCache reloaded at freeindex.",
         "mcentral.go: cacheSpan"),
    Rule("CEN-12", "Uncaching sets sg, or sg-1 and a sweep if the span is stale; one with room "
         "moves to the nonempty list.", "mcentral.go: uncacheSpan"),
    Rule("CEN-14", "After a sweep that freed something the span needs zeroing; an empty one goes "
         "back to the heap.", "mcentral.go: freeSpan"),
    # --- sweeping ---
    Rule("SWP-1", "sg-2 unswept, sg-1 being swept, sg swept, sg+1 stale in a cache, sg+3 cached.",
         "mheap.go: mspan.sweepgen"),
    Rule("SWP-2", "The heap's sweepgen starts at 0 and goes up by 2, modulo 2^32.",
         "mgc.go: gcSweep"),
    Rule("SWP-3", "The legal transitions of a span's sweepgen, and who makes them.",
         "mgcsweep.go, mcentral.go, mcache.go"),
    Rule("SWP-4", "At the relabel every in-use span is at sg or sg+3.", "mgc.go: gcSweep"),
    Rule("SWP-5", "An in-use span is in one of the five states.", "mheap.go: mspan.sweepgen"),
    Rule("SWP-6", "What each state permits.", "mheap.go: mspan.sweepgen"),
    Rule("SWP-7", "A recycled descriptor keeps its generation until it is in use again.",
         "mheap.go: mheap.init"),
    Rule("SWP-15", "A sweeper owns a span once it has won the compare-and-swap.",
         "mgcsweep.go: sweepone"),
    Rule("SWP-24", "A sweep makes the mark bits the allocation bits and starts the search over.",
         "mgcsweep.go: mspan.sweep"),
    Rule("SWP-25", "A sweeper that wants to use the span keeps it even if nothing in it lives.",
         "mgcsweep.go: mspan.sweep"),
    Rule("SWP-26", "A small span with nothing alive and something freed, and a dead large span, "
         "go back to the heap.", "mgcsweep.go: mspan.sweep"),
    Rule("SWP-27", "A span needs zeroing once something in it was freed.",
         "mgcsweep.go: mspan.sweep"),
    Rule("SWP-28", "After a sweep the free slots are exactly the unmarked ones.",
         "mgcsweep.go: mspan.sweep"),
    Rule("SWP-30", "wasempty tells that no slot was free before the sweep.",
         "mgcsweep.go: mspan.sweep"),
    Rule("SWP-35", "The relabel raises sg with the world stopped.", "mgc.go: gcSweep"),
    Rule("HEAP-22", "A span from the page heap is in use, at sg, with no slot allocated.",
         "mheap.go: alloc_m"),
    Rule("HEAP-28", "A span returns to the page heap only with allocCount 0 and at sg.",
         "mheap.go: freeSpanLocked"),
    # --- invariants ---
    Rule("I-1", "freeindex and allocCount lie within 0..nelems.", ""),
    Rule("I-2", "allocCount is the number of allocated slots.", ""),
    Rule("I-3", "A cached span's allocCache is exact.", ""),
    Rule("I-4", "Only allocated slots are marked.", ""),
    Rule("I-6", "nelems is the number of whole slots that fit the span.", ""),
    Rule("I-21", "A span is in at most one cache slot.", ""),
    Rule("I-22", "Only the legal transitions of sweepgen happen.", ""),
    Rule("I-24", "A cycle starts only when nothing is left to sweep.", ""),
    Rule("I-27", "A sweep frees every unmarked object and no marked one.", ""),
    Rule("I-35", "A cache was flushed in this cycle or the one before.", ""),
    Rule("I-36", "The tiny offset is 1..16 while there is a tiny block.", ""),
    Rule("I-38", "No slot is handed out twice without a sweep that found it dead.", ""),
    Rule("CONC-5", "A span's slots have one owner at a time.", ""),
)  # fmt: skip
