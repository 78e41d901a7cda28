"""What follows of the invariant of the page heap: it holds at first, and no two runs overlap."""

from typing import cast

import z3
from msgspec.structs import replace

from spanproof.prove.proof import Proof, obligation
from spanproof.theorems.pages.tables.pagemap import LEADS
from spanproof.theorems.pages.tables.tiling import INTEGERS
from spanproof.theorems.pages.tables.tilingaround import (
    show_invariant,
    sound_around,
    tiling_of_pages,
)
from spanproof.theorems.pages.tables.tilingreads import (
    base_at,
    end_at,
    is_alike,
    is_scavenged,
    last_at,
    mapped_at,
    owner_at,
    term,
)
from spanspec.base.ids import Address, SpanId
from spanspec.pages.tables.records import (
    NO_SPAN,
    UNMAPPED,
    Arena,
    Tiling,
    contains,
    is_free,
    is_listed,
    is_live,
)
from spanspec.pages.tables.runs import SPARE
from spanspec.span.mspan import DEAD


@obligation("pages.start", "I-12 I-13 I-14 I-16", INTEGERS)
def no_span_satisfies_the_invariant(p: Proof) -> None:
    """Before the heap has grown, the invariant holds: no span lives, no address leads to one."""
    tiling = replace(tiling_of_pages(p), current=Arena(0, 0))
    span = cast(z3.ExprRef, p.fresh(SpanId, "any_span"))
    address = cast(z3.ExprRef, p.fresh(Address, "any_address"))
    for at in [address, term(p, end_at, tiling, span)]:
        p.assume(p.holds(nothing_at, tiling, at))
    p.assume(p.holds(is_unused, tiling, span))
    show_invariant(p, tiling, span, address)
    p.possible("a descriptor", span != NO_SPAN)


def nothing_at(tiling: Tiling, address: Address) -> bool:
    """An address is in no arena."""
    return (
        tiling.owner[address] == NO_SPAN
        and tiling.map[address] == UNMAPPED
        and not tiling.written[address]
    )


def is_unused(tiling: Tiling, span: SpanId) -> bool:
    """A descriptor was never used."""
    return tiling.runs[span].role == SPARE and tiling.runs[span].state == DEAD


@obligation("pages.no-overlap", "I-12 I-14 HEAP-33", INTEGERS, lemmas=(LEADS,))
def live_runs_do_not_overlap(p: Proof) -> None:
    """Two live runs have no address in common, and an address in use leads to the one it is in, as
    the ends of a free one do. What is not in a run leads nowhere, and free neighbours are unlike.
    """
    tiling = tiling_of_pages(p)
    one, other = p.fresh(SpanId, "one"), p.fresh(SpanId, "other")
    at = cast(z3.ExprRef, p.fresh(Address, "at"))
    spans = [cast(z3.ExprRef, one), cast(z3.ExprRef, other)]
    elsewhere = cast(z3.ExprRef, p.fresh(Address, "elsewhere"))
    above = term(p, owner_at, tiling, term(p, end_at, tiling, one))
    sound_around(p, tiling, spans, [at, elsewhere])
    p.assume(p.holds(is_inside, tiling, one, at))
    p.show("no overlap", z3.Implies(p.holds(is_inside, tiling, other, at), spans[0] == spans[1]))
    used = z3.Not(p.holds(is_free, tiling, one))
    p.show("found", z3.Implies(used, term(p, mapped_at, tiling, at) == spans[0]))
    # What the map that runs has there, steps take it to have.
    found = cast(z3.ExprRef, p.fresh(SpanId, "found"))
    p.rely(LEADS, found, tiling.map, at)
    p.show("found where it runs", z3.Implies(used, found == spans[0]))
    for rule, label in ((base_at, "its first address"), (last_at, "its last address")):
        place = term(p, rule, tiling, one)
        p.show(f"found from {label}", term(p, mapped_at, tiling, place) == spans[0])
    p.show("has a page", term(p, base_at, tiling, one) < term(p, end_at, tiling, one))
    p.show(
        "only free runs are scavenged", z3.Implies(used, z3.Not(p.holds(is_scavenged, tiling, one)))
    )
    alike = z3.And(p.holds(is_listed, tiling, one), p.holds(is_alike, tiling, above, one))
    p.show("no two free neighbours are alike", z3.Not(alike))
    nowhere = term(p, owner_at, tiling, elsewhere) == NO_SPAN
    leads_nowhere = term(p, mapped_at, tiling, elsewhere) < 0
    p.show("an address in no run leads nowhere", z3.Implies(nowhere, leads_nowhere))
    p.possible("two live runs", p.holds(two_live, tiling, one, other))


def is_inside(tiling: Tiling, span: SpanId, address: Address) -> bool:
    """An address lies in a live run."""
    return is_live(tiling, span) and contains(tiling.runs[span], address)


def two_live(tiling: Tiling, one: SpanId, other: SpanId) -> bool:
    """Two different runs are live, and one of them is in use."""
    return one != other and is_live(tiling, one) and is_live(tiling, other)
