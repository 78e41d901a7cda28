"""Mutants of the model, and of spanalloc's structures, that nobody can notice, with the reasons."""

from typing import Final

from spanproof.mutation.drawing.equivalent import Reason

SAME: Final = "where both sides are equal, so are both results"

OF_DRAWN: Final = (
    Reason(
        "spanalloc.base.maxtree.MaxTree.store",
        "",
        "weights[[]other] > weight -> (weights[[]other] >= weight)",
        SAME,
    ),
    Reason(
        "spanalloc.span.span.Span.malloc_slow",
        "",
        "self.alloc_cache = cache -> pass",
        "of the two, the one of a full span: what is in the cache means nothing there (SPAN-10)",
    ),
    Reason(
        "spanalloc.pages.pagemap.HeapArena.__init__",
        "",
        "self.rank: i64 = 0 -> pass",
        "an arena gets its rank when the map does, and is asked for it only then",
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
            ("pages.courses.scavengeline.growth_work", "above < size -> (above <= size)"),
            (
                "pages.courses.scavengeline.growth_work",
                "retained_now + size <= goal -> (retained_now + size < goal)",
            ),
            ("pages.courses.scavengeline.work_to", "now > want -> (now >= want)"),
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
            ("pages.courses.scavengeline.total_time_ns", "huge >= total -> (huge > total)"),
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
            ("pages.freeset.treapnode.most_of", "run_pages >= larger -> (run_pages > larger)"),
            (
                "pages.freeset.treapnode.most_of",
                "left_most >= right_most -> (left_most > right_most)",
            ),
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
        "spanspec.heap.courses.sweepspan.check_marks",
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
        "spanspec.pages.memory.arena.ends_in_the_map",
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
        "what begins just behind the map and ends in it is larger than all that is asked for",
    ),
    *(
        Reason(
            f"spanspec.pages.freeset.descents.{function}",
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
        "spanspec.heap.state.allp.has_mcache",
        "",
        "0 < p <= ps.count -> (0 <= p <= ps.count)",
        "0 stands for the first thread, of which nobody asks it",
    ),
    Reason(
        "spanspec.heap.state.refilling.may_note_refill",
        "",
        "0 <= spanclass < NUM_SPAN_CLASSES -> (0 < *",
        "class 0 is of large objects, which no cache has",
    ),
    Reason(
        "spanspec.span.markbits.generation_is_sound",
        "",
        "1 <= one.newest <= ARENA_BYTES -> (1 < *",
        "bits come in words of 8 bytes",
    ),
    Reason(
        "spanspec.span.tiny.block_holds",
        "",
        "span.base <= block.address < span.limit -> (* <= span.limit)",
        "where a span of tiny blocks ends it has no slot, so none is allocated there",
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
