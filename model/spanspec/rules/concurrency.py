"""What holds when several threads act at once, and what other versions of Go do."""

from typing import Final

from spanspec.rules.rule import Rule

CONC: Final = (
    Rule("CONC-1", "Which lock, or which kind of ownership, guards what.", "mheap.go, mcentral.go"),
    Rule("CONC-2", "The order in which locks nest; neither the heap's nor a central list's is "
         "held while a span is swept.", "mheap.go, mcentral.go, mgcsweep.go"),
    Rule("CONC-3", "Which fields are read and written atomically, and which are racy on purpose.",
         "mheap.go, mgcsweep.go, mgcsweepbuf.go"),
    Rule("CONC-4", "sg changes only while the world is stopped, and those who read it cannot be "
         "stopped before they have acted.", "mgc.go: gcSweep"),
    Rule("CONC-5", "A span's slots have one owner at a time: cache, sweeper, list, or the page "
         "heap.", "mheap.go: mspan.sweepgen"),
    Rule("CONC-6", "The one moment at which each operation takes effect.",
         "malloc.go, mcache.go, mcentral.go, mgcsweep.go, mheap.go"),
    Rule("CONC-7", "A span is set up before the heap's lock is released, and an object before it "
         "is published.", "mheap.go: alloc_m; malloc.go: mallocgc"),
    Rule("CONC-8", "A swept span may be seen as such before it is in the swept stack; nothing "
         "else is out of order.", "mgcsweep.go: mspan.sweep"),
    Rule("CONC-9", "Nobody is stopped in the middle of an operation: with the world stopped no "
         "span is being swept and no lock held.", "mgcsweep.go, malloc.go"),
    Rule("CONC-10", "A sweep never allocates in the heap that it sweeps.",
         "mgcsweep.go: mspan.sweep"),
)  # fmt: skip

VER: Final = (
    Rule("VER-1", "Go 1.12 had two treaps, took the best fit, split the other way round and "
         "scavenged by age.", "Go 1.12: mheap.go, mgclarge.go"),
    Rule("VER-2", "Up to Go 1.13.2 the heap grew by whole arenas, and taking scavenged memory "
         "scavenged in turn.", "Go 1.13.2: mheap.go, mgcscavenge.go"),
    Rule("VER-3", "Go 1.14 replaced the treap by bitmaps with summaries, and paces the scavenger "
         "by its own time.", "Go 1.14: mpagealloc.go, mgcscavenge.go"),
    Rule("VER-4", "Go 1.15 replaced lists and buffers by sets of swept and unswept spans for each "
         "class.", "Go 1.15: mcentral.go, mspanset.go"),
    Rule("VER-5", "Go 1.15 also marks the page of an object born marked, and guards growth "
         "against overflow.", "Go 1.15: mgcmark.go, mheap.go"),
    Rule("VER-6", "By Go 1.19 there are 68 size classes, one reciprocal for division, and a limit "
         "on memory.", "Go 1.19: sizeclasses.go, mcache.go, mgcscavenge.go"),
    Rule("VER-7", "Later versions keep the 68 classes and move much else.",
         "Go 1.20 and later: internal/runtime/gc"),
)  # fmt: skip
