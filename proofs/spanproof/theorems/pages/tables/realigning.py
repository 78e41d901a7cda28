"""Where physical pages are large, a boundary that moves loses no page, and both runs are found.

The steps of `tiling` are claimed of pages of at most 8 KiB, of which no boundary ever moves.
"""

from typing import Final, cast

import z3
from msgspec.structs import replace

from spanproof.prove.assumptions import LOCK_SECTIONS
from spanproof.prove.proof import Proof, obligation
from spanproof.symbolic.integers import Integers
from spanproof.theorems.pages.tables.tilingaround import show_pages, sound_around, tiling_of_pages
from spanproof.theorems.pages.tables.tilingreads import base_at, end_at, is_scavenged, term
from spanspec.base.constants import PAGE_SIZE
from spanspec.base.ids import Address, SpanId
from spanspec.base.words import U64
from spanspec.pages.tables.coalescing import realign
from spanspec.pages.tables.records import Tiling, is_free, is_live
from spanspec.pages.tables.runs import PhysicalPages, phys_page_bounds, realigned_boundary

LARGE: Final = (PhysicalPages(16384, 0), PhysicalPages(65536, 0))
"""Physical pages of arm64 and ppc64 that are larger than a page of the heap."""


def starts_at_a_page(tiling: Tiling, span: SpanId) -> bool:
    """A run begins at a page of the heap."""
    return tiling.runs[span].base % PAGE_SIZE == 0


def has_a_whole_page(tiling: Tiling, span: SpanId) -> bool:
    """A run holds a whole physical page."""
    bounds = phys_page_bounds(tiling.phys, tiling.runs[span])
    return bounds.start < bounds.end


def boundary_between(tiling: Tiling, below: SpanId, above: SpanId) -> U64:
    """Where the boundary of two runs belongs."""
    return realigned_boundary(tiling.phys, tiling.runs[below], tiling.runs[above])


@obligation("pages.realign", "HEAP-31 HEAP-8 I-9 I-12 I-13", Integers(), assumes=(LOCK_SECTIONS,))
def a_boundary_that_moves_loses_no_page(p: Proof) -> None:
    """Where physical pages are large, and the boundary of two unlike free neighbours moves, each of
    their pages still belongs to one of them, and both are found from both of their ends.
    """
    heap = tiling_of_pages(p)
    below, above, span = (cast(z3.ExprRef, p.fresh(SpanId, name)) for name in ("low", "up", "any"))
    address = cast(z3.ExprRef, p.fresh(Address, "any_address"))
    start, seam = term(p, base_at, heap, below), term(p, end_at, heap, below)
    end = term(p, end_at, heap, above)
    sound_around(p, heap, [span, below, above], [address])
    p.assume(p.holds(is_free, heap, below), p.holds(is_free, heap, above))
    p.assume(seam == term(p, base_at, heap, above))
    p.assume(*(p.holds(starts_at_a_page, heap, one) for one in (below, above)))
    upper_is = p.holds(is_scavenged, heap, above)
    p.assume(p.holds(is_scavenged, heap, below) != upper_is)
    for phys in LARGE:
        at = replace(heap, phys=phys)
        for down in (True, False):
            whole = p.holds(has_a_whole_page, at, below if down else above)
            given = z3.And(whole, upper_is != down)
            moved = term(p, boundary_between, at, below, above)
            p.lemma("between both ends", z3.And(start < moved, moved < end), given)
            p.lemma("at a page of the heap", moved % PAGE_SIZE == 0, given)
            after = p.call_given(given, realign, at, below, above)
            assert isinstance(after, Tiling)
            for label, read, one, where in (
                ("the lower run begins where it did", base_at, below, start),
                ("the lower run ends there", end_at, below, moved),
                ("the upper run begins there", base_at, above, moved),
                ("the upper run ends where it did", end_at, above, end),
            ):
                p.lemma(label, term(p, read, after, one) == where, given)
            show_pages(p, after, span, address, given)
            both = z3.And(*(p.holds(is_live, after, one) for one in (below, above)))
            p.show("both are runs", both, given)
            where = "down" if down else "up"
            p.possible(f"it moves {where}, {phys.size}", z3.And(given, moved != seam))
