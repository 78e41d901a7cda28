"""Bugs planted into the whole heap: those that the Go runtime had, and plain slips.

The changes are of the implementation's source.
"""

from typing import Final

from spanproof.fuzz.campaigns.campaign import CampaignResult
from spanproof.fuzz.engine.target import of_heap
from spanproof.fuzz.planted.gobugs import OF_GO
from spanproof.fuzz.planted.planting import EFFORT, Effort, PlantedBug, look, package_with
from spanproof.fuzz.sides.spanallocheap import heaps_of_package

SLIPS: Final = (
    PlantedBug("freeindex is not advanced", "span.span", "        self.freeindex = slot + 1\n", ""),
    PlantedBug(
        "a sweep keeps freeindex",
        "span.span",
        "        self.freeindex = 0\n        self.gcmark_bits = vec[i64]([0]",
        "        self.gcmark_bits = vec[i64]([0]",
    ),
    PlantedBug(
        "a sweep keeps the old bits",
        "span.span",
        "        self.alloc_bits = self.gcmark_bits\n",
        "",
    ),
    PlantedBug(
        "the cache is not complemented",
        "span.kernels",
        "cache = ~words[freeindex >> 6]",
        "cache = words[freeindex >> 6]",
    ),
    PlantedBug(
        "the cache is not shifted",
        "span.span",
        "shift_out(self.alloc_cache, slot - self.freeindex)",
        "self.alloc_cache",
    ),
    PlantedBug(
        "the fast path takes the last slot of a word",
        "span.kernels",
        "    if following & 63 == 0 and following != nelems:\n        return -1\n",
        "",
    ),
    PlantedBug(
        "the search skips a word", "span.kernels", "(position | 63) + 1", "(position | 127) + 1"
    ),
    PlantedBug(
        "size classes are off by one below 1024",
        "span.kernels",
        "(size + 7) >> 3",
        "(size + 8) >> 3",
    ),
    PlantedBug(
        "size classes are off by one above 1024",
        "span.kernels",
        "(size + 127) >> 7",
        "(size + 128) >> 7",
    ),
    PlantedBug(
        "the largest small object is a large one",
        "heap.malloc",
        "if size > MAX_SMALL_SIZE:",
        "if size >= MAX_SMALL_SIZE:",
    ),
    PlantedBug(
        "tiny objects are not aligned", "span.tiny", "    if size & 7 == 0:", "    if size > 15:"
    ),
    PlantedBug(
        "an equally good tiny block takes over", "span.tiny", "size < offset", "size <= offset"
    ),
    PlantedBug(
        "an uncached span goes to the back",
        "central.mcentral",
        "central.nonempty.insert(span)",
        "central.nonempty.insert_back(span)",
    ),
    PlantedBug(
        "a cached span goes to the front",
        "central.mcentral",
        "                central.empty.insert_back(span)\n                tell_taken",
        "                central.empty.insert(span)\n                tell_taken",
    ),
    PlantedBug(
        "neighbours merge whatever was scavenged",
        "pages.freespans",
        "if above.scavenged == span.scavenged:",
        "if above.base > 0:",
    ),
    PlantedBug(
        "the rest of a split is not scavenged any more",
        "pages.pageheap",
        "                if rest > 0:",
        "                if rest > 1 << 40:",
    ),
    PlantedBug(
        "the last page of a merged span is not entered",
        "pages.freespans",
        "        self.pages.enter_ends(span)\n        other.state",
        "        self.pages.enter(span.base, span)\n        other.state",
    ),
    PlantedBug(
        "the first page of a merged span is not entered",
        "pages.freespans",
        "        self.pages.enter_ends(span)\n        other.state",
        "        self.pages.enter(span.end() - PAGE, span)\n        other.state",
    ),
    PlantedBug(
        "scavenging begins at the low end",
        "pages.scavenge",
        "        span = free.runs.highest(TOP, huge)\n",
        "        span = next(\n"
        "            (\n"
        "                one\n"
        "                for one in free.runs.in_order()\n"
        "                if not one.scavenged\n"
        "                and huge == (free.sizes.huge_pages(one.base, one.npages) > 0)\n"
        "            ),\n"
        "            None,\n"
        "        )\n",
    ),
    PlantedBug(
        "two may sweep a span",
        "span.span",
        "        if self.sweepgen != (sg - 2) & UINT32:\n            return False\n",
        "",
    ),
    PlantedBug("a cycle is one generation", "heap.cycle", "state.sg + 2", "state.sg + 1"),
    PlantedBug(
        "generations do not wrap around", "heap.cycle", "(state.sg + 2) & UINT32", "state.sg + 2"
    ),
    PlantedBug(
        "a span found full keeps its freeindex",
        "span.span",
        "            self.freeindex = freeindex\n"
        "            self.alloc_cache = cache\n"
        "            return -1\n",
        "            return -1\n",
    ),
    PlantedBug(
        "a dead object with a finalizer is freed at once",
        "span.specials",
        "                    span.mark(slot)\n",
        "",
    ),
    PlantedBug(
        "a finalizer that is due stays with its object",
        "span.specials",
        "                        else:\n                            kept.append(one)\n",
        "                        kept.append(one)\n",
    ),
    PlantedBug(
        "an object whose finalizer is due is no root of the next cycle",
        "heap.cycle",
        "    for address in state.specials.roots():\n        mark_object(state, address)\n",
        "",
    ),
    PlantedBug(
        "a profile record outlives its object",
        "span.specials",
        "                elif finalized:\n",
        "                elif not finalized:\n                    kept.extend(of_slot)\n"
        "                else:\n",
    ),
    PlantedBug(
        "the profile record of an object with a finalizer goes with the finalizer",
        "span.specials",
        "                        else:\n                            kept.append(one)\n",
        "",
    ),
    PlantedBug(
        "the profile record of an object goes with the finalizer of another in its tiny block",
        "span.specials",
        "                        else:\n                            kept.append(one)\n",
        "                        elif any(\n"
        "                            fin.offset == one.offset and fin.kind == FINALIZER\n"
        "                            for fin in of_slot\n"
        "                        ):\n"
        "                            kept.append(one)\n",
    ),
    PlantedBug(
        "an object can have several finalizers",
        "span.specials",
        "                return False\n",
        "                pass\n",
    ),
    PlantedBug(
        "a finalizer is added to an unswept span",
        "heap.objects",
        "    ensure_swept(state, who, span)\n",
        "",
        "add_special",
    ),
    PlantedBug(
        "nobody owes sweeping once all is swept",
        "central.sweep",
        "    if pacing.pages_per_byte == 0.0:\n",
        "    if pacing.pages_per_byte == 0.0 or state.sweepdone:\n",
    ),
    PlantedBug(
        "huge pages that a release cuts are left whole",
        "pages.osmem",
        "            if cuts_head and cuts_tail and head + huge == tail:",
        "            if cuts_head:\n"
        "                pass\n"
        "            elif cuts_head and cuts_tail and head + huge == tail:",
    ),
    PlantedBug(
        "a free slot that is marked is reported as another one",
        "span.span",
        "cannot mark slot {int(slot)}",
        "cannot mark slot {int(slot) + 1}",
    ),
    PlantedBug(
        "a bad pointer is taken for one into no heap",
        "heap.cycle",
        "        if span is not None and span.state != MANUAL:",
        "        if span is not None and span.state == MANUAL:",
    ),
    PlantedBug(
        "a place that is aligned by chance is not kept whole",
        "pages.osmem",
        "            return found, size + align\n",
        "            self.release(found + size, align)\n            return found, size\n",
    ),
    PlantedBug(
        "a cycle is due however small the heap is",
        "central.pacing",
        "max(int(float(self.alive) * (1 + self.ratio)), least)",
        "int(float(self.alive) * (1 + self.ratio))",
    ),
    PlantedBug(
        "with GOGC off there is all the time for sweeping",
        "central.pacing",
        "        if self.trigger == NEVER or distance < 8192:\n",
        "        if distance < 8192:\n",
    ),
    PlantedBug(
        "objects with a finalizer do not count once more",
        "heap.cycle",
        "    state.pacing.scanned = finalized(state)\n",
        "    state.pacing.scanned = 0\n",
    ),
    PlantedBug(
        "an object given a finalizer while marking does not count once more",
        "heap.objects",
        "    if kind == FINALIZER and state.phase != PHASE_OFF:\n",
        "    if kind == FINALIZER and state.phase == PHASE_OFF:\n",
    ),
    PlantedBug(
        "a cycle corrects all of the error of its trigger at once",
        "central.pacing",
        "self.ratio += 0.5 * off",
        "self.ratio += off",
    ),
    PlantedBug(
        "the time of background workers is no part of what a cycle takes",
        "central.pacing",
        "share = WORKERS_SHARE\n",
        "share = 0.0\n",
    ),
    PlantedBug(
        "a trigger ratio below zero is kept",
        "central.pacing",
        "        self.ratio = max(self.ratio, 0.0)\n",
        "",
    ),
    PlantedBug("needzero is forgotten", "span.span", "if freed > 0 or (", "if freed > 1 or ("),
)
"""What somebody may write who knows better."""

BUGS: Final = (*OF_GO, *SLIPS)


def find_in_heap(bug: PlantedBug, effort: Effort = EFFORT) -> CampaignResult:
    """Run a campaign on whole heaps against the implementation with a planted bug."""
    return look(of_heap(heaps_of_package(package_with(bug))), effort)
