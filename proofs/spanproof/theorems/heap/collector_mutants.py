"""Mutants of the steps of a cycle."""

from spanproof.patch.mutant import Variant, variants_of

COLLECTOR_MUTANTS = (
    *variants_of(
        "spanspec.heap.state.collector.is_sound",
        Variant(
            "always-in-a-cycle",
            "(at.cycle == at.epoch or waits_to_mark)",
            "waits_to_mark",
            "collector.start",
            "a collector that has done nothing counts as one that has begun a cycle",
        ),
    ),
    *variants_of(
        "spanspec.heap.state.collector.may_stop_marking",
        Variant(
            "marking-never-stops",
            "at.phase == MARK",
            "at.phase == MARK_TERMINATION",
            "collector.one-way",
            "no step leads on from marking",
        ),
    ),
    *variants_of(
        "spanspec.heap.state.collector.may_begin_cycle",
        Variant(
            "cycle-in-a-cycle",
            " and not at.marked and at.cycle == at.epoch",
            "",
            "collector.begin-cycle",
            "a cycle begins before the marks of the one before have been swept by",
        ),
    ),
    *variants_of(
        "spanspec.heap.state.collector.may_begin_marking",
        Variant(
            "marks-unswept",
            " and at.sweepdone",
            "",
            "collector.begin-marking",
            "marking begins although something is unswept",
        ),
    ),
    *variants_of(
        "spanspec.heap.state.collector.begin_marking",
        Variant(
            "mark-bits-do-not-age",
            "epoch=at.epoch + 1, ",
            "",
            "collector.begin-marking",
            "a cycle marks in the mark bits of the one before",
        ),
        Variant(
            "looked-through-in-all-cycles",
            "scanned=with_finalizers",
            "scanned=at.scanned + with_finalizers",
            "collector.begin-marking",
            "what the cycle before has looked through counts once more",
        ),
    ),
    *variants_of(
        "spanspec.heap.state.collector.may_look_through",
        Variant(
            "looked-through-before-marking",
            "at.phase == MARK and ",
            "",
            "collector.look-through",
            "an object counts as looked through before a cycle marks, which then counts it anew",
        ),
    ),
    *variants_of(
        "spanspec.heap.state.collector.look_through",
        Variant(
            "the-last-one-counts",
            "at.scanned + size",
            "size",
            "collector.look-through",
            "of the objects that are looked through only the last one counts",
        ),
    ),
    *variants_of(
        "spanspec.heap.state.collector.stop_marking",
        Variant(
            "allocates-while-marking-ends",
            "phase=MARK_TERMINATION",
            "phase=OFF",
            "collector.stop-marking",
            "the phase in which nothing is allocated is left out",
        ),
    ),
    *variants_of(
        "spanspec.heap.state.collector.end_marking",
        Variant(
            "marks-for-ever",
            "phase=OFF",
            "phase=MARK",
            "collector.end-marking",
            "after mark termination the cycle marks again",
        ),
    ),
    *variants_of(
        "spanspec.heap.state.collector.begin_sweep_phase",
        Variant(
            "all-swept-at-once",
            ", sweepdone=False",
            "",
            "collector.begin-sweep-phase",
            "a sweep phase begins with everything taken for swept",
        ),
    ),
    *variants_of(
        "spanspec.heap.state.collector.may_note_all_swept",
        Variant(
            "done-while-marking",
            " and not at.marked",
            "",
            "collector.note-all-swept",
            "that all is swept is noted before the sweepgen is raised, and counts for what comes",
        ),
    ),
)
