"""Mutants of spanalloc that nobody can notice, each with the reason."""

from typing import Final

from spanproof.mutation.drawing.equivalent import Reason

REASONS: Final = (
    Reason(
        "pages.freeruns.FreeRuns.make_room",
        "capacity *= 16",
        "16 -> 17",
        "how much more room there is than arenas changes no result: the tree rounds its rows up",
    ),
    Reason(
        "pages.freeruns.FreeRuns.make_room",
        "while capacity < arenas",
        "capacity < arenas -> (capacity <= arenas)",
        "how much more room there is than arenas changes no result",
    ),
    Reason(
        "pages.freeruns.FreeRuns.arena_added",
        "self.tops.clear()",
        "self.tops.clear() -> pass",
        "each arena's length is stored anew, and there is one arena more than before",
    ),
    Reason(
        "central.slotzero.clear",
        "if size <= 8192 else",
        "8192 -> 8193",
        "a size is a multiple of eight",
    ),
    Reason(
        "heap.operation.Operation.__init__",
        "self.who: Mcache | None = None",
        "* -> pass",
        "an operation ends only if it has begun, and then it has a P",
    ),
    Reason(
        "span.snapshot.joined",
        "while used > 0",
        "used > 0 -> (used >= 0)",
        "a bitmap of zeros is 0 by the long way, too",
    ),
    Reason(
        "heap.background.Background.scavenge_next",
        "if line.wake_at > now",
        "line.wake_at > now -> (line.wake_at >= now)",
        "at the very moment it waits for no time, and looks again",
    ),
    *(
        Reason(
            "span.span.Span.__init__",
            f"self.{field}: ",
            "*",
            "a span of a heap is reset, and then cut into slots or managed by hand, before it is "
            "used; a span by itself has neither pages nor a list",
        )
        for field in (
            *("state", "scavenged", "dirty", "was_empty", "limit"),
            *("listed", "next", "prev"),
        )
    ),
    Reason(
        "span.span.Span.__init__",
        "_bits = vec[i64]",
        "self.nelems + 63 >> 6 -> (self.nelems + 63 << 6)",
        "words behind the last slot are not looked at",
    ),
    Reason(
        "central.newspan.new_span",
        "span.sweepgen = state.sg",
        "* -> pass",
        "it is stored once more where the span comes into use, under the same lock",
    ),
    Reason(
        "heap.heap.Heap.malloc",
        "if slot >= 0",
        "0 -> 1",
        "a span enters a cache in a refill, which takes its first slot: later ones are not 0",
    ),
    Reason(
        "span.mcache.Mcache.__init__",
        "self.looked_at",
        "*",
        "who tells where he has looked has looked",
    ),
    Reason(
        "base.maxtree.MaxTree.largest",
        "if self.weights[at] > best",
        "* > best -> *>= best)",
        "of two that are the same either is the largest",
    ),
    Reason(
        "heap.marks.WORD_BITS",
        "62",
        "62 -> 63",
        "63 bits give the same: it takes longer in compiled code, where they are an object",
    ),
    Reason(
        "pages.pageheap.TABLES",
        "1 << 19",
        "*",
        "how much more is asked for than an arena's tables take, to find out whether it is there",
    ),
    Reason(
        "pages.pagemap.PageMap.add",
        "while place > 0",
        "* > arena.base -> *>= arena.base)",
        "no two arenas begin at the same address",
    ),
    Reason(
        "base.pagesizes.cut_address",
        "if at <= start",
        "at <= start -> (at < start)",
        "a cut at the start is all of it, as the last line says, too; no huge page begins between",
    ),
    Reason(
        "heap.cycle.mark_object",
        "arena.marked[page_of(span.base)] = 1",
        "1 -> 2",
        "a page is marked by any number but 0",
    ),
    Reason(
        "heap.malloc.tell_tiny",
        "assert span is not None",
        "* -> pass",
        "the current tiny block is in a span",
    ),
    Reason(
        "heap.world.World.release",
        "who.owner = 0",
        "0 -> 1",
        "no thread has that number, so the P belongs to nobody",
    ),
    Reason(
        "pages.freespans.FreeSpans.new_descriptor",
        "Span(0, 0, 1, 0)",
        "0 -> 1",
        "a descriptor is reset before it is used",
    ),
    Reason(
        "pages.pageheap.PageHeap.reserve_arenas",
        "base: i64 = 0",
        "0 -> 1",
        "it is set on both ways",
    ),
    Reason(
        "pages.pageheap.PageHeap.reserve_arenas",
        "return 0, 0",
        "0 -> 1",
        "of a reservation of no bytes nobody asks where it is",
    ),
    Reason(
        "pages.scavenge.TOP",
        "1 << 60",
        "*",
        "addresses and sizes of memory are far below both",
    ),
    Reason(
        "pages.osmem.OsMemory.welcome_huge",
        "if huge == 0",
        "0 -> 1",
        "multiples of 0 bytes are all 0, and then no page is between them",
    ),
    Reason(
        "base.pagesizes.PageSizes.huge_pages",
        "if end > start else 0",
        "end > start -> (end >= start)",
        "nothing between them is no huge page",
    ),
    Reason(
        "heap.heap.Heap.memory",
        "offset = place - arena.base",
        "place - arena.base -> (place + arena.base)",
        "what is taken to reach beyond its arena is viewed by the system: the same memory",
    ),
    Reason(
        "base.pagesizes.PageSizes.huge_pages",
        "if self.huge == 0",
        "0 -> 1",
        "multiples of 0 bytes are all 0, and then no page is between them",
    ),
    Reason(
        "pages.osmem.RealMemory.*",
        "self._mmap(",
        "1 -> 2",
        "the number of a file is not looked at where memory is of none",
    ),
    Reason(
        "pages.osmem.machine_sizes",
        "huge & (huge - 1)",
        "1 -> 2",
        "it tells powers of two as well, but for a huge page of one byte",
    ),
    Reason(
        "pages.pageheap.PageHeap.take",
        "T-29",
        "raise HeapError('T-29*') -> pass",
        "what the heap has grown by is long enough, so it is found",
    ),
    Reason(
        "heap.malloc.take",
        "if slot < 0",
        "slot < 0 -> (slot <= 0)",
        "a span enters a cache in a refill, which takes its first slot: later ones are not 0",
    ),
    Reason(
        "pages.scavengeline.ScavengeLine.due",
        "return retained - want if retained > want else 0",
        "retained > want -> (retained >= want)",
        "where both are the same the difference is 0, too",
    ),
    Reason(
        "central.pacing.Pacing.__init__",
        "self.scanned",
        "0 -> 1",
        "each cycle counts from its start on",
    ),
    Reason(
        "pages.system.System.place",
        "if found <= 0 or",
        "0 -> 1",
        "address 1 is that of no page; where another number of the line changes, all is refused",
    ),
    Reason(
        "heap.background.Background.forked",
        "self.stopping = False",
        "*",
        "threads alone look at it: there are none until `start` has set it",
    ),
    Reason(
        "heap.background.Background.__init__",
        "self.stopping = False",
        "False -> True",
        "threads alone look at it: there are none until `start` has set it",
    ),
    Reason(
        "heap.world.World.forked",
        "self.set(STOPPING, False)",
        "*",
        "the heap is broken: each operation is refused before, and its end stops the world itself",
    ),
    Reason(
        "programs.audit.audit_pages",
        "pieces.sort(key=lambda piece: piece[0])",
        "0 -> 1",
        "pieces that do not overlap end in the order in which they begin; others are found in both",
    ),
    Reason(
        "heap.world.belongs_to_another",
        "return owner != 0 and",
        "0 -> 1",
        "no thread has the number 0, so none that runs",
    ),
    Reason(
        "span.mcache.Mcache.__init__",
        "self.owner: int = 0",
        "0 -> 1",
        "no thread has the number 1: it is that of none that runs, as 0 is",
    ),
    Reason(
        "base.mutex.Mutex.__exit__",
        "self.holder = 0",
        "0 -> 1",
        "no thread has the number 1: whoever asks is not the holder",
    ),
    Reason(
        "pages.pagemap.GROUPS",
        "GROUPS: Final = 2048",
        "2048 -> 2049",
        "addresses end with group 2047: one more is never looked at",
    ),
    Reason(
        "heap.heap.Heap.free_manual",
        "assert span.state == MANUAL",
        "assert span.state == MANUAL -> pass",
        "what the heap has noted as manual is in manual use",
    ),
    Reason(
        "heap.heap.Heap.free_manual",
        "assert span is not None",
        "assert span is not None -> pass",
        "what the heap has noted as manual is in a span",
    ),
    Reason(
        "pages.pagemap.PageMap.arena_at",
        "assert arena is not None",
        "assert arena is not None -> pass",
        "callers ask for addresses of arenas that are mapped",
    ),
    Reason(
        "pages.osmem.machine_sizes",
        "if huge < 0 or",
        "0 -> 1",
        "none stay none; where the other number of the line changes, powers of two are refused",
    ),
    Reason(
        "central.slotzero.clear_free_slots",
        "span.dirty = False",
        "*",
        "free slots that are zero are cleared once more",
    ),
    Reason(
        "base.sizeclass.reciprocals",
        "((1 << 32) + size - 1) // size",
        "(1 << 32) + size - 1 -> ((1 << 32) + size + 1)",
        "powers of two get one more, which divides each offset in a span of theirs as exactly",
    ),
    Reason(
        "programs.stream.Stream.__init__",
        "self.highest: i64 = -1",
        "1 -> 2",
        "without a request there is no slot, and there are no fewer than none",
    ),
    Reason(
        "programs.stream.serve",
        "held = vec[i64]([0] * int(stream.highest + 1))",
        "1 -> 2",
        "one slot more than there are holds nothing, and so nothing that is alive",
    ),
    Reason(
        "programs.stream.serve",
        "if code >= 0",
        "0 -> 1",
        "sizes are from 1 on, so no request for memory has a code below 4",
    ),
    Reason(
        "programs.stream.serve",
        "if code >= 0",
        "code >= 0 -> (code > 0)",
        "sizes are from 1 on, so no request for memory has a code below 4",
    ),
    *(
        Reason(
            function,
            "lock.expect()",
            "*lock.expect() -> pass",
            "the lock is taken a line above; who leaves that out is told so",
        )
        for function in (
            "central.pacing.Pacing.grow_live",
            "central.pacing.Pacing.looked_through",
            "central.pacing.Pacing.sweep_begins",
            "central.pacing.Pacing.sweepers_change",
            "central.pacing.Pacing.add_credit",
            "central.pacing.Pacing.take_credit",
            "central.pacing.Pacing.next_chunk",
            "central.sweepbuf.SweepBuffer.push",
            "central.sweepbuf.SweepBuffer.pop",
            "heap.scavengeturn.scavenge_turn",
            "span.specials.Specials.add",
            "span.specials.Specials.begin",
            "span.specials.Specials.end",
            "span.specials.Specials.roots",
        )
    ),
)
"""The mutants of spanalloc that were met."""
