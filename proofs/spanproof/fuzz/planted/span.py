"""Bugs planted into one span: plain slips."""

from typing import Final

from spanproof.fuzz.campaigns.campaign import CampaignResult
from spanproof.fuzz.engine.target import of_span
from spanproof.fuzz.planted.planting import EFFORT, Effort, PlantedBug, look, package_with
from spanproof.fuzz.sides.spanalloc_subject import spans_of_package

PLANTED: Final = (
    PlantedBug(
        "the fast path takes the last slot of a word",
        "span.kernels",
        "    if following & 63 == 0 and following != nelems:\n        return -1\n",
        "",
    ),
    PlantedBug(
        "the window is not complemented",
        "span.kernels",
        "cache = ~words[freeindex >> 6]",
        "cache = words[freeindex >> 6]",
    ),
    PlantedBug(
        "the slow search skips a word",
        "span.kernels",
        "(position | 63) + 1",
        "(position | 127) + 1",
    ),
    PlantedBug(
        "a partial word is not counted",
        "span.kernels",
        "if partial != 0:",
        "if partial > 63:",
    ),
    PlantedBug(
        "the slot is not shifted out of the window",
        "span.span",
        "shift_out(self.alloc_cache, slot - self.freeindex)",
        "self.alloc_cache",
    ),
    PlantedBug(
        "a sweep keeps freeindex",
        "span.span",
        "        self.freeindex = 0\n        self.gcmark_bits = vec[i64]([0]",
        "        self.gcmark_bits = vec[i64]([0]",
    ),
    PlantedBug(
        "old bits survive as marks",
        "span.span",
        "self.gcmark_bits = vec[i64]([0] * len(before))",
        "self.gcmark_bits = before",
    ),
    PlantedBug(
        "marks survive the sweep",
        "span.span",
        "self.gcmark_bits = vec[i64]([0] * len(before))",
        "self.gcmark_bits = vec[i64](self.alloc_bits)",
    ),
    PlantedBug(
        "needzero is forgotten",
        "span.span",
        "if freed > 0 or (",
        "if freed > 1 or (",
    ),
    PlantedBug(
        "an allocation is not counted",
        "span.span",
        "        self.alloc_count += 1\n        return slot\n\n    def malloc_slow",
        "        return slot\n\n    def malloc_slow",
    ),
    PlantedBug(
        "a stale span is not recognized",
        "span.span",
        "self.sweepgen == (sg + 1) & UINT32",
        "self.sweepgen == (sg + 5) & UINT32",
    ),
    PlantedBug(
        "generations do not wrap around",
        "span.span",
        "self.sweepgen = (sg + 3) & UINT32",
        "self.sweepgen = sg + 3",
    ),
    PlantedBug(
        "free slots can be marked",
        "span.span",
        "if not self.is_taken(slot):",
        "if slot >= self.nelems:",
    ),
)


def find(bug: PlantedBug, effort: Effort = EFFORT) -> CampaignResult:
    """Run a campaign on spans against the implementation with a planted bug."""
    return look(of_span(spans_of_package(package_with(bug))), effort)
