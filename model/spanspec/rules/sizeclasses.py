"""Constants, and the size classes as the runtime's generator makes them."""

from typing import Final

from spanspec.rules.rule import Rule

CONST: Final = (
    Rule("CONST-1", "Pages are 8192 bytes, small objects end at 32768, a span has at most 1024 "
         "slots, tiny blocks are 16 bytes of span class 5; chunks, stack caches and work buffers "
         "have fixed sizes as well.", "malloc.go, sizeclasses.go: constants"),
    Rule("CONST-2", "Addresses have 48 bits; an arena is 64 MiB, which is 8192 pages, and one "
         "table of 2^22 entries finds the arena of an address.", "malloc.go: constants"),
    Rule("CONST-3", "The sizes of physical and huge pages are read when the process starts; a "
         "huge page size that cannot be read, or is no power of two, counts as none.",
         "os_linux.go: sysauxv, getHugePageSize, osinit"),
    Rule("CONST-4", "The runtime's own records have fixed sizes in bytes (a span's descriptor 136, "
         "an mcache 1736, an arena's metadata 2164736, ...), which its system statistics add up.",
         "mheap.go, mcache.go, mgclarge.go: types"),
    Rule("CONST-5", "A span class is twice the size class, plus one for pointer-free objects; "
         "size class 0 means a large object.",
         "mheap.go: makeSpanClass, spanClass.sizeclass, spanClass.noscan"),
)  # fmt: skip

SC: Final = (
    Rule("SC-1", "Candidate sizes start at 8 and grow by steps; at powers of two the step becomes "
         "16, then an eighth of the size, then 256.", "mksizeclasses.go: makeClasses"),
    Rule("SC-2", "A candidate gets the fewest pages whose tail is at most an eighth of the span.",
         "mksizeclasses.go: makeClasses"),
    Rule("SC-3", "A candidate with as many pages and objects as the class below replaces it.",
         "mksizeclasses.go: makeClasses"),
    Rule("SC-4", "A class is widened to the largest multiple of 128 with as many objects.",
         "mksizeclasses.go: makeClasses"),
    Rule("SC-5", "There are exactly 67 classes, the dummy class 0 included.",
         "mksizeclasses.go: makeClasses"),
    Rule("SC-6", "The division magic is the smallest that divides every offset of the span, its "
         "end included, exactly; a power of two has a base mask as well.",
         "mksizeclasses.go: computeDivMagic"),
    Rule("SC-7", "((offset >> shift) * mul) >> shift2 is offset // size up to the span's end.",
         "mksizeclasses.go: computeDivMagic"),
    Rule("SC-8", "Objects, tail and maximal waste follow from size and pages; the worst request "
         "is one byte above the class below.", "mksizeclasses.go: printComment"),
    Rule("SC-9", "Two tables map a size, in steps of 8 and of 128 bytes, to the lowest class that "
         "holds it.", "mksizeclasses.go: printClasses"),
    Rule("SC-10", "Requests up to 1016 bytes use the first table, larger small ones the second; "
         "the outcome is the smallest class that holds the request.",
         "malloc.go: mallocgc; msize.go: roundupsize"),
    Rule("SC-11", "A size below 32768 is rounded to its class size, one from there on to whole "
         "pages, unless that overflows.", "msize.go: roundupsize"),
    Rule("SC-12", "Sizes increase and are multiples of 8, 16 and 128 in turn; tails stay within "
         "an eighth, and only five classes fill their last bitmap word.", "sizeclasses.go"),
    Rule("SC-13", "For a power of two, the base mask rounds an offset inside the span down to its "
         "slot.", "mksizeclasses.go: computeDivMagic"),
    Rule("SC-14", "The published tables (size, pages, objects, tail, magic) and the generated ones "
         "are the same, figure by figure.", "sizeclasses.go"),
    Rule("SC-15", "The first lookup table has 129 entries and ends at class 31.",
         "sizeclasses.go: size_to_class8"),
    Rule("SC-16", "The second lookup table has 249 entries, from class 31 to class 66.",
         "sizeclasses.go: size_to_class128"),
)  # fmt: skip
