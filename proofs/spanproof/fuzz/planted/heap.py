"""Bugs planted into the whole heap: those that the Go runtime had, and plain slips.

Each names the issue or commit of its origin; the changes are of the implementation's source.
"""

from typing import Final

from spanproof.fuzz.campaign import CampaignResult
from spanproof.fuzz.planted.span import EFFORT, Effort, PlantedBug, look, package_with
from spanproof.fuzz.spanallocheap import of_package
from spanproof.fuzz.target import of_heap

LAST_FIT = """            at = first + FANOUT - 1
            while at >= first and weights[at] < weight:
                at -= 1
            if at < first:
                return -1
"""

FIRST_FIT = """            at = first
            while at < first + FANOUT and weights[at] < weight:
                at += 1
            if at == first + FANOUT:
                return -1
"""

BUGS: Final = (
    PlantedBug(
        "#27997: a popped span with sweepgen sg is taken for unswept",
        "sweep",
        "if not in_use and not state.is_swept(span):",
        "if not in_use and span.sweepgen == state.sg:",
    ),
    PlantedBug(
        "70d7e96c78: a stale span is preserved when it is uncached",
        "mcentral",
        "sweep_span(state, who, span, False)",
        "sweep_span(state, who, span, True)",
    ),
    PlantedBug(
        "#17503: the tiny blocks are not marked when a cycle starts",
        "cycle",
        "        if cache.tiny != 0:",
        "        if cache.tiny < 0:",
    ),
    PlantedBug(
        "#39432: the reclaimer trusts the mark of a page",
        "sweep",
        "            return span\n",
        "            span.gcmark_bits = type(span.gcmark_bits)([0] * len(span.gcmark_bits))\n"
        "            return span\n",
        "claim_at",
    ),
    PlantedBug(
        "cc8f544198: a large span is freed before its sweep is published",
        "sweep",
        "        state.publish(span)\n        if dead:",
        "        if not dead:\n            state.publish(span)\n        if dead:",
    ),
    PlantedBug(
        "d97625ae9e: all free slots count as freed",
        "span",
        "freed = self.alloc_count - live",
        "freed = self.nelems - live",
    ),
    PlantedBug(
        "d97625ae9e: the slot of a large span is not counted",
        "span",
        "        self.freeindex = 1\n        self.alloc_count = 1",
        "        self.freeindex = 1\n        self.alloc_count = 0",
    ),
    PlantedBug("#31616: a fit, but not the lowest", "maxtree", FIRST_FIT, LAST_FIT),
    PlantedBug(
        "#28805: free spans in the order of their descriptors",
        "freeruns",
        "        return arena.spans[arena.runs.lowest(npages)]\n",
        "        fits = [one for one in self.in_order() if one.npages >= npages]\n"
        "        return min(fits, key=lambda one: one.ident)\n",
    ),
    PlantedBug(
        "#28595: what is scavenged is scavenged again",
        "freeruns",
        "        if not span.scavenged:\n            self.enter_kind(arena, page, span)",
        "        self.enter_kind(arena, page, span)",
    ),
    PlantedBug(
        "2ab6d0172e: a shared physical page goes to the scavenged neighbour",
        "freespans",
        "        if below.scavenged:\n            boundary = round_down",
        "        if not below.scavenged:\n            boundary = round_down",
    ),
    PlantedBug(
        "#13535: sweeping is paid by the object instead of the span",
        "mcentral",
        "pay_sweep_debt(state, who, npages << PAGE_SHIFT, 0)",
        "pay_sweep_debt(state, who, state.central[spanclass].spanclass * 8, 0)",
    ),
    PlantedBug(
        "#12040: a cached span is charged with what was in use",
        "mcentral",
        "(npages << PAGE_SHIFT) - span.alloc_count * span.elemsize",
        "(npages << PAGE_SHIFT)",
    ),
    PlantedBug(
        "#15022: pages are subtracted twice",
        "pageheap",
        "self.pages_in_use -= span.npages",
        "self.pages_in_use -= 2 * span.npages",
    ),
    PlantedBug(
        "87d939dee8: heap_live lags behind",
        "mcentral",
        "    state.pacing.grow_live((npages",
        "    state.pacing.grow_live(0 * (npages",
    ),
    PlantedBug(
        "24a7252e25: a cycle starts before all is swept",
        "cycle",
        '    while sweep_one(state, who, "gcstart") != NOTHING_LEFT:\n        pass\n',
        "",
    ),
    PlantedBug(
        "9741f0275c: a reused descriptor keeps what it was",
        "span",
        "        self.scavenged = False\n        self.needzero = 0\n        self.freeindex = 0\n",
        "        self.freeindex = 0\n",
    ),
    PlantedBug(
        "#35445: physical pages are rounded out",
        "pagesizes",
        "return round_up(base, self.physical) if",
        "return round_down(base, self.physical) if",
    ),
    PlantedBug(
        "#35858: FreeOSMemory goes on where the scavenger stopped",
        "scavenge",
        "        span = free.runs.highest(TOP, huge)\n",
        "        span = free.runs.highest(getattr(free, 'stopped', TOP), huge)\n"
        "        if span is not None:\n            free.stopped = span.base\n",
    ),
    PlantedBug(
        "14ae846f54: the end of a request overflows",
        "heap",
        "            if size > MAX_ALLOC:\n",
        "            size = size if size <= MAX_ALLOC else (size + 8192) % (1 << 64) + 1\n"
        "            if size > MAX_ALLOC:\n",
    ),
    PlantedBug(
        "e5a5c03f5b: a reservation below the arena becomes its end",
        "pageheap",
        "contiguous = base == self.arena_end",
        "contiguous = base <= self.arena_end",
    ),
    PlantedBug(
        "#21729: a free slot can be marked",
        "span",
        "if not self.is_taken(slot):",
        "if slot >= self.nelems:",
    ),
    PlantedBug("freeindex is not advanced", "span", "        self.freeindex = slot + 1\n", ""),
    PlantedBug(
        "a sweep keeps freeindex",
        "span",
        "        self.freeindex = 0\n        self.gcmark_bits = vec[i64]([0]",
        "        self.gcmark_bits = vec[i64]([0]",
    ),
    PlantedBug(
        "a sweep keeps the old bits",
        "span",
        "        self.alloc_bits = self.gcmark_bits\n",
        "",
    ),
    PlantedBug(
        "the cache is not complemented",
        "kernels",
        "cache = ~words[freeindex >> 6]",
        "cache = words[freeindex >> 6]",
    ),
    PlantedBug(
        "the cache is not shifted",
        "span",
        "shift_out(self.alloc_cache, slot - self.freeindex)",
        "self.alloc_cache",
    ),
    PlantedBug(
        "the fast path takes the last slot of a word",
        "kernels",
        "    if following & 63 == 0 and following != nelems:\n        return -1\n",
        "",
    ),
    PlantedBug("the search skips a word", "kernels", "(position | 63) + 1", "(position | 127) + 1"),
    PlantedBug(
        "size classes are off by one below 1024", "kernels", "(size + 7) >> 3", "(size + 8) >> 3"
    ),
    PlantedBug(
        "size classes are off by one above 1024",
        "kernels",
        "(size + 127) >> 7",
        "(size + 128) >> 7",
    ),
    PlantedBug(
        "the largest small object is a large one",
        "malloc",
        "if size > MAX_SMALL_SIZE:",
        "if size >= MAX_SMALL_SIZE:",
    ),
    PlantedBug(
        "tiny objects are not aligned", "tiny", "    if size & 7 == 0:", "    if size > 15:"
    ),
    PlantedBug("an equally good tiny block takes over", "tiny", "size < offset", "size <= offset"),
    PlantedBug(
        "an uncached span goes to the back",
        "mcentral",
        "central.nonempty.insert(span)",
        "central.nonempty.insert_back(span)",
    ),
    PlantedBug(
        "a cached span goes to the front",
        "mcentral",
        "                central.empty.insert_back(span)\n                tell_taken",
        "                central.empty.insert(span)\n                tell_taken",
    ),
    PlantedBug(
        "neighbours merge whatever was scavenged",
        "freespans",
        "if above.scavenged == span.scavenged:",
        "if above.base > 0:",
    ),
    PlantedBug(
        "the rest of a split is not scavenged any more",
        "pageheap",
        "                if rest > 0:",
        "                if rest > 1 << 40:",
    ),
    PlantedBug(
        "the last page of a merged span is not entered",
        "freespans",
        "        self.pages.enter_ends(span)\n        other.state",
        "        self.pages.enter(span.base, span)\n        other.state",
    ),
    PlantedBug(
        "the first page of a merged span is not entered",
        "freespans",
        "        self.pages.enter_ends(span)\n        other.state",
        "        self.pages.enter(span.end() - PAGE, span)\n        other.state",
    ),
    PlantedBug(
        "scavenging begins at the low end",
        "scavenge",
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
        "span",
        "        if self.sweepgen != (sg - 2) & UINT32:\n            return False\n",
        "",
    ),
    PlantedBug("a cycle is one generation", "cycle", "state.sg + 2", "state.sg + 1"),
    PlantedBug(
        "generations do not wrap around", "cycle", "(state.sg + 2) & UINT32", "state.sg + 2"
    ),
    PlantedBug(
        "a span found full keeps its freeindex",
        "span",
        "            self.freeindex = freeindex\n"
        "            self.alloc_cache = cache\n"
        "            return -1\n",
        "            return -1\n",
    ),
    PlantedBug(
        "a dead object with a finalizer is freed at once",
        "specials",
        "                    span.mark(slot)\n",
        "",
    ),
    PlantedBug(
        "a finalizer that is due stays with its object",
        "specials",
        "                        else:\n                            kept.append(one)\n",
        "                        kept.append(one)\n",
    ),
    PlantedBug(
        "an object whose finalizer is due is no root of the next cycle",
        "cycle",
        "    for address in state.specials.roots():\n        mark_object(state, address)\n",
        "",
    ),
    PlantedBug(
        "a profile record outlives its object",
        "specials",
        "                elif finalized:\n",
        "                elif not finalized:\n                    kept.extend(of_slot)\n"
        "                else:\n",
    ),
    PlantedBug(
        "the profile record of an object with a finalizer goes with the finalizer",
        "specials",
        "                        else:\n                            kept.append(one)\n",
        "",
    ),
    PlantedBug(
        "the profile record of an object goes with the finalizer of another in its tiny block",
        "specials",
        "                        else:\n                            kept.append(one)\n",
        "                        elif any(\n"
        "                            fin.offset == one.offset and fin.kind == FINALIZER\n"
        "                            for fin in of_slot\n"
        "                        ):\n"
        "                            kept.append(one)\n",
    ),
    PlantedBug(
        "#46827: special records are those of a slot",
        "objects",
        "    if not state.specials.add(",
        "    offset -= offset % span.elemsize\n    if not state.specials.add(",
    ),
    PlantedBug(
        "#46827: a finalizer is taken from the first object of its tiny block",
        "objects",
        "    return state.specials.remove(",
        "    offset -= offset % span.elemsize\n    return state.specials.remove(",
    ),
    PlantedBug(
        "#46827: of the finalizers in a tiny block the first is due",
        "specials",
        "                        if one.kind == FINALIZER:\n",
        "                        if one is of_slot[0] and one.kind == FINALIZER:\n",
    ),
    PlantedBug(
        "an object can have several finalizers",
        "specials",
        "                return False\n",
        "                pass\n",
    ),
    PlantedBug(
        "a finalizer is added to an unswept span",
        "objects",
        "    ensure_swept(state, who, span)\n",
        "",
        "add_special",
    ),
    PlantedBug(
        "nobody owes sweeping once all is swept",
        "sweep",
        "    if pacing.pages_per_byte == 0.0:\n",
        "    if pacing.pages_per_byte == 0.0 or state.sweepdone:\n",
    ),
    PlantedBug(
        "#81435: an object is not looked up again once its span is swept",
        "objects",
        "    span, offset = place_at(state, address)\n",
        "    offset = address - span.base\n",
        "add_special",
    ),
    PlantedBug(
        "#24670, #54597: a reservation that came elsewhere than hinted is kept",
        "pageheap",
        "                if found != 0:\n                    self.os.release(found, size)\n",
        "",
    ),
    PlantedBug(
        "#24670, #54597: the room below an aligned reservation is kept",
        "osmem",
        "        self.release(found, start - found)\n",
        "",
    ),
    PlantedBug(
        "#37262: a tiny object of 12 bytes is aligned to 8",
        "tiny",
        "    if size & 7 == 0:",
        "    if size & 7 == 0 or size == 12:",
    ),
    PlantedBug(
        "#34048: the goal follows from the next goal instead of the heap in use",
        "scavengeline",
        "float(inuse) * (float(next_gc) / float(last_next_gc))",
        "float(next_gc)",
    ),
    PlantedBug(
        "#9048: the reclaimer counts spans instead of pages",
        "sweep",
        "            freed += npages\n",
        "            freed += 1\n",
    ),
    PlantedBug(
        "#18155: the search of the empty list gives up after 100 spans",
        "mcentral",
        "    while True:\n        source: i64 = SWEPT\n",
        "    tries = 0\n"
        "    while True:\n"
        "        tries += 1\n"
        "        if tries > 100:\n"
        "            return None\n"
        "        source: i64 = SWEPT\n",
    ),
    PlantedBug(
        "#50592: a span that is uncached gives back its tail waste, too",
        "mcentral",
        "grow_live(-free * span.elemsize)",
        "grow_live(span.alloc_count * span.elemsize - (span.npages << PAGE_SHIFT))",
    ),
    PlantedBug(
        "#34575, #36374: waking the scavenger resets how long it waits",
        "scavengeline",
        "        self.parked = False\n        self.wake_at = now\n",
        "        self.parked = False\n"
        "        self.wake_at = now\n"
        "        self.delay = FIRST_DELAY\n",
    ),
    PlantedBug(
        "huge pages that a release cuts are left whole",
        "osmem",
        "            if cuts_head and cuts_tail and head + huge == tail:",
        "            if cuts_head:\n"
        "                pass\n"
        "            elif cuts_head and cuts_tail and head + huge == tail:",
    ),
    PlantedBug(
        "a free slot that is marked is reported as another one",
        "span",
        "cannot mark slot {int(slot)}",
        "cannot mark slot {int(slot) + 1}",
    ),
    PlantedBug(
        "a bad pointer is taken for one into no heap",
        "cycle",
        "        if span is not None and span.state != MANUAL:",
        "        if span is not None and span.state == MANUAL:",
    ),
    PlantedBug(
        "a place that is aligned by chance is not kept whole",
        "osmem",
        "            return found, size + align\n",
        "            self.release(found + size, align)\n            return found, size\n",
    ),
    PlantedBug(
        "a cycle is due however small the heap is",
        "pacing",
        "max(int(float(self.alive) * (1 + self.ratio)), LEAST_HEAP * percent // 100)",
        "int(float(self.alive) * (1 + self.ratio))",
    ),
    PlantedBug(
        "with GOGC off there is all the time for sweeping",
        "pacing",
        "        if self.trigger == NEVER or distance < 8192:\n",
        "        if distance < 8192:\n",
    ),
    PlantedBug(
        "objects with a finalizer do not count once more",
        "cycle",
        "    state.pacing.scanned = finalized(state)\n",
        "    state.pacing.scanned = 0\n",
    ),
    PlantedBug(
        "an object given a finalizer while marking does not count once more",
        "objects",
        "    if kind == FINALIZER and state.phase != PHASE_OFF:\n",
        "    if kind == FINALIZER and state.phase == PHASE_OFF:\n",
    ),
    PlantedBug(
        "a cycle corrects all of the error of its trigger at once",
        "pacing",
        "self.ratio += 0.5 * off",
        "self.ratio += off",
    ),
    PlantedBug(
        "the time of background workers is no part of what a cycle takes",
        "pacing",
        "share = WORKERS_SHARE\n",
        "share = 0.0\n",
    ),
    PlantedBug(
        "a trigger ratio below zero is kept",
        "pacing",
        "        self.ratio = max(self.ratio, 0.0)\n",
        "",
    ),
    PlantedBug("needzero is forgotten", "span", "if freed > 0 or (", "if freed > 1 or ("),
)


def find_in_heap(bug: PlantedBug, effort: Effort = EFFORT) -> CampaignResult:
    """Run a campaign on whole heaps against the implementation with a planted bug."""
    return look(of_heap(of_package(package_with(bug))), effort)
