"""Fatal checks of the runtime: what is thrown, and when it fails."""

from typing import Final

from spanspec.rules.rule import Rule

OF_ALLOCATION: Final = (
    Rule("T-1", '"bad TinySizeClass": class 2, from which tiny blocks come, is not 16 bytes.',
         "malloc.go: mallocinit"),
    Rule("T-2", "\"heapArenaBitmapBytes not a power of 2\": an arena's pointer bitmap has a "
         "size that is none.", "malloc.go: mallocinit"),
    Rule("T-3", '"failed to get system page size": the system did not tell its page size.',
         "malloc.go: mallocinit"),
    Rule("T-4", '"bad system page size": physical pages are smaller than 4096 bytes.',
         "malloc.go: mallocinit"),
    Rule("T-5", '"bad system page size": the physical page size is no power of two.',
         "malloc.go: mallocinit"),
    Rule("T-6", '"bad system huge page size": huge pages have a size that is no power of two.',
         "malloc.go: mallocinit"),
    Rule("T-7", '"too many address space collisions for -race mode": the race detector has '
         "used up all hints.", "malloc.go: mheap.sysAlloc"),
    Rule("T-8", '"memory reservation exceeds address space limit": the region got wraps '
         "around, or lies beyond the table of arenas.", "malloc.go: mheap.sysAlloc"),
    Rule("T-9", '"misrounded allocation in sysAlloc": the region got does not start at an '
         "arena's boundary.", "malloc.go: mheap.sysAlloc"),
    Rule("T-10", '"out of memory allocating heap arena map": there is no memory for the table '
         "of arenas.", "malloc.go: mheap.sysAlloc"),
    Rule("T-11", '"arena already initialized": the table has an arena at that place already.',
         "malloc.go: mheap.sysAlloc"),
    Rule("T-12", '"out of memory allocating heap arena metadata": there is no memory for an '
         "arena's metadata.", "malloc.go: mheap.sysAlloc"),
    Rule("T-13", '"out of memory allocating allArenas": the list of arenas cannot grow.',
         "malloc.go: mheap.sysAlloc"),
    Rule("T-14", '"failed to allocate aligned heap memory; too many retries": Windows lost '
         "100 races for an aligned region.", "malloc.go: sysReserveAligned"),
    Rule("T-15", '"s.allocCount != s.nelems && freeIndex == s.nelems": the search finds no '
         "slot, but the count says that there is one.", "malloc.go: mcache.nextFree"),
    Rule("T-16", '"freeIndex is not valid": there is no free slot even after a refill.',
         "malloc.go: mcache.nextFree"),
    Rule("T-17", '"s.allocCount > s.nelems": more slots are counted than the span has.',
         "malloc.go: mcache.nextFree"),
    Rule("T-18", '"mallocgc called with gcphase == _GCmarktermination": an object is asked '
         "for in mark termination.", "malloc.go: mallocgc"),
    Rule("T-19", '"malloc deadlock": the thread is already inside malloc.', "malloc.go: mallocgc"),
    Rule("T-20", '"malloc during signal": the thread runs on its signal stack.',
         "malloc.go: mallocgc"),
    Rule("T-21", '"out of memory": the bytes of a large object, plus a page, overflow.',
         "malloc.go: largeAlloc"),
    Rule("T-22", '"out of memory": the heap has no span for a large object.',
         "malloc.go: largeAlloc"),
    Rule("T-23", '"persistentalloc: size == 0": nothing is asked for.',
         "malloc.go: persistentalloc1"),
    Rule("T-24", '"persistentalloc: align is not a power of 2": the alignment asked for is no '
         "power of two.", "malloc.go: persistentalloc1"),
    Rule("T-25", '"persistentalloc: align is too large": the alignment asked for exceeds a '
         "page.", "malloc.go: persistentalloc1"),
    Rule("T-26", '"runtime: cannot allocate memory": there is no memory for a new persistent '
         "chunk.", "malloc.go: persistentalloc1"),
    Rule("T-27", '"neighboring scavenged spans boundary is not a physical page boundary": two '
         "scavenged spans to be merged meet inside a physical page.", "mheap.go: coalesce"),
    Rule("T-28", '"runtime: cannot allocate memory": the list of descriptors cannot grow.',
         "mheap.go: recordspan"),
    Rule("T-29", '"grew heap, but no adequate free span found": the heap grew, yet no free '
         "span fits.", "mheap.go: allocSpanLocked"),
    Rule("T-30", '"candidate mspan for allocation is not free": the span found is in another '
         "state.", "mheap.go: allocSpanLocked"),
    Rule("T-31", '"candidate mspan for allocation is too small": the span found has fewer '
         "pages than asked.", "mheap.go: allocSpanLocked"),
    Rule("T-32", '"still in list": the span to hand out is in a list.',
         "mheap.go: allocSpanLocked"),
    Rule("T-33", '"mheap.freeSpanLocked - invalid stack free": a manual span is freed with '
         "objects in it.", "mheap.go: freeSpanLocked"),
    Rule("T-34", '"mheap.freeSpanLocked - invalid free": an in-use span is freed with objects '
         "in it, or unswept.", "mheap.go: freeSpanLocked"),
    Rule("T-35", '"mheap.freeSpanLocked - invalid span state": a free or dead span is freed.',
         "mheap.go: freeSpanLocked"),
    Rule("T-36", "\"bad span split base\": the scavenger's cut lies below the span.",
         "mheap.go: scavengeSplit"),
    Rule("T-37", '"mSpanList.remove": the span to remove is not in this list.',
         "mheap.go: mSpanList.remove"),
    Rule("T-38", '"mSpanList.insert": the span to put in front is in a list.',
         "mheap.go: mSpanList.insert"),
    Rule("T-39", '"mSpanList.insertBack": the span to append is in a list.',
         "mheap.go: mSpanList.insertBack"),
    Rule("T-40", '"addspecial on invalid pointer": a special is added to an address in no '
         "in-use span.", "mheap.go: addspecial"),
    Rule("T-41", '"removespecial on invalid pointer": a special is taken from an address in '
         "no in-use span.", "mheap.go: removespecial"),
    Rule("T-42", '"setprofilebucket: profile already set": an object would get a second '
         "profile special.", "mheap.go: setprofilebucket"),
    Rule("T-43", '"bad special kind": a special of an unknown kind is freed.',
         "mheap.go: freespecial"),
    Rule("T-44", '"markBits overflow": a fresh arena for mark bits is too small for the '
         "request.", "mheap.go: newMarkBits"),
    Rule("T-45", '"runtime: cannot allocate memory": there is no memory for a mark-bit arena.',
         "mheap.go: newArenaMayUnlock"),
    Rule("T-46", '"span has no free objects": the span for a cache turns out to be full.',
         "mcentral.go: cacheSpan"),
    Rule("T-47", '"uncaching span but s.allocCount == 0": a cached span was never allocated '
         "from.", "mcentral.go: uncacheSpan"),
    Rule("T-48", '"freeSpan given cached span": a sweep hands over a span that a cache has.',
         "mcentral.go: freeSpan"),
    Rule("T-49", "\"can't preserve unlinked span\": a span to be kept is in no list.",
         "mcentral.go: freeSpan"),
    Rule("T-50", '"refill of span with free space remaining": the cached span still has free '
         "slots.", "mcache.go: refill"),
    Rule("T-51", '"bad sweepgen in refill": the cached span is not at sg+3.', "mcache.go: refill"),
    Rule("T-52", '"out of memory": the central list gives no span.', "mcache.go: refill"),
    Rule("T-53", '"span has no free space": the new span is full.', "mcache.go: refill"),
    Rule("T-54", '"bad flushGen": the cache missed a whole cycle.', "mcache.go: prepareForSweep"),
)  # fmt: skip
"""Checks of allocation, lists, caches and the page heap: the first 54."""

