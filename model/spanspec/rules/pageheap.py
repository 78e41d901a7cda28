"""The page heap and its treap of free spans."""

from typing import Final

from spanspec.rules.rule import Rule

HEAP: Final = (
    Rule("HEAP-1", "One lock guards the free spans (a single treap, scavenged and not), the "
         "descriptors, the arenas, the current arena and the statistics.", "mheap.go: mheap"),
    Rule("HEAP-2", "The heap starts with its fixed-size allocators and central lists set up, and "
         "everything else zero.", "mheap.go: mheap.init"),
    Rule("HEAP-3", "A descriptor is entered in the list of all of them when it is first handed "
         "out, and stays there.", "mheap.go: recordspan"),
    Rule("HEAP-4", "Freed descriptors are handed out again last in, first out, without being "
         "zeroed; else new ones in turn.", "mfixalloc.go: fixalloc.alloc, fixalloc.free"),
    Rule("HEAP-5", "The index of an arena is the address, moved by the base offset, in units of "
         "64 MiB.", "mheap.go: arenaIndex, arenaBase"),
    Rule("HEAP-6", "The span of an address is what its arena's map has for that page, or nothing "
         "outside all arenas.", "mheap.go: spanOf, spanOfUnchecked"),
    Rule("HEAP-7", "An address lies in the collected heap if its span is in use and it is below "
         "the limit.", "mheap.go: spanOfHeap; mbitmap.go: inheap"),
    Rule("HEAP-8", "Every page of an in-use or manual span maps to it, but of a free one the "
         "first and last only; what never was a span maps to nothing.",
         "mheap.go: setSpan, setSpans"),
    Rule("HEAP-9", "A bit for each page tells where in-use spans start.", "mheap.go: pageIndexOf"),
    Rule("HEAP-10", "Of a span, only whole physical pages can be released.",
         "mheap.go: mspan.physPageBounds"),
    Rule("HEAP-11", "A scavenged span has released its whole physical pages, another one none.",
         "mheap.go: mspan.released"),
    Rule("HEAP-12", "The huge pages of a span are the aligned ones that lie wholly inside.",
         "mheap.go: mspan.hugePages"),
    Rule("HEAP-13", "The lowest free span that fits is taken, its low end if it is larger; the "
         "heap grows if there is none.", "mheap.go: allocSpanLocked"),
    Rule("HEAP-14", "A span that fits exactly comes with what its descriptor held before; the "
         "caller sets its state.", "mheap.go: allocSpanLocked"),
    Rule("HEAP-15", "A remainder without a whole physical page is no longer scavenged.",
         "mheap.go: allocSpanLocked"),
    Rule("HEAP-16", "Where physical pages exceed 8192 bytes, such a remainder may stand unmerged "
         "beside an unscavenged free span.", "mheap.go: allocSpanLocked"),
    Rule("HEAP-17", "The heap grows by what is asked from the current arena; if that is too "
         "small, a new one is mapped and joined to it, or the rest becomes a free span.",
         "mheap.go: grow"),
    Rule("HEAP-18", "When an arena is mapped elsewhere, the rest of the old one is added before "
         "the new one counts as released.", "mheap.go: grow"),
    Rule("HEAP-19", "Growth first scavenges as the goal demands, then adds a free, scavenged span "
         "and merges it.", "mheap.go: growAddSpan"),
    Rule("HEAP-20", "Growth takes what is asked even if a free span beside it could give part; "
         "the span found afterwards may start lower.", "mheap.go: grow"),
    Rule("HEAP-21", "The first growth maps the arena at the first hint.", "mheap.go: grow"),
    Rule("HEAP-22", "A span from the page heap is in use, at sg, in the swept stack, with no slot "
         "allocated; reclaiming comes first.", "mheap.go: alloc_m"),
    Rule("HEAP-23", "A span is cleared if the caller wants that and it needs it; its needzero is "
         "0 in any case.", "mheap.go: alloc"),
    Rule("HEAP-24", "A manual span has no slots and no class, is not swept or cleared, and does "
         "not count as heap.", "mheap.go: allocManual"),
    Rule("HEAP-25", "Stacks, work buffers and pointer masks of GC programs live in manual spans.",
         "stack.go, mgcwork.go, mbitmap.go"),
    Rule("HEAP-26", "Freeing an in-use span adjusts the counters under the lock, and returns its "
         "pages.", "mheap.go: freeSpan"),
    Rule("HEAP-27", "A manual span that is freed needs zeroing, and its bytes count as heap "
         "again.", "mheap.go: freeManual"),
    Rule("HEAP-28", "A span returns to the page heap only with allocCount 0, and if in use only "
         "at sg.", "mheap.go: freeSpanLocked"),
    Rule("HEAP-29", "A free span merges with each free neighbour that is scavenged as it is; with "
         "another it settles the boundary.", "mheap.go: coalesce"),
    Rule("HEAP-30", "In a merge the span at hand keeps its descriptor, needs zeroing if either "
         "did, and the neighbour's descriptor is freed.", "mheap.go: coalesce"),
    Rule("HEAP-31", "Where physical pages exceed 8192 bytes, the boundary between a scavenged and "
         "another free span moves to a physical page, into the scavenged one.",
         "mheap.go: coalesce"),
    Rule("HEAP-32", "Manual spans return while nobody marks: by stacks, after marking, and work "
         "buffers by the background sweeper; but a pointer mask as soon as it was used.",
         "stack.go: stackpoolfree, stackfree, freeStackSpans; mgcwork.go: freeSomeWbufs; "
         "mbitmap.go: dematerializeGCProg"),
    Rule("HEAP-33", "No two neighbouring free spans are both scavenged, or both not.",
         "mheap.go: coalesce"),
    Rule("HEAP-34", "A scavenged free span holds a whole physical page at least.",
         "mheap.go: coalesce, scavengeSplit"),
    Rule("HEAP-35", "needzero is 0 for memory never used, is copied by splits, joined by merges, "
         "cleared by allocation and set by every freeing.", "mheap.go: alloc, coalesce"),
    Rule("HEAP-36", "In use, idle, released and manual bytes balance with the spans in each state "
         "and with the arenas mapped.", "mstats.go: updatememstats"),
    Rule("HEAP-37", "Which step changes which statistic; merging and treap work change none.",
         "mheap.go, mstats.go"),
    Rule("HEAP-38", "ReadMemStats adds up allocations and frees over classes, large objects and "
         "tiny hits, with all caches flushed.", "mstats.go: updatememstats"),
    Rule("HEAP-39", "The same figures follow from a walk over all spans.",
         "export_test.go: ReadMemStatsSlow"),
    Rule("HEAP-40", "Tiny hits count both as allocated and as freed, so they cancel; a tiny block "
         "is one object.", "mstats.go: updatememstats"),
)  # fmt: skip

