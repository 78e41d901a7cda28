"""Arenas, what the operating system is asked for, and the scavenger."""

from typing import Final

from spanspec.rules.rule import Rule

AR: Final = (
    Rule("AR-1", "128 hints, 1 TiB apart from 0xc000000000 on, tell where to ask for arenas.",
         "malloc.go: mallocinit"),
    Rule("AR-2", "Where addresses have 64 bits, the linear reserve for arenas is empty and always "
         "fails.", "malloc.go: mallocinit"),
    Rule("AR-3", "A linear reserve hands out aligned pieces from its start and maps them as it "
         "goes.", "malloc.go: linearAlloc.alloc"),
    Rule("AR-4", "An arena is reserved at a hint, which moves on; a hint that fails is dropped, "
         "and without hints any aligned place will do, with new hints on both sides.",
         "malloc.go: mheap.sysAlloc"),
    Rule("AR-5", "Each new arena gets its metadata and its place in the list and the map of "
         "arenas, for ever.", "malloc.go: mheap.sysAlloc"),
    Rule("AR-6", "An aligned reservation is cut from a larger one, unless that came aligned: then "
         "all of it is kept.", "malloc.go: sysReserveAligned"),
    Rule("AR-7", "The list of arenas only grows, in the order of mapping, which is the order in "
         "which the reclaimer goes.", "malloc.go: mheap.sysAlloc; mheap.go: reclaim"),
    Rule("AR-8", "While a hint holds, every arena continues the one before.",
         "malloc.go: mheap.sysAlloc; mheap.go: grow"),
)  # fmt: skip

OS: Final = (
    Rule("OS-1", "A region is none, reserved, prepared or ready; each call of the operating "
         "system layer is one transition.", "malloc.go: memory states"),
    Rule("OS-2", "sysAlloc gives zeroed memory at an address of the kernel's choice, counts it, "
         "and ends the process where locking or limits forbid.", "mem_linux.go: sysAlloc"),
    Rule("OS-3", "A reservation has an address as a hint only: it may come elsewhere, or not at "
         "all.", "mem_linux.go: sysReserve"),
    Rule("OS-4", "A reserved region is mapped in place and counted; that it cannot is fatal.",
         "mem_linux.go: sysMap"),
    Rule("OS-5", "Pages about to be used are offered to the kernel as huge pages, as far as whole "
         "ones lie inside.", "mem_linux.go: sysUsed, sysHugePage"),
    Rule("OS-6", "Pages are released lazily if the kernel knows how, else at once; huge pages cut "
         "by the range are broken up before.", "mem_linux.go: sysUnused"),
    Rule("OS-7", "Memory is given back to the system and uncounted, or made to fault.",
         "mem_linux.go: sysFree, sysFault"),
    Rule("OS-8", "A statistic that would overflow or go below zero ends the process.",
         "mstats.go: mSysStatInc, mSysStatDec"),
    Rule("OS-9", "Persistent memory is cut from chunks of 256 KiB, aligned, zeroed and never "
         "freed; 64 KiB and more come from the system.", "malloc.go: persistentalloc1"),
)  # fmt: skip

SCAV: Final = (
    Rule("SCAV-1", "The scavenger may use 1 % of the time at 10 microseconds a page, and retains "
         "10 % above its goal; a huge page counts like a page.", "mgcscavenge.go: constants"),
    Rule("SCAV-2", "Retained are the bytes of the heap that have not been released.",
         "mgcscavenge.go: heapRetained"),
    Rule("SCAV-3", "After each cycle the goal is the heap in use, scaled as the collector's goal "
         "grows, plus a tenth, in whole physical pages; above it a line tells the speed.",
         "mgcscavenge.go: gcPaceScavenger"),
    Rule("SCAV-4", "The speed is defined, as long as physical pages are no larger than the "
         "allocator's.", "mgcscavenge.go: gcPaceScavenger"),
    Rule("SCAV-5", "Pacing ends every change of the trigger: at boot, when GOGC is set, and when "
         "marking ends.", "mgc.go: gcSetTriggerRatio, setGCPercent, gcMarkTermination"),
    Rule("SCAV-6", "A span is scavenged by releasing its whole physical pages and counting them.",
         "mheap.go: mspan.scavenge"),
    Rule("SCAV-7", "Unscavenged free spans are taken from the highest address down, first those "
         "with huge pages, until enough is released.", "mheap.go: scavengeLocked"),
    Rule("SCAV-8", "The next span is chosen before the one at hand changes; merging leaves it "
         "alone.", "mheap.go: scavengeLocked"),
    Rule("SCAV-9", "Of a span larger than needed only the upper end is released, from a boundary "
         "of physical pages on.", "mheap.go: scavengeSplit"),
    Rule("SCAV-10", "Where a boundary of huge pages lies in the span, the cut moves down to it: "
         "more than asked for is released.", "mheap.go: scavengeSplit"),
    Rule("SCAV-11", "Scavenging changes flags, the cut of free spans and the bytes released, and "
         "nothing else.", "mheap.go: scavengeLocked"),
    Rule("SCAV-12", "Spans already scavenged, and parts of physical pages at the ends, are left "
         "alone.", "mheap.go: scavengeLocked"),
    Rule("SCAV-13", "FreeOSMemory scavenges every free span whole.", "mheap.go: scavengeAll"),
    Rule("SCAV-14", "Growth releases what would exceed the goal, at most as much as it adds.",
         "mheap.go: scavengeIfNeededLocked"),
    Rule("SCAV-15", "Before the first cycle ends the goal is 0: each growth scavenges what is "
         "free and unscavenged.", "mheap.go: scavengeIfNeededLocked"),
    Rule("SCAV-16", "The unused part of the current arena counts as released, so growth is what "
         "makes it count as retained.", "mheap.go: growAddSpan"),
    Rule("SCAV-17", "The background scavenger releases what lies above the line, then sleeps: a "
         "while if it ran ahead, ever longer if it released nothing.",
         "mgcscavenge.go: bgscavenge"),
    Rule("SCAV-18", "It may go below the goal when late, and releases nothing once the line has "
         "passed zero.", "mgcscavenge.go: bgscavenge"),
    Rule("SCAV-19", "It sleeps only if the pacing is still what it was, and tells whether it "
         "slept to the end.", "mgcscavenge.go: scavengeSleep"),
    Rule("SCAV-20", "Waking it stops its timer; to wake it twice does no harm.",
         "mgcscavenge.go: wakeScavenger"),
    Rule("SCAV-21", "Time decides only when and how much; what is released follows from the heap "
         "and the bytes asked for.", "mgcscavenge.go: bgscavenge"),
)  # fmt: skip
