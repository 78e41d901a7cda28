"""Sweep generations, the sweep buffers, who sweeps, and the cycle."""

from typing import Final

from spanspec.rules.rule import Rule

SWP: Final = (
    Rule("SWP-1", "sg-2 unswept, sg-1 being swept, sg swept, sg+1 stale in a cache, sg+3 cached.",
         "mheap.go: mspan.sweepgen"),
    Rule("SWP-2", "The heap's sweepgen starts at 0 and goes up by 2, modulo 2^32.",
         "mgc.go: gcSweep"),
    Rule("SWP-3", "The legal transitions of a span's sweepgen, and who makes them.",
         "mgcsweep.go, mcentral.go, mcache.go, mheap.go"),
    Rule("SWP-4", "At the relabel every in-use span is at sg or sg+3.", "mgc.go: gcSweep"),
    Rule("SWP-5", "An in-use span is in one of the five states; while marking it is swept, while "
         "the world is stopped nobody is sweeping.", "mheap.go: mspan.sweepgen"),
    Rule("SWP-6", "A span is allocated from at sg+3 only, taken from a list at sg, freed at sg "
         "with nothing in it, and marked at sg or sg+3.", "mheap.go: mspan.sweepgen"),
    Rule("SWP-7", "A recycled descriptor keeps its generation until it is in use again, so that a "
         "stale pointer to it never looks unswept.", "mheap.go: mheap.init"),
    Rule("SWP-8", "Two stacks of spans, swept and unswept, change roles with each relabel.",
         "mheap.go: mheap.sweepSpans; mgcsweepbuf.go: gcSweepBuf"),
    Rule("SWP-9", "New spans and those that survive a sweep are pushed on the swept stack; only "
         "sweepone pops from the other.", "mheap.go: alloc_m; mgcsweep.go: sweep, sweepone"),
    Rule("SWP-10", "A push reserves its place atomically and stores the pointer last; blocks of "
         "512 are added under a lock.", "mgcsweepbuf.go: push"),
    Rule("SWP-11", "A pop takes the highest place, or gives it back and finds nothing.",
         "mgcsweepbuf.go: pop"),
    Rule("SWP-12", "Marking reads a buffer in blocks of 512 entries, without those not stored "
         "yet.", "mgcsweepbuf.go: numBlocks, block"),
    Rule("SWP-13", "Every swept span is in the swept stack once, every unswept one in the other; "
         "that one is empty when a cycle starts and may hold stale entries before.",
         "mgcsweepbuf.go: gcSweepBuf"),
    Rule("SWP-14", "A popped span that is no longer in use was swept and freed in this cycle; a "
         "stale cached one is dropped.", "mgcsweep.go: sweepone"),
    Rule("SWP-15", "A sweeper pops until it wins a span by compare-and-swap, sweeps it, and "
         "credits its pages if they went back to the heap.", "mgcsweep.go: sweepone"),
    Rule("SWP-16", "sweepdone says that the unswept stack was drained, which is less than that "
         "every sweep is finished.", "mgcsweep.go: sweepone"),
    Rule("SWP-17", "The background sweeper sweeps a span at a time, then frees work buffers, then "
         "parks unless another cycle has begun.", "mgcsweep.go: bgsweep"),
    Rule("SWP-18", "Whoever needs a span swept claims and sweeps it, or waits until it is.",
         "mgcsweep.go: mspan.ensureSwept"),
    Rule("SWP-19", "Who takes a span first sweeps as many pages as the pacing line asks for at "
         "these bytes.", "mgcsweep.go: deductSweepCredit"),
    Rule("SWP-20", "The pacing line leads from the pages still to sweep to zero at the next "
         "trigger, less 1 MiB; with collection off, to zero within a page of growth. A cycle that "
         "began by itself corrects half the error of its trigger.",
         "mgc.go: gcSetTriggerRatio, gcControllerState.endCycle"),
    Rule("SWP-21", "Before the heap gives pages while sweeping goes on, as many are reclaimed: "
         "first from credit, then chunk by chunk.", "mheap.go: reclaim"),
    Rule("SWP-22", "In a chunk of 512 pages, every unmarked in-use span still unswept is claimed "
         "and swept, without the heap's lock.", "mheap.go: reclaimChunk"),
    Rule("SWP-23", "Pages freed beyond what was asked for become credit, which each cycle resets.",
         "mheap.go: reclaim; mgcsweep.go: sweepone"),
    Rule("SWP-24", "A sweep makes the mark bits the allocation bits and starts the search over; a "
         "dead slot with finalizers survives once more, and each of them is queued with its own "
         "address.", "mgcsweep.go: mspan.sweep; mheap.go: addspecial; mfinal.go: SetFinalizer"),
    Rule("SWP-25", "A sweeper that wants to use the span keeps it even if nothing in it lives.",
         "mgcsweep.go: mspan.sweep"),
    Rule("SWP-26", "A small span with nothing alive and something freed, and a dead large span, "
         "go back to the heap.", "mgcsweep.go: mspan.sweep"),
    Rule("SWP-27", "A span needs zeroing once something in it was freed.",
         "mgcsweep.go: mspan.sweep; mcentral.go: freeSpan"),
    Rule("SWP-28", "After a sweep the free slots are exactly the unmarked ones, and no mark is "
         "left.", "mgcsweep.go: mspan.sweep"),
    Rule("SWP-29", "A swept span is published before it is pushed: another P may cache it in "
         "between.", "mgcsweep.go: mspan.sweep"),
    Rule("SWP-30", "wasempty tells that no slot was free before the sweep.",
         "mgcsweep.go: mspan.sweep"),
    Rule("SWP-31", "Each span's pages are counted as swept once in a cycle, whoever sweeps it.",
         "mgcsweep.go: mspan.sweep"),
    Rule("SWP-32", "A cycle first sweeps what is left, checks the caches, clears the page marks, "
         "stops the world, and only then begins to mark.", "mgc.go: gcStart"),
    Rule("SWP-33", "With the world stopped everything left is swept, and the mark-bit arenas age.",
         "mgcsweep.go: finishsweep_m"),
    Rule("SWP-34", "When marking ends, heap_live becomes the bytes marked, in which an object "
         "counts once more for each finalizer; the phase is off, the relabel follows, and then "
         "the pacing of sweeper and scavenger.",
         "mgc.go: gcMarkTermination"),
    Rule("SWP-35", "The relabel raises sg with the world stopped and resets what counts the "
         "sweep.", "mgc.go: gcSweep"),
    Rule("SWP-36", "Every cache is flushed before anyone may stop the world again.",
         "mgc.go: gcMarkTermination"),
    Rule("SWP-37", "A cached span goes through a cycle in its cache: sg+3, then sg+1, then swept "
         "when its owner flushes.", "mcache.go: prepareForSweep; mcentral.go: uncacheSpan"),
    Rule("SWP-38", "runtime.GC forces a whole cycle, sweeps to its end, and waits until no thread "
         "sweeps what it popped; FreeOSMemory scavenges after it.",
         "mgc.go: GC; mheap.go: runtime_debug_freeOSMemory"),
    Rule("SWP-39", "A process boots with nothing to sweep.", "mgc.go: gcinit, gcenable"),
    Rule("SWP-40", "Marking requires every in-use span of the swept stack to be at sg or sg+3.",
         "mgcmark.go: markrootSpans"),
    Rule("SWP-41", "Within a sweep phase a span's rank (unswept, being swept, swept) never goes "
         "down, and each span is swept once at most.", "mgcsweep.go: mspan.sweep"),
)  # fmt: skip
