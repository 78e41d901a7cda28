"""Mutants that nobody can notice, each with the reason.

A mutant is named by its function (a shell pattern), by what stands in the line that it changes, and
by what stood there and what stands there instead, `a < b -> (a <= b)`, a shell pattern as well: in
it `[[]` is a bracket.
"""

from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Final, NamedTuple


class Reason(NamedTuple):
    """Why nobody can notice some mutants."""

    function: str
    source: str
    change: str
    why: str


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
        "heap.world.Operation.__init__",
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
"""The mutants of spanalloc that were met, in the order of the sources."""

SAME: Final = "where both sides are equal, so are both results"

OF_DRAWN: Final = (
    Reason(
        "spanalloc.base.maxtree.MaxTree.store",
        "",
        "weights[[]other] > weight -> (weights[[]other] >= weight)",
        SAME,
    ),
    Reason(
        "spanspec.sharing.steps.setsteps.start_cycle",
        "",
        "entries.partial_unswept + entries.full_unswept -> *-*",
        "a span is in one set at most, so the difference is 0 just where the sum is",
    ),
    *(
        Reason(f"spanspec.{function}", "", change, SAME)
        for function, change in (
            ("pages.courses.scavenge.growth_work", "above < size -> (above <= size)"),
            (
                "pages.courses.scavenge.growth_work",
                "retained_now + size <= goal -> (retained_now + size < goal)",
            ),
            ("pages.courses.scavenge.work_to", "now > want -> (now >= want)"),
            ("sharing.containers.sweepbuf.pop", "stack.index < place -> (stack.index <= place)"),
            ("base.sizeclass.round_up_size", "size < MAX_SMALL_SIZE -> (size <= MAX_SMALL_SIZE)"),
            (
                "base.sizeclass.size_class_for",
                "size <= SMALL_SIZE_MAX - SMALL_SIZE_DIV -> (size < *",
            ),
            ("span.mspan.allocated_below", "end <= span.freeindex -> (end < span.freeindex)"),
            (
                "span.profile.is_aligned",
                "span.elemsize < LEAST_WITH_MARKS -> (span.elemsize <= LEAST_WITH_MARKS)",
            ),
            ("pages.courses.bgscavenge.after_turn", "released > wanted -> (released >= wanted)"),
            ("pages.tables.runs.huge_pages", "end > start -> (end >= start)"),
            (
                "pages.courses.scavenge.coarser_page",
                "phys.size > PAGE_SIZE -> (phys.size >= PAGE_SIZE)",
            ),
            ("pages.courses.scavenge.total_time_ns", "huge >= total -> (huge > total)"),
            (
                "heap.state.progress.take_chunk",
                "progress.reclaim_index >= after -> (progress.reclaim_index > after)",
            ),
            ("heap.state.progress.credit_taken", "found < wanted -> (found <= wanted)"),
            ("heap.state.pacing.distance_to", "distance > PAGE_SIZE -> (distance >= PAGE_SIZE)"),
            (
                "pages.tables.runs.releasable",
                "bounds.end > bounds.start -> (bounds.end >= bounds.start)",
            ),
            ("pages.freeset.treap.most_of", "run_pages >= larger -> (run_pages > larger)"),
            ("pages.freeset.treap.most_of", "left_most >= right_most -> (left_most > right_most)"),
        )
    ),
    *(
        Reason("spanspec.pages.courses.scavenge.split_address", "", change, why)
        for change, why in (
            ("end <= start -> (end < start)", "no bytes are at most the size that is wanted"),
            ("end - start <= size -> (end - start < size)", "the cut would be at the start"),
            ("end - start -> (end + start)", "a cut that is too low is refused further below"),
            ("at <= start -> (at < start)", "a cut at the start is refused further below"),
            (
                "phys.huge > PAGE_SIZE -> (phys.huge >= PAGE_SIZE)",
                "the cut is at a page of the heap before that",
            ),
            ("at > start -> (at >= start)", "a cut at the start was refused before"),
            ("assert at > start* -> pass", "no cut is below the start: others were refused before"),
        )
    ),
    Reason(
        "spanspec.base.words.is_trailing_zeros",
        "",
        "count < WORD_BITS -> (count <= WORD_BITS)",
        "a word has no bit 64, and that it is set is asked besides",
    ),
    Reason(
        "spanspec.heap.state.accounts.may_charge_cached",
        "",
        "charge(span) > 0 -> (charge(span) >= 0)",
        "there is a free slot, which has bytes",
    ),
    *(
        Reason(
            f"spanspec.pages.tables.runs.{function}",
            "",
            change,
            "runs begin and end at pages of the heap, which are physical ones then",
        )
        for function, change in (
            ("boundary_is_physical", "phys.size <= PAGE_SIZE -> (phys.size < PAGE_SIZE)"),
            ("phys_page_bounds", "phys.size > PAGE_SIZE -> (phys.size >= PAGE_SIZE)"),
        )
    ),
    Reason(
        "spanspec.pages.memory.mallocinit.mallocinit",
        "",
        "check_build(* -> pass",
        "it is asked of two constants, of which it is true",
    ),
    Reason(
        "spanspec.heap.state.pacing.may_set_pace",
        "",
        "to.pages_per_byte > 0 -> (to.pages_per_byte >= 0)",
        "a pace of 0 is allowed anyway",
    ),
    Reason(
        "spanspec.heap.courses.sweeping.check_marks",
        "",
        "bad & -bad -> (bad | -bad)",
        "that is minus the lowest bit, which has the same length",
    ),
    Reason(
        "spanspec.pages.memory.arena.reserve_aligned",
        "",
        "rest > 0 -> (rest >= 0)",
        "what is cut off in front is less than what was asked for besides",
    ),
    Reason(
        "spanspec.pages.memory.arena.reservable",
        "",
        "end <= M64 -> (end < M64)",
        "a region of whole arenas does not end at an odd address",
    ),
    Reason(
        "spanspec.pages.courses.scavenge.*",
        "",
        "check_release(* -> pass",
        "what can be released of a run are whole physical pages",
    ),
    Reason(
        "spanspec.pages.memory.arena.reservable",
        "",
        "arena_index(base) < MAX_ARENAS -> (arena_index(base) <= MAX_ARENAS)",
        "the last byte is not below the first, and is asked the same",
    ),
    *(
        Reason(
            f"spanspec.pages.freeset.treap.{function}",
            "",
            "node.types & wanted -> (node.types | wanted)",
            "no more than time is saved by passing over a subtree in which nothing is found",
        )
        for function in ("highest_below", "lowest_above")
    ),
    *(
        Reason(
            f"spanspec.pages.freeset.treap.{function}",
            "",
            "base < node.run.base -> (base <= node.run.base)",
            "whether both are the same was asked before",
        )
        for function in ("without", "change")
    ),
    Reason(
        "spanspec.span.profile.class_for",
        "",
        "number > 0 -> (number >= 0)",
        "class 0 is of 0 bytes, and holds no request",
    ),
    Reason(
        "spanspec.heap.courses.newspan.check_bitmap",
        "",
        "npages * PAGE_SIZE // 8 -> (npages * PAGE_SIZE * 8)",
        "whole pages are a multiple of 32 bytes, so both are of 4",
    ),
    Reason(
        "spanspec.heap.courses.newspan.check_bitmap",
        "",
        "npages * PAGE_SIZE -> (npages // PAGE_SIZE)",
        "a multiple of 4 words it is, and so is 0",
    ),
    Reason(
        "spanspec.base.sizeclass.generate_classes",
        "",
        "raise ValueError(*) -> pass",
        "there is nothing to choose: as many are always generated",
    ),
    Reason(
        "spanspec.heap.courses.newspan.take_span",
        "",
        "check_bitmap(run.base, npages) -> pass",
        "the step by which a span comes into use asks whether its pages are whole",
    ),
    Reason(
        "spanspec.heap.decisions.Decisions.reclaim_candidate",
        "",
        "record.base < state.spans* -> (record.base <= *",
        "no two spans in use begin at the same page",
    ),
    Reason(
        "spanspec.span.mspan.marked_and_free",
        "",
        "marked & -marked -> (marked | -marked)",
        "that is minus the lowest bit, which has the same length",
    ),
    Reason(
        "spanspec.heap.courses.newspan.check_bitmap",
        "",
        "assert npages * PAGE_SIZE* -> pass",
        "the bitmap of whole pages is a multiple of 4 words",
    ),
    Reason(
        "spanspec.heap.heap.Heap.set_gc_percent",
        "",
        "assert before is not None* -> pass",
        "tells the type checker that this operation has a result",
    ),
    Reason(
        "spanspec.heap.*",
        "",
        "assert span is not None* -> pass",
        "tells the type checker what a driver sees to: it answers with a span",
    ),
    Reason(
        "spanspec.heap.courses.malloc.mallocgc",
        "",
        "assert placed is not None* -> pass",
        "a refilled span that is full was refused before, where the slot is taken (T-16)",
    ),
    Reason(
        "spanspec.*",
        "",
        "assert isinstance(*) -> pass",
        "tells the type checker what the table of operations sees to: which input it is",
    ),
    Reason(
        "spanspec.*",
        "",
        "assert isinstance(*, 'only bits that are known can be * -> pass",
        "tells the type checker which bits these are: others have no value to read",
    ),
)
"""The mutants of the model, and of spanalloc's structures, that were met."""


def reason_for(function: str, source: str, change: str, reasons: Iterable[Reason]) -> str:
    """Return the reason why nobody can notice a mutant; empty if none is known."""
    for one in reasons:
        named = fnmatchcase(function, one.function) and one.source in source
        if named and fnmatchcase(change, one.change):
            return one.why
    return ""
