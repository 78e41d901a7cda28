"""Wrong variants of the lists of mcentral: links, ends, and which end a span goes to."""

from typing import Final

from spanproof.patch.mutant import Mutant, Variant, variants_of

LIST_MUTANTS: Final[tuple[Mutant, ...]] = (
    *variants_of(
        "spanspec.sharing.containers.spanlist.insert",
        Variant(
            "old-front-not-linked-back",
            "links, last = with_prev(links, ends.first, span), ends.last",
            "last = ends.last",
            "lists.insert",
            "what was at the front does not know of the span before it",
        ),
        Variant(
            "front-is-the-only-one",
            "links, last = with_prev(links, ends.first, span), ends.last",
            "links = with_prev(links, ends.first, span)",
            "lists.insert",
            "a list ends with the span that was put at its front",
        ),
    ),
    *variants_of(
        "spanspec.sharing.containers.spanlist.insert_back",
        Variant(
            "old-back-leads-nowhere",
            "links, first = with_next(links, ends.last, span), ends.first",
            "first = ends.first",
            "lists.insert-back",
            "a walk ends before the span that was put at the back",
        ),
        Variant(
            "back-has-no-prev",
            "Link(place, central, ends.last, NO_SPAN)",
            "Link(place, central, NO_SPAN, NO_SPAN)",
            "lists.insert-back",
            "the last span is taken for the first one when it is taken out",
        ),
    ),
    *variants_of(
        "spanspec.sharing.containers.spanlist.remove",
        Variant(
            "next-keeps-its-prev",
            "        links = with_prev(links, it.next, it.prev)\n",
            "        last = last\n",
            "lists.remove",
            "the span behind one that was taken out still has it before it",
        ),
        Variant(
            "the-rest-is-cut-off",
            "links = with_next(links, it.prev, it.next)",
            "links = with_next(links, it.prev, NO_SPAN)",
            "lists.remove",
            "a walk ends where a span was taken out",
        ),
        Variant(
            "taken-out-keeps-its-links",
            "lists.links.set(span, UNLISTED)",
            "lists.links.set(span, Link(NOWHERE, it.central, it.prev, it.next))",
            "lists.remove",
            "a span in no list has neighbours",
        ),
    ),
    *variants_of(
        "spanspec.sharing.containers.spanlist.linked",
        Variant(
            "one-list-for-both",
            "SpanLists(links, lists.nonempty.set(central, ends), lists.empty)",
            "SpanLists(links, lists.nonempty.set(central, ends), lists.empty.set(central, ends))",
            "lists.insert",
            "a span that comes to the nonempty list of its class comes to the empty one, too",
        ),
    ),
    *variants_of(
        "spanspec.sharing.containers.spanlist.follow",
        Variant(
            "moved-to-its-old-class",
            "return insert_back(rest, EMPTY, after.central, span)",
            "return insert_back(rest, EMPTY, before.central, span)",
            "lists.follow",
            "a span that was used for another class before is in a list of that",
        ),
        Variant(
            "full-span-at-the-front",
            "return insert_back(rest, EMPTY, after.central, span)",
            "return insert(rest, EMPTY, after.central, span)",
            "lists.follow",
            "what was swept comes before what was not, so the walk along empty stops at once",
        ),
        Variant(
            "freed-span-stays-listed",
            "rest = lists if before.place == NOWHERE else remove(lists, span)",
            "rest = lists if after.place == before.place else remove(lists, span)",
            "lists.follow",
            "a span that moves to the back of its own list is put into it twice",
        ),
    ),
    *variants_of(
        "spanspec.sharing.containers.listinvariant.spans_are_in_order",
        Variant(
            "a-walk-may-pass-over",
            "and ranks[lists.links[one].next] <= ranks[other]",
            "and lists.links[one].next != one",
            "lists.walk",
            "the contract lets the next span be one behind others",
        ),
    ),
    *variants_of(
        "spanspec.sharing.containers.spanlist.first_link",
        Variant(
            "listed-from-the-start",
            "UNLISTED",
            "Link(EMPTY, NO_CLASS, NO_SPAN, NO_SPAN)",
            "lists.start",
            "a span that was never used is in a list",
        ),
    ),
)
