"""mallocgc: which path a request takes, and what comes with the object."""

from typing import Final

from spanspec.rules.rule import Rule

MAL: Final = (
    Rule("MAL-1", "A request of 0 bytes gets the address that all such objects share and changes "
         "nothing; nothing is allocated in mark termination.", "malloc.go: mallocgc"),
    Rule("MAL-2", "While marking, the goroutine pays the requested bytes from its assist credit, "
         "and assists first if that runs out.", "malloc.go: mallocgc"),
    Rule("MAL-3", "From here to the finished object the thread cannot be preempted, may not be "
         "inside malloc already, and may not be on the signal stack.", "malloc.go: mallocgc"),
    Rule("MAL-4", "Above 32768 bytes a request is large; below 16 bytes without pointers it is "
         "tiny; otherwise it is small.", "malloc.go: mallocgc"),
    Rule("MAL-5", "A tiny offset is aligned to 8, 4 or 2 as the size is a multiple of it.",
         "malloc.go: mallocgc"),
    Rule("MAL-6", "A tiny object that fits goes into the current block, takes no slot, and needs "
         "no zeroing.", "malloc.go: mallocgc"),
    Rule("MAL-7", "A tiny miss takes a fresh 16-byte slot, clears it whatever needzero says, and "
         "uses it from offset 0.", "malloc.go: mallocgc"),
    Rule("MAL-8", "After a miss, the block with more room left is the current one; a tie keeps "
         "the old.", "malloc.go: mallocgc"),
    Rule("MAL-9", "After a tiny miss all further bookkeeping uses 16 bytes, the block's size.",
         "malloc.go: mallocgc"),
    Rule("MAL-10", "A small request takes a slot of its class, fast or slow, and is cleared if "
         "asked and needed.", "malloc.go: mallocgc"),
    Rule("MAL-11", "A large request pays its sweep debt, takes whole pages from the heap as span "
         "class 0 or 1, and its limit is the end of the bytes requested.",
         "malloc.go: largeAlloc"),
    Rule("MAL-12", "A large object is the only slot of its own span, at its base.",
         "malloc.go: mallocgc"),
    Rule("MAL-13", "A large span whose caller wanted no zeroing counts as zeroed nonetheless, "
         "until it dies.", "malloc.go: largeAlloc; mheap.go: alloc"),
    Rule("MAL-14", "While marking goes on, an object is born marked.",
         "malloc.go: mallocgc; mgcmark.go: gcmarknewobject"),
    Rule("MAL-15", "Being born marked does not set the page's mark, so the reclaimer may sweep "
         "that span early.", "mgcmark.go: gcmarknewobject"),
    Rule("MAL-16", "A countdown by object sizes decides which allocations the memory profile "
         "samples.", "malloc.go: mallocgc, profilealloc"),
    Rule("MAL-17", "What rounding added to the request is charged to the assist credit "
         "afterwards.", "malloc.go: mallocgc"),
    Rule("MAL-18", "Only an allocation that took a new span looks whether a cycle is due.",
         "malloc.go: mallocgc; mgc.go: gcTrigger.test"),
    Rule("MAL-19", "The slow path searches, refills the cache if the span is full, and searches "
         "again.", "malloc.go: mcache.nextFree"),
    Rule("MAL-20", "newobject asks for one zeroed value of a type, newarray for n of them, with a "
         "panic where the product overflows.", "malloc.go: newobject, newarray"),
    Rule("MAL-21", "Span class 3 is never used: 8 bytes without pointers are tiny, and 16 share "
         "the class of tiny blocks.", "malloc.go: mallocgc"),
    Rule("MAL-22", "Slot i starts i * elemsize bytes above the base, so it is aligned to every "
         "power of two that divides its size.", "malloc.go: mallocgc"),
    Rule("MAL-23", "An object for which zeroed memory was asked is zero in every byte when it is "
         "handed out.", "malloc.go: mallocgc"),
    Rule("MAL-24", "Marking begins by greying the tiny block of every P, so tiny hits need no "
         "mark.", "mgcmark.go: gcMarkTinyAllocs"),
)  # fmt: skip
