"""The caches of the Ps, and the central lists that fill them."""

from typing import Final

from spanspec.rules.rule import Rule

MC: Final = (
    Rule("MC-1", "A cache has a span for each span class, the tiny block, the generation of its "
         "last flush and counters; its P alone uses it, without a lock.", "mcache.go: mcache"),
    Rule("MC-2", "A new cache counts as flushed in this generation and has the empty span in each "
         "slot.", "mcache.go: allocmcache"),
    Rule("MC-3", "The empty span has no slots, so that the first allocation of a class refills; "
         "it is never written.", "mcache.go: emptymspan"),
    Rule("MC-4", "Refill lets go of a full span (to sg) and installs one with room (at sg+3).",
         "mcache.go: refill"),
    Rule("MC-5", "A span on its way into a cache is at sg in the empty list, where nobody else "
         "takes it.", "mcache.go: refill"),
    Rule("MC-6", "Releasing a cache uncaches its spans in span class order, and drops the tiny "
         "block.", "mcache.go: releaseAll"),
    Rule("MC-7", "A cache is flushed once for each cycle, and fails if it missed one.",
         "mcache.go: prepareForSweep"),
    Rule("MC-8", "Caches are flushed when a P is acquired, after a change of the number of Ps, "
         "and for all Ps after mark termination.",
         "proc.go: acquirep, procresize; mgc.go: gcMarkTermination"),
    Rule("MC-9", "Reading statistics releases every cache with the world stopped, and leaves its "
         "flush generation alone.", "mstats.go: flushmcache, flushallmcaches"),
    Rule("MC-10", "A P that is destroyed releases its cache before it is freed.",
         "mcache.go: freemcache; proc.go: p.destroy"),
    Rule("MC-11", "A cache's counters are added to the heap's and zeroed; two of them whenever a "
         "span is taken or freed.", "mstats.go: purgecachedstats"),
    Rule("MC-12", "A cycle starts only when every cache has been flushed.", "mgc.go: gcStart"),
    Rule("MC-13", "A flushed cache holds spans at sg+3, an unflushed one at sg+1; each in one "
         "slot of its own class, and in the empty list.", "mcache.go: mcache"),
    Rule("MC-14", "P 0 inherits the bootstrap cache; every other P gets a new one.",
         "proc.go: p.init"),
    Rule("MC-15", "A cache also keeps free stacks of four sizes, apart from objects; clearing "
         "them may free manual spans.", "stack.go: stackcacherefill, stackcache_clear"),
)  # fmt: skip

CEN: Final = (
    Rule("CEN-1", "Each span class has a list of spans with room that nobody has cached, and one "
         "of full and cached spans.", "mcentral.go: mcentral"),
    Rule("CEN-2", "Before a span is looked for, the sweep debt for its bytes is paid, without "
         "the lock.", "mcentral.go: cacheSpan"),
    Rule("CEN-3", "The nonempty list is walked from the front: an unswept span is claimed and "
         "swept, one being swept is skipped, a swept one is taken.", "mcentral.go: cacheSpan"),
    Rule("CEN-4", "Then the empty list: an unswept span is claimed, swept and used at its first "
         "free slot, or the search starts over; the first swept one ends the walk.",
         "mcentral.go: cacheSpan"),
    Rule("CEN-5", "Unswept spans may stand behind swept ones in the empty list; they are left to "
         "the sweeper.", "mcentral.go: cacheSpan"),
    Rule("CEN-6", "A span of the nonempty list needs no look for room after its sweep, which only "
         "frees slots.", "mcentral.go: cacheSpan"),
    Rule("CEN-7", "If neither list helps, a new span is grown and appended to the empty list.",
         "mcentral.go: cacheSpan"),
    Rule("CEN-8", "A span handed to a cache has a free slot; its free bytes count as live from "
         "now on.", "mcentral.go: cacheSpan"),
    Rule("CEN-9", "A span handed to a cache gets its allocCache reloaded at freeindex.",
         "mcentral.go: cacheSpan"),
    Rule("CEN-10", "The tail of a cached span stays counted as live until marking ends: caching "
         "adds it, uncaching does not take it back.", "mcentral.go: cacheSpan, uncacheSpan"),
    Rule("CEN-11", "A grown span has the pages of its class, zeroed, with limit behind its last "
         "slot.", "mcentral.go: grow"),
    Rule("CEN-12", "Uncaching sets sg, or sg-1 and a sweep if the span is stale; one with room "
         "moves to the front of the nonempty list.", "mcentral.go: uncacheSpan"),
    Rule("CEN-13", "A stale span may stand in the nonempty list while it is swept, where others "
         "pass over it; its bytes are not taken back.", "mcentral.go: uncacheSpan"),
    Rule("CEN-14", "After a sweep that freed something the span needs zeroing and is published; "
         "an empty one goes back to the heap.", "mcentral.go: freeSpan"),
    Rule("CEN-15", "Only a sweep that found the span full and freed something moves it; with "
         "nothing freed it stays where it is.", "mcentral.go: freeSpan"),
    Rule("CEN-16", "At rest a span in the nonempty list is uncached and has room, and an uncached "
         "one in the empty list has none.", "mcentral.go: mcentral"),
    Rule("CEN-17", "A class counts every slot of a cached span as handed out; less what was freed "
         "it equals the slots in use once all caches are flushed.", "mcentral.go: cacheSpan"),
    Rule("CEN-18", "heap_live rises when a span is cached and by large objects, falls when a span "
         "is uncached, is set when marking ends, and no sweep changes it.",
         "mcentral.go: cacheSpan, uncacheSpan; mheap.go: alloc_m"),
)  # fmt: skip
