"""Mutants of what the marker leaves."""

from spanproof.patch.mutant import Variant, variants_of

MARKING_MUTANTS = (
    *variants_of(
        "spanspec.heap.state.marking.may_grey",
        Variant(
            "free-slot-marked",
            "        and is_allocated(record, obj_index(record, address))\n",
            "",
            "marking.grey",
            "the marker marks a free slot",
        ),
    ),
    *variants_of(
        "spanspec.heap.state.marking.grey",
        Variant(
            "page-not-marked",
            "page_epoch=collector.epoch",
            "page_epoch=at.page_epoch",
            "marking.grey",
            "the reclaimer sweeps a span of which an object was found alive",
        ),
    ),
    *variants_of(
        "spanspec.heap.state.marking.may_reclaim",
        Variant(
            "marked-span-reclaimed",
            " and not page_is_marked(at, epoch)",
            "",
            "marking.grey",
            "the reclaimer takes any unswept span for one without a mark",
        ),
    ),
    *variants_of(
        "spanspec.heap.state.marking.page_is_marked",
        Variant(
            "page-marks-of-old-cycles",
            "at.page_epoch == epoch",
            "at.page_epoch <= epoch",
            "marking.grey",
            "what another cycle has marked counts in this one",
        ),
    ),
)
