"""Bugs of the whole heap that the Go runtime had, each with the issue or commit of its origin.

They are planted into the implementation's source.
"""

from typing import Final

from spanproof.fuzz.planted.planting import PlantedBug

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

OF_GO: Final = (
    PlantedBug(
        "#27997: a popped span with sweepgen sg is taken for unswept",
        "central.sweep",
        "if not in_use and not state.is_swept(span):",
        "if not in_use and span.sweepgen == state.sg:",
    ),
    PlantedBug(
        "70d7e96c78: a stale span is preserved when it is uncached",
        "central.mcentral",
        "sweep_span(state, who, span, False)",
        "sweep_span(state, who, span, True)",
    ),
    PlantedBug(
        "#17503: the tiny blocks are not marked when a cycle starts",
        "heap.cycle",
        "        if cache.tiny != 0:",
        "        if cache.tiny < 0:",
    ),
    PlantedBug(
        "#39432: the reclaimer trusts the mark of a page",
        "central.sweep",
        "            return span\n",
        "            span.gcmark_bits = type(span.gcmark_bits)([0] * len(span.gcmark_bits))\n"
        "            return span\n",
        "claim_at",
    ),
    PlantedBug(
        "cc8f544198: a large span is freed before its sweep is published",
        "central.sweep",
        "        state.publish(span)\n        if dead:",
        "        if not dead:\n            state.publish(span)\n        if dead:",
    ),
    PlantedBug(
        "d97625ae9e: all free slots count as freed",
        "span.span",
        "freed = self.alloc_count - live",
        "freed = self.nelems - live",
    ),
    PlantedBug(
        "d97625ae9e: the slot of a large span is not counted",
        "span.span",
        "        self.freeindex = 1\n        self.alloc_count = 1",
        "        self.freeindex = 1\n        self.alloc_count = 0",
    ),
    PlantedBug("#31616: a fit, but not the lowest", "base.maxtree", FIRST_FIT, LAST_FIT),
    PlantedBug(
        "#28805: free spans in the order of their descriptors",
        "pages.freeruns",
        "        return arena.spans[arena.runs.lowest(npages)]\n",
        "        fits = [one for one in self.in_order() if one.npages >= npages]\n"
        "        return min(fits, key=lambda one: one.ident)\n",
    ),
    PlantedBug(
        "#28595: what is scavenged is scavenged again",
        "pages.freeruns",
        "        if not span.scavenged:\n            self.enter_kind(arena, page, span)",
        "        self.enter_kind(arena, page, span)",
    ),
    PlantedBug(
        "2ab6d0172e: a shared physical page goes to the scavenged neighbour",
        "pages.freespans",
        "        if below.scavenged:\n            boundary = round_down",
        "        if not below.scavenged:\n            boundary = round_down",
    ),
    PlantedBug(
        "#13535: sweeping is paid by the object instead of the span",
        "central.mcentral",
        "pay_sweep_debt(state, who, npages << PAGE_SHIFT, 0)",
        "pay_sweep_debt(state, who, state.central[spanclass].spanclass * 8, 0)",
    ),
    PlantedBug(
        "#12040: a cached span is charged with what was in use",
        "central.mcentral",
        "(npages << PAGE_SHIFT) - span.alloc_count * span.elemsize",
        "(npages << PAGE_SHIFT)",
    ),
    PlantedBug(
        "#15022: pages are subtracted twice",
        "pages.pageheap",
        "self.pages_in_use -= span.npages",
        "self.pages_in_use -= 2 * span.npages",
    ),
    PlantedBug(
        "87d939dee8: heap_live lags behind",
        "central.mcentral",
        "    state.pacing.grow_live((npages",
        "    state.pacing.grow_live(0 * (npages",
    ),
    PlantedBug(
        "24a7252e25: a cycle starts before all is swept",
        "heap.cycle",
        '    while sweep_one(state, who, "gcstart") != NOTHING_LEFT:\n        pass\n',
        "",
    ),
    PlantedBug(
        "9741f0275c: a reused descriptor keeps what it was",
        "span.span",
        "        self.scavenged = False\n        self.needzero = 0\n        self.freeindex = 0\n",
        "        self.freeindex = 0\n",
    ),
    PlantedBug(
        "#35445: physical pages are rounded out",
        "base.pagesizes",
        "return round_up(base, self.physical) if",
        "return round_down(base, self.physical) if",
    ),
    PlantedBug(
        "#35858: FreeOSMemory goes on where the scavenger stopped",
        "pages.scavenge",
        "        span = free.runs.highest(TOP, huge)\n",
        "        span = free.runs.highest(getattr(free, 'stopped', TOP), huge)\n"
        "        if span is not None:\n            free.stopped = span.base\n",
    ),
    PlantedBug(
        "14ae846f54: the end of a request overflows",
        "heap.heap",
        "            if size > MAX_ALLOC:\n",
        "            size = size if size <= MAX_ALLOC else (size + 8192) % (1 << 64) + 1\n"
        "            if size > MAX_ALLOC:\n",
    ),
    PlantedBug(
        "e5a5c03f5b: a reservation below the arena becomes its end",
        "pages.pageheap",
        "contiguous = base == self.arena_end",
        "contiguous = base <= self.arena_end",
    ),
    PlantedBug(
        "#21729: a free slot can be marked",
        "span.span",
        "if not self.is_taken(slot):",
        "if slot >= self.nelems:",
    ),
    PlantedBug(
        "#46827: special records are those of a slot",
        "heap.objects",
        "    if not state.specials.add(",
        "    offset -= offset % span.elemsize\n    if not state.specials.add(",
    ),
    PlantedBug(
        "#46827: a finalizer is taken from the first object of its tiny block",
        "heap.objects",
        "    return state.specials.remove(",
        "    offset -= offset % span.elemsize\n    return state.specials.remove(",
    ),
    PlantedBug(
        "#46827: of the finalizers in a tiny block the first is due",
        "span.specials",
        "                        if one.kind == FINALIZER:\n",
        "                        if one is of_slot[0] and one.kind == FINALIZER:\n",
    ),
    PlantedBug(
        "#81435: an object is not looked up again once its span is swept",
        "heap.objects",
        "    span, offset = place_at(state, address)\n",
        "    offset = address - span.base\n",
        "add_special",
    ),
    PlantedBug(
        "#24670, #54597: a reservation that came elsewhere than hinted is kept",
        "pages.pageheap",
        "                if found != 0:\n                    self.os.release(found, size)\n",
        "",
    ),
    PlantedBug(
        "#24670, #54597: the room below an aligned reservation is kept",
        "pages.osmem",
        "        self.release(found, start - found)\n",
        "",
    ),
    PlantedBug(
        "#37262: a tiny object of 12 bytes is aligned to 8",
        "span.tiny",
        "    if size & 7 == 0:",
        "    if size & 7 == 0 or size == 12:",
    ),
    PlantedBug(
        "#34048: the goal follows from the next goal instead of the heap in use",
        "pages.scavengeline",
        "float(inuse) * (float(next_gc) / float(last_next_gc))",
        "float(next_gc)",
    ),
    PlantedBug(
        "#9048: the reclaimer counts spans instead of pages",
        "central.sweep",
        "            freed += npages\n",
        "            freed += 1\n",
    ),
    PlantedBug(
        "#18155: the search of the empty list gives up after 100 spans",
        "central.mcentral",
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
        "central.mcentral",
        "grow_live(-free * span.elemsize)",
        "grow_live(span.alloc_count * span.elemsize - (span.npages << PAGE_SHIFT))",
    ),
    PlantedBug(
        "#34575, #36374: waking the scavenger resets how long it waits",
        "pages.scavengeline",
        "        self.parked = False\n        self.wake_at = now\n",
        "        self.parked = False\n"
        "        self.wake_at = now\n"
        "        self.delay = FIRST_DELAY\n",
    ),
)
