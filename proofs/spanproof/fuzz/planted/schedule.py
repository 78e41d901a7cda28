"""Bugs that show only when several threads are at work: a look that is not looked at again.

In some of them an atomic access became a load and a store, so there is a step between the two.
"""

from typing import Final

from spanproof.fuzz.campaigns.campaign import CampaignResult
from spanproof.fuzz.engine.target import of_schedules
from spanproof.fuzz.planted.planting import EFFORT, Effort, PlantedBug, look, package_with
from spanproof.fuzz.sides.spanallocheap import heaps_of_package

RACES: Final = (
    PlantedBug(
        "a popped span is claimed without a compare-and-swap",
        "central.sweep",
        "        if in_use and state.claim(who, span, by):\n",
        "        unswept = span.sweepgen == (state.sg - 2) & 0xFFFF_FFFF\n"
        "        state.step_ends()\n"
        "        if in_use and unswept:\n"
        "            span.sweepgen = (state.sg - 1) & 0xFFFF_FFFF\n"
        "            state.tell_claim(who, span, by, after)\n",
    ),
    PlantedBug(
        "the reclaimer claims what it saw before it had the lock",
        "central.sweep",
        "    state.step_ends()\n"
        "    # Under the lock of the page heap it cannot be freed meanwhile.\n"
        "    with state.pages.lock:\n"
        "        span = state.pages.looked_up(arena, page)\n",
        "    span = arena.spans[page]\n"
        "    unswept = span is not None and span.sweepgen == (state.sg - 2) & 0xFFFF_FFFF\n"
        "    state.step_ends()\n"
        "    with state.pages.lock:\n"
        "        if unswept:\n"
        "            span.sweepgen = (state.sg - 2) & 0xFFFF_FFFF\n",
    ),
    PlantedBug(
        "a span that another thread sweeps is taken from the nonempty list",
        "central.mcentral",
        "        if span.sweepgen != being_swept:\n            return span\n",
        "        if span.sweepgen != being_swept + 5:\n            return span\n",
    ),
    PlantedBug(
        "the walk along the empty list stops at a span that is being swept",
        "central.mcentral",
        "        if span.sweepgen != being_swept:\n            break\n",
        "        if span.sweepgen != being_swept + 5:\n            break\n",
    ),
    PlantedBug(
        "the slow search does not look at the nonempty list again after a sweep",
        "central.mcentral",
        "    while True:\n"
        "        source: i64 = SWEPT\n"
        "        state.about_to_take(central.lock)\n"
        "        with central.lock:\n"
        "            span = first_usable(state, who, central)\n",
        "    looked = False\n"
        "    while True:\n"
        "        source: i64 = SWEPT\n"
        "        state.about_to_take(central.lock)\n"
        "        with central.lock:\n"
        "            span = None if looked else first_usable(state, who, central)\n"
        "            looked = True\n",
    ),
    PlantedBug(
        "a swept span goes to its list before it is published",
        "central.sweep",
        "        span.publish(state.sg)\n        if state.trace is not None:",
        "        if gone:\n            span.publish(state.sg)\n        if state.trace is not None:",
    ),
    PlantedBug(
        "a swept span is published before it is in its list",
        "central.sweep",
        "    state.about_to_take(central.lock)\n"
        "    with central.lock:\n"
        "        if span.was_empty:\n",
        "    span.publish(state.sg)\n"
        "    state.step_ends()\n"
        "    state.about_to_take(central.lock)\n"
        "    with central.lock:\n"
        "        if span.was_empty:\n",
    ),
    PlantedBug(
        "two threads pop the same span",
        "central.sweep",
        "        span = state.unswept().pop(who, by)\n",
        "        top = state.unswept().spans[-1:]\n"
        "        state.step_ends()\n"
        "        state.unswept().pop(who, by)\n"
        "        span = top[0] if top else None\n",
    ),
    PlantedBug(
        "nobody waits for a sweep that another thread has begun",
        "central.sweep",
        "    while not state.is_swept(span):\n",
        "    while span.nelems < 0:\n",
    ),
    PlantedBug(
        "#45315: FreeOSMemory does not wait for what other threads sweep",
        "central.sweep",
        "    while state.pacing.sweepers > 0 and",
        "    while state.pacing.sweepers < 0 and",
    ),
    PlantedBug(
        "credit of the reclaimer is used twice",
        "central.sweep",
        "            credit, taken = pacing.take_credit(wanted)\n",
        "            credit = pacing.reclaim_credit\n"
        "            taken = min(credit, wanted)\n"
        "            state.step_ends()\n"
        "            pacing.reclaim_credit = credit - taken\n",
    ),
    PlantedBug(
        "two reclaimers take the same chunk",
        "central.sweep",
        "        index = pacing.next_chunk(CHUNK)\n",
        "        index = pacing.reclaim_index\n"
        "        state.step_ends()\n"
        "        pacing.reclaim_index = index + CHUNK\n",
    ),
    PlantedBug(
        "an addition to heap_live is lost",
        "central.mcentral",
        "    state.pacing.grow_live((npages << PAGE_SHIFT) - span.alloc_count * span.elemsize)\n",
        "    live = state.pacing.heap_live\n"
        "    state.step_ends()\n"
        "    live += (npages << PAGE_SHIFT) - span.alloc_count * span.elemsize\n"
        "    state.pacing.heap_live = live\n",
    ),
    PlantedBug(
        "slots handed out in advance are counted without the lock",
        "central.mcentral",
        "    state.about_to_take(central.lock)\n"
        "    with central.lock:\n"
        "        central.count(free)\n",
        "    handed_out = central.nmalloc\n"
        "    state.step_ends()\n"
        "    central.nmalloc = handed_out + free\n",
    ),
    PlantedBug(
        "the sweep debt grows with what others allocate meanwhile",
        "central.sweep",
        "        swept = pacing.pages_swept - basis\n",
        "        swept = pacing.pages_swept - basis\n"
        "        target = pacing.pages_to_sweep(span_bytes, caller_pages)\n",
    ),
)
"""None of these can be seen while one operation ends before the next begins."""


def find_in_schedule(bug: PlantedBug, effort: Effort = EFFORT) -> CampaignResult:
    """Run a campaign on several Ps at once against the implementation with a planted bug."""
    return look(of_schedules(heaps_of_package(package_with(bug))), effort)
