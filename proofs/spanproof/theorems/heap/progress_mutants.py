"""Mutants of the progress of a sweep phase."""

from spanproof.patch.mutant import Variant, variants_of

SWEEP_PROGRESS_MUTANTS = (
    *variants_of(
        "spanspec.heap.state.progress.credit_left",
        Variant(
            "credit-used-twice",
            "found - credit_taken(found, wanted)",
            "found",
            "progress.credit",
            "pages that a reclaimer has used itself are credit for others",
        ),
    ),
    *variants_of(
        "spanspec.heap.state.progress.begin_sweeping",
        Variant(
            "credit-of-last-cycle",
            "Progress(0, pages_in_use, 0, 0, arenas)",
            "Progress(0, pages_in_use, 0, pages_in_use, arenas)",
            "progress.steps",
            "a sweep phase begins with credit that nobody has earned",
        ),
        Variant(
            "arenas-of-the-last-phase",
            "Progress(0, pages_in_use, 0, 0, arenas)",
            "replace(progress, pages_swept=0, pages_to_sweep=pages_in_use, reclaim_index=0,"
            " reclaim_credit=0)",
            "progress.steps",
            "a sweep phase passes over the arenas that were added since the last began",
        ),
    ),
    *variants_of(
        "spanspec.heap.state.progress.count_swept",
        Variant(
            "spans-counted-for-pages",
            "progress.pages_swept + npages",
            "progress.pages_swept + 1",
            "progress.steps",
            "the pages that were swept are counted as spans",
        ),
    ),
    *variants_of(
        "spanspec.heap.state.progress.take_chunk",
        Variant(
            "reclaimer-goes-back",
            "progress.reclaim_index >= after",
            "progress.reclaim_index > after + after",
            "progress.chunks",
            "the place of the reclaimer goes back to a chunk that was taken late",
        ),
    ),
    *variants_of(
        "spanspec.heap.state.progress.end_reclaiming",
        Variant(
            "reclaiming-begins-anew",
            "reclaim_index=NO_MORE_RECLAIM",
            "reclaim_index=0",
            "progress.chunks",
            "the reclaimer begins anew once it has passed the last arena",
        ),
    ),
    *variants_of(
        "spanspec.heap.state.progress.may_begin_sweeping",
        Variant(
            "phase-begins-unswept",
            "progress.pages_swept == progress.pages_to_sweep and ",
            "",
            "progress.steps",
            "a sweep phase begins before all of the last one is swept",
        ),
    ),
    *variants_of(
        "spanspec.heap.state.progress.may_count_swept",
        Variant(
            "page-swept-twice",
            "progress.pages_to_sweep - progress.pages_swept",
            "progress.pages_to_sweep",
            "progress.steps",
            "a page is counted twice in a sweep phase",
        ),
    ),
    *variants_of(
        "spanspec.heap.state.progress.may_give_credit",
        Variant(
            "credit-of-nobody",
            "1 <= npages <= progress.pages_swept - progress.reclaim_credit",
            "npages >= 1",
            "progress.steps",
            "pages are credit that nobody has swept",
        ),
    ),
    *variants_of(
        "spanspec.heap.state.progress.may_take_chunk",
        Variant(
            "half-a-chunk-taken",
            " and index % CHUNK_PAGES == 0",
            "",
            "progress.chunks",
            "the reclaimer begins within a chunk",
        ),
        Variant(
            "chunk-beyond-the-arenas",
            " and not is_beyond(index, progress.sweep_arenas)",
            "",
            "progress.chunks",
            "the reclaimer looks where there is no arena",
        ),
    ),
    *variants_of(
        "spanspec.heap.state.progress.may_use_credit",
        Variant(
            "credit-used-for-nothing",
            "taken >= 1",
            "taken >= 0",
            "progress.credit",
            "who has seen no credit takes some",
        ),
    ),
)
