"""Mutants of the steps of a span's slots, and of what threads are told of them."""

from typing import Final

from spanproof.patch.mutant import Mutant, Variant, variants_of

CONTENTS_MUTANTS: Final[tuple[Mutant, ...]] = (
    *variants_of(
        "spanspec.heap.state.contents.may_enter_use",
        Variant(
            "span-of-too-few-pages",
            "        and npages == CLASS_TO_PAGES[size_class]\n",
            "",
            "contents.enter-use",
            "a span comes into use on fewer pages than one of its class has",
        ),
        Variant(
            "span-of-another-class",
            "        and it.spanclass == spanclass\n",
            "",
            "contents.enter-use",
            "a span comes into use for another class than it was made ready for",
        ),
        Variant(
            "fresh-span-told-as-full",
            "        and it.has_free\n",
            "",
            "contents.enter-use",
            "threads take a fresh span for a full one",
        ),
    ),
    *variants_of(
        "spanspec.heap.state.contents.may_leave_use",
        Variant(
            "slots-leave-with-objects",
            " and record.alloc_count == 0",
            "",
            "contents.leave-use",
            "a span with objects goes back to the page heap",
        ),
    ),
    *variants_of(
        "spanspec.heap.state.contents.leave_use",
        Variant(
            "slots-outlive-their-span",
            "return NO_CONTENTS",
            "return record",
            "contents.leave-use",
            "a span that has left use keeps its slots",
        ),
    ),
    *variants_of(
        "spanspec.heap.state.contents.may_take_slot",
        Variant(
            "slot-not-counted",
            "        and searched.alloc_count == record.alloc_count + 1\n",
            "",
            "contents.take-slot",
            "a slot is taken that its search has not counted",
        ),
        Variant(
            "slot-taken-alone",
            "searched.freeindex == slot + 1",
            "searched.freeindex == slot",
            "contents.found",
            "no slot that a search finds may be taken",
        ),
    ),
    *variants_of(
        "spanspec.heap.state.contents.take_slot",
        Variant(
            "slot-taken-white",
            "allocate_black(found.span, found.slot, phase)",
            "found.span",
            "contents.take-slot",
            "an object is not marked that is allocated while marking",
        ),
    ),
    *variants_of(
        "spanspec.heap.state.contents.may_take_large",
        Variant(
            "pages-to-spare",
            "pages - PAGE_SIZE < size <= pages",
            "size <= pages",
            "contents.take-large",
            "a large object gets more pages than it needs",
        ),
        Variant(
            "object-larger-than-its-span",
            "pages - PAGE_SIZE < size <= pages",
            "pages - PAGE_SIZE < size",
            "contents.take-large",
            "a large object ends behind its span",
        ),
    ),
    *variants_of(
        "spanspec.heap.state.contents.may_search",
        Variant(
            "large-span-searched",
            " and not it.large",
            "",
            "contents.search",
            "a span of a large object is let go of by an mcache",
        ),
    ),
    *variants_of(
        "spanspec.heap.state.contents.search_full",
        Variant(
            "full-span-not-searched",
            "return searched_full(record)",
            "return record",
            "contents.search",
            "the searches are not repeated when refill lets go of a span",
        ),
    ),
    *variants_of(
        "spanspec.heap.state.contents.look_for_room",
        Variant(
            "room-is-taken",
            "room_found(next_free_index(record))",
            "next_free_index(record).span",
            "contents.search",
            "the slot that a central list has found is lost",
        ),
    ),
    *variants_of(
        "spanspec.heap.state.contents.may_enter_cache",
        Variant(
            "full-span-enters-a-cache",
            " and it.has_free",
            "",
            "contents.search",
            "an mcache gets a span that threads take for full",
        ),
    ),
    *variants_of(
        "spanspec.heap.state.contents.enter_cache",
        Variant(
            "cache-of-a-list",
            "return reload_cache(record)",
            "return record",
            "contents.search",
            "an mcache allocates by the cache that its span had in a list",
        ),
    ),
    *variants_of(
        "spanspec.heap.state.contents.may_sweep_slots",
        Variant(
            "unused-span-swept",
            "return is_of(record, it)",
            "return True",
            "contents.sweep",
            "a span is swept that is not in use",
        ),
    ),
    *variants_of(
        "spanspec.heap.state.contents.sweep_slots",
        Variant(
            "swept-by-other-marks",
            "sweep(replace(record, gcmark_bits=marks))",
            "sweep(record)",
            "contents.sweep",
            "a sweep keeps what was allocated while marking, and nothing that was marked",
        ),
    ),
    *variants_of(
        "spanspec.heap.state.contents.is_told",
        Variant(
            "room-told-by-chance",
            "return not it.large and it.has_free == has_room(record)",
            "return not it.large and (it.has_free or not has_room(record))",
            "contents.search",
            "threads may take a full span for one with room",
        ),
        Variant(
            "room-told-by-the-list",
            "it.has_free == has_room(record)",
            "(it.place == 1) == has_room(record)",
            "contents.others",
            "the list in which a span is takes the place of what threads are told",
        ),
    ),
)