TREAP: Final = (
    Rule("TREAP-1", "Free spans form a search tree by base and a heap by random priority; a node "
         "knows the longest span and the kinds of spans below it.", "mgclarge.go: mTreap"),
    Rule("TREAP-2", "The search finds the span of the lowest address that has enough pages.",
         "mgclarge.go: find"),
    Rule("TREAP-3", "Nothing that can be observed depends on the priorities: a list ordered by "
         "base answers the same.", "mgclarge.go: find, start, end"),
    Rule("TREAP-4", "An insertion adds a leaf by its base and rotates it up by its priority; huge "
         "pages of an unscavenged span are counted.", "mgclarge.go: insert"),
    Rule("TREAP-5", "A removal rotates the node down to a leaf and takes back the count of huge "
         "pages.", "mgclarge.go: removeNode, removeSpan, erase"),
    Rule("TREAP-6", "A span may change in place if its order among the others stays; the count of "
         "huge pages and what the nodes above know follow.", "mgclarge.go: mutate"),
    Rule("TREAP-7", "A filter tells which of four kinds of spans match: scavenged or not, with a "
         "huge page or not.", "mgclarge.go: treapFilter"),
    Rule("TREAP-8", "Iterators visit the matching spans in the order of addresses, both ways.",
         "mgclarge.go: start, end, next, prev, findMinimal, findMaximal"),
    Rule("TREAP-9", "Longest span and kinds of a node follow from it and its children; a rotation "
         "recomputes the lower node first.",
         "mgclarge.go: updateInvariants, rotateLeft, rotateRight"),
)  # fmt: skip
