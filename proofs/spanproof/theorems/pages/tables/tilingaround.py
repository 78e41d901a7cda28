"""The invariant of the page heap, assumed around what a step touches, and claimed of anything.

It is assumed at the spans and addresses that a step looks at or changes, at those that the claim
speaks of, and at what is found there; it is claimed of an arbitrary span and address.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import cast

import z3
from msgspec.structs import replace

from spanproof.prove.assumptions import PHYSICAL_PAGES
from spanproof.prove.proof import Proof
from spanproof.theorems.pages.tables.tilingreads import base_at, end_at, last_at, owner_at, term
from spanspec.base.ids import Address, SpanId
from spanspec.pages.tables import invariant
from spanspec.pages.tables.records import (
    Tiling,
)
from spanspec.pages.tables.runs import AMD64


def distinct(terms: Iterable[z3.ExprRef]) -> list[z3.ExprRef]:
    """Return terms without repetitions."""
    return list({item.get_id(): item for item in terms}.values())


def any_tiling(p: Proof) -> Tiling:
    """A page heap of amd64, of which nothing else is assumed yet."""
    p.take_for_granted(PHYSICAL_PAGES)
    return replace(tiling_of_pages(p), phys=AMD64)


def tiling_of_pages(p: Proof) -> Tiling:
    """A page heap of which nothing is assumed yet, whatever its physical pages."""
    tiling = p.fresh(Tiling, "heap")
    assert isinstance(tiling, Tiling)
    return tiling


class Templates:
    """Each predicate of the invariant, read once; an instance of it is a substitution."""

    def __init__(self, p: Proof, tiling: Tiling) -> None:
        self._span = cast(z3.ExprRef, p.fresh(SpanId, "some_span"))
        self._at = cast(z3.ExprRef, p.fresh(Address, "some_address"))
        self._of_address = z3.And(
            p.holds(invariant.address_has_its_span, tiling, self._at),
            p.holds(invariant.used_address_is_mapped, tiling, self._at),
            p.holds(invariant.free_address_is_zero, tiling, self._at),
            p.holds(invariant.arena_is_unused, tiling, self._at),
            p.holds(invariant.arena_is_addressable, tiling, self._at),
        )
        self._of_span = z3.And(
            p.holds(invariant.run_is_sound, tiling, self._span),
            p.holds(invariant.run_is_coalesced, tiling, self._span),
        )
        self._of_both = p.holds(invariant.run_has_its_address, tiling, self._span, self._at)
        self._places = [term(p, r, tiling, self._span) for r in (base_at, last_at, end_at)]
        self._owner = term(p, owner_at, tiling, self._at)

    def places(self, span: z3.ExprRef) -> list[z3.ExprRef]:
        """Return the addresses at the ends of a span, and next to them."""
        found = [z3.substitute(place, (self._span, span)) for place in self._places]
        return [found[0] - 1, *found]

    def owner(self, address: z3.ExprRef) -> z3.ExprRef:
        """Return the span that an address belongs to."""
        return z3.substitute(self._owner, (self._at, address))

    def about(
        self, spans: Sequence[z3.ExprRef], addresses: Sequence[z3.ExprRef]
    ) -> Iterator[z3.BoolRef]:
        """Yield the invariant of some spans and addresses."""
        for at in addresses:
            yield z3.substitute(self._of_address, (self._at, at))
        for span in spans:
            yield z3.substitute(self._of_span, (self._span, span))
            for at in addresses:
                yield z3.substitute(self._of_both, (self._span, span), (self._at, at))


def sound_around(
    p: Proof,
    tiling: Tiling,
    spans: Sequence[z3.ExprRef],
    addresses: Sequence[z3.ExprRef],
) -> None:
    """Assume the invariant of some spans and addresses and of what is found there."""
    known = Templates(p, tiling)
    looked_at = [*addresses]
    for span in spans:
        looked_at += known.places(span)
    looked_at = distinct(looked_at)
    around = distinct([*spans, *(known.owner(at) for at in looked_at)])
    p.assume(*known.about(around, looked_at))


def show_invariant(p: Proof, tiling: Tiling, span: z3.ExprRef, address: z3.ExprRef) -> None:
    """Claim the invariant of a span and an address."""
    show_pages(p, tiling, span, address)
    p.show("free pages are zero", p.holds(invariant.free_address_is_zero, tiling, address))
    p.show("coalesced", p.holds(invariant.run_is_coalesced, tiling, span))


def show_pages(
    p: Proof,
    tiling: Tiling,
    span: z3.ExprRef,
    address: z3.ExprRef,
    given: z3.BoolRef | None = None,
) -> None:
    """Claim the part of the invariant that says whose pages are, and where they lead to."""
    for label, rule in (
        ("an address has its span", invariant.address_has_its_span),
        ("used pages are mapped", invariant.used_address_is_mapped),
        ("the arena is unused", invariant.arena_is_unused),
        ("arenas are addressable", invariant.arena_is_addressable),
    ):
        p.show(label, p.holds(rule, tiling, address), given)
    disjoint = p.holds(invariant.run_has_its_address, tiling, span, address)
    p.show("runs are disjoint", disjoint, given)
    p.show("ends are mapped", p.holds(invariant.run_is_sound, tiling, span), given)