OF_SWEEPING: Final = (
    Rule("T-55", '"non in-use span in unswept list": a popped span is not in use, and was not '
         "swept either.", "mgcsweep.go: sweepone"),
    Rule("T-56", '"mspan.ensureSwept: m is not locked": the caller can be preempted.',
         "mgcsweep.go: ensureSwept"),
    Rule("T-57", '"mspan.sweep: m is not locked": the sweeper can be preempted.',
         "mgcsweep.go: mspan.sweep"),
    Rule("T-58", '"mspan.sweep: bad span state": a span to sweep is not in use, or nobody '
         "owns its sweep.", "mgcsweep.go: mspan.sweep"),
    Rule("T-59", '"sweep increased allocation count": more slots are marked than allocated.',
         "mgcsweep.go: mspan.sweep"),
    Rule("T-60", '"mspan.sweep: bad span state after sweep": state or generation changed '
         "while the span was swept.", "mgcsweep.go: mspan.sweep"),
    Rule("T-61", '"block index out of range": a block beyond the sweep buffer is asked for.',
         "mgcsweepbuf.go: block"),
    Rule("T-62", '"failed to find minimal node matching filter": the treap promises a match '
         "on the way down that is not there.", "mgclarge.go: findMinimal"),
    Rule("T-63", '"failed to find minimal node matching filter": the same, in search of the '
         "highest match.", "mgclarge.go: findMaximal"),
    Rule("T-64", '"span may be on an mSpanList while simultaneously in the treap": a free '
         "span has list links.", "mgclarge.go: checkTreapNode"),
    Rule("T-65", "\"why does span.base() and treap.key do not match?\": a node's key is not its "
         "span's base.", "mgclarge.go: checkTreapNode"),
    Rule("T-66", '"found out-of-order spans in treap (left child has greater base address)": '
         "a left child lies above its parent.", "mgclarge.go: checkTreapNode"),
    Rule("T-67", '"found out-of-order spans in treap (right child has lesser base address)": '
         "a right child lies below its parent.", "mgclarge.go: checkTreapNode"),
    Rule("T-68", "\"maxPages invariant violated in treap\": a node's longest span is not what "
         "its subtree has.", "mgclarge.go: validateInvariants"),
    Rule("T-69", "\"types invariant violated in treap\": a node's kinds are not those of its "
         "subtree.", "mgclarge.go: validateInvariants"),
    Rule("T-70", '"inserting span already in treap": a span of that base is in the treap.',
         "mgclarge.go: insert"),
    Rule("T-71", '"span and treap node base addresses do not match": a base changed while its '
         "node rises.", "mgclarge.go: insert"),
    Rule("T-72", '"treap insert finds a broken treap": the rising node is no child of its '
         "parent.", "mgclarge.go: insert"),
    Rule("T-73", '"span and treap node base addresses do not match": a base changed since it '
         "was inserted.", "mgclarge.go: removeNode"),
    Rule("T-74", '"treap node with nil span found": the search meets a node without a span.',
         "mgclarge.go: find"),
    Rule("T-75", '"large span treap rotateLeft": a node is no child of its parent.',
         "mgclarge.go: rotateLeft"),
    Rule("T-76", '"large span treap rotateRight": a node is no child of its parent.',
         "mgclarge.go: rotateRight"),
    Rule("T-77", '"runtime: internal error": an allocator of fixed sizes is used before it '
         "was set up.", "mfixalloc.go: fixalloc.alloc"),
    Rule("T-78", '"unaligned sysUnused": pages to release do not begin and end with physical '
         "pages.", "mem_linux.go: sysUnused"),
    Rule("T-79", '"runtime: out of memory": the kernel has no memory to map.',
         "mem_linux.go: sysMap"),
    Rule("T-80", '"runtime: cannot map pages in arena address space": the kernel maps '
         "elsewhere, or fails.", "mem_linux.go: sysMap"),
    Rule("T-81", '"s.freeindex > s.nelems": the search would start behind the last slot.',
         "mbitmap.go: nextFreeIndex"),
    Rule("T-82", '"initSpan: unaligned length": the words of a span do not fill whole bitmap '
         "bytes.", "mbitmap.go: heapBits.initSpan"),
    Rule("T-83", '"initSpan: unaligned base": a span does not start with a bitmap byte.',
         "mbitmap.go: heapBits.initSpan"),
    Rule("T-84", "\"markBitsForSpan: unaligned start\": a span does not start at a byte's first "
         "mark bit.", "mbitmap.go: markBitsForSpan"),
    Rule("T-85", '"found bad pointer in Go heap (incorrect use of unsafe or cgo?)": a pointer '
         "leads into a dead or free span, or behind a span's objects.", "mbitmap.go: findObject"),
    Rule("T-86", '"p mcache not flushed": some cache was not flushed since the last relabel.',
         "mgc.go: gcStart"),
    Rule("T-87", '"gcSweep being done but phase is not GCoff": the relabel comes while '
         "marking goes on.", "mgc.go: gcSweep"),
    Rule("T-88", '"non-empty swept list": the stack that becomes the swept one is not empty.',
         "mgc.go: gcSweep"),
    Rule("T-89", '"gc done but gcphase != _GCoff": a cycle ends in another phase.',
         "mgc.go: gcMarkTermination"),
    Rule("T-90", '"gc_trigger underflow": the heap size that starts the next cycle is '
         "negative.", "mgc.go: gcSetTriggerRatio"),
    Rule("T-91", '"gc: unswept span": marking meets an in-use span that is not swept.',
         "mgcmark.go: markrootSpans"),
    Rule("T-92", '"marking free object": checkmark mode reaches a slot that is free.',
         "mgcmark.go: greyobject"),
    Rule("T-93", '"gcmarknewobject called while doing checkmark": an object is born in '
         "checkmark mode.", "mgcmark.go: gcmarknewobject"),
    Rule("T-94", '"missing mcache?": the first P finds no bootstrap cache.', "proc.go: p.init"),
    Rule("T-95", '"wirep: already in go": the thread has a P or a cache already.',
         "proc.go: wirep"),
    Rule("T-96", '"wirep: invalid p state": the P has a thread, or is not idle.', "proc.go: wirep"),
    Rule("T-97", '"releasep: invalid arg": the thread has no P or no cache to give up.',
         "proc.go: releasep"),
    Rule("T-98", '"releasep: invalid p state": P, thread and cache do not belong together.',
         "proc.go: releasep"),
    Rule("T-99", '"lost mcache": a thread comes back from a system call without a cache.',
         "proc.go: exitsyscall"),
    Rule("T-100", '"cache size must be a multiple of page size": the stack cache is not whole '
         "pages.", "stack.go: stackinit"),
    Rule("T-101", '"bad allocCount": a fresh span for stacks counts objects.',
         "stack.go: stackpoolalloc"),
    Rule("T-102", '"bad manualFreeList": a fresh span for stacks has a free list.',
         "stack.go: stackpoolalloc"),
    Rule("T-103", '"span has no free stacks": a pooled span has no stack to give.',
         "stack.go: stackpoolalloc"),
    Rule("T-104", '"freeing stack not in a stack span": a stack is freed whose span is not '
         "manual.", "stack.go: stackpoolfree"),
    Rule("T-105", '"bad span state": a large stack is freed whose span is not manual.',
         "stack.go: stackfree"),
    Rule("T-106", '"out of memory": there is no span for a stack or for work buffers.',
         "stack.go: stackpoolalloc, stackalloc; mgcwork.go: getempty"),
    Rule("T-107", '"forEachP: not done": the broadcast that flushes every cache did not reach '
         "every P.", "proc.go: forEachP"),
)  # fmt: skip
"""Checks of sweeping, the treap, the system, bitmaps, marking, Ps and stacks: the others."""

T: Final = OF_ALLOCATION + OF_SWEEPING
