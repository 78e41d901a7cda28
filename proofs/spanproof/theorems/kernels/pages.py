"""The implementation's arithmetic on addresses, pages and tiny blocks, from its own source.

Its integers are signed and have 64 bits; the claims include that nothing overflows.
"""

from typing import Annotated, Final, cast

import z3
from mypy_extensions import i64

from spanalloc.base.maxtree import FANOUT, round_to_fanout
from spanalloc.base.pagesizes import ARENA_PAGES, PAGE, cut_address, round_down, round_up
from spanalloc.pages.pagemap import page_of
from spanalloc.span.tiny import TINY_SIZE, place_in_block, takes_over
from spanproof.prove.proof import Proof, obligation
from spanproof.symbolic.bitvectors import Signed
from spanproof.symbolic.values.merge import scalar_of
from spanspec.base.words import Unsigned

NATIVE: Final = Signed(64)
HIGHEST: Final = 1 << 60
"""Addresses and sizes lie far below this."""

U48 = Annotated[int, Unsigned(48)]
"""An address on linux/amd64, or a number of bytes between two."""


def between(p: Proof, name: str, low: int, high: int) -> z3.ExprRef:
    """An integer from `low` up to, not including, `high`."""
    number = p.number(i64, name)
    p.assume(number >= low, number < high)
    return number


@obligation("kernels.rounding", "HEAP-10 HEAP-17", NATIVE)
def rounding_gives_the_nearest_multiple(p: Proof) -> None:
    """Rounding down and up gives the nearest multiple of any power of two, and never overflows."""
    value, unit = between(p, "value", 0, HIGHEST), between(p, "unit", 1, 1 << 40)
    p.assume(unit & (unit - 1) == 0)
    low, high = p.integer(round_down, value, unit), p.integer(round_up, value, unit)
    p.show("multiples", z3.And(low & (unit - 1) == 0, high & (unit - 1) == 0))
    p.show("around the value", z3.And(low >= 0, low <= value, value <= high))
    p.show("nearest", z3.And(value - low < unit, high - value < unit))
    p.possible("a multiple", z3.And(low == high, unit == 65536))
    p.possible("not one", high - low == 65536)


@obligation("kernels.tiny", "MAL-5 MAL-6 MAL-8 I-36 I-37", NATIVE)
def the_tiny_kernel_places_objects_apart_and_aligned(p: Proof) -> None:
    """A tiny object goes behind what is in the block, inside it, aligned as its size asks, and as
    low as that allows; -1 tells truly that there is no room.
    """
    offset, size = between(p, "offset", 0, TINY_SIZE + 1), between(p, "size", 1, TINY_SIZE)
    placed = p.integer(place_in_block, offset, size)
    hit = placed >= 0
    other = between(p, "other", 0, TINY_SIZE)
    p.show("behind", placed >= offset, hit)
    p.show("inside", placed + size <= TINY_SIZE, hit)
    p.show("none or a place", z3.Or(hit, placed == -1))
    unit = z3.BitVecVal(1, 64)
    for larger in (2, 4, 8):
        unit = z3.If(size & (larger - 1) == 0, z3.BitVecVal(larger, 64), unit)
    right = z3.And(other >= offset, other & (unit - 1) == 0, other + size <= TINY_SIZE)
    p.show("aligned", placed & (unit - 1) == 0, hit)
    p.show("the lowest such place", z3.Implies(right, z3.And(hit, placed <= other)))
    p.possible("a gap is left", z3.And(hit, placed > offset))
    p.possible("no room", z3.Not(hit))
    tiny = between(p, "tiny", 0, HIGHEST)
    roomier = p.holds(takes_over, tiny, offset, size)
    p.show("more room wins", roomier == z3.Or(tiny == 0, size < offset))


@obligation("kernels.fanout", "TREAP-3", NATIVE)
def rows_are_whole_groups(p: Proof) -> None:
    """Rows of the tree of free runs are rounded up to whole groups of sixteen."""
    length = between(p, "length", 0, HIGHEST)
    whole = p.integer(round_to_fanout, length)
    p.show("groups", whole & (FANOUT - 1) == 0)
    p.show("just enough", z3.And(whole >= length, whole - length < FANOUT))
    p.possible("a part of a group", whole != length)


@obligation("kernels.page-of", "HEAP-5 HEAP-6", NATIVE)
def an_address_has_the_page_it_lies_in(p: Proof) -> None:
    """The number of an address's page within its arena is that of all addresses of the page."""
    address = between(p, "address", 0, HIGHEST)
    page = cast(z3.ExprRef, p.integer(page_of, address))
    start = address - (address & (PAGE - 1))
    p.show("within an arena", z3.And(page >= 0, page < ARENA_PAGES))
    p.show("the whole page", page == p.integer(page_of, start))
    p.show("the next one", p.integer(page_of, start + PAGE) == (page + 1) & (ARENA_PAGES - 1))
    p.possible("an arena's last page", page == ARENA_PAGES - 1)


@obligation("kernels.cut", "SCAV-9 SCAV-10", NATIVE)
def the_scavenger_kernel_cuts_where_it_should(p: Proof) -> None:
    """The scavenger's kernel cuts a run at a physical page inside it, so that its upper part has
    what is wanted, and less than a huge page and a page more, and no huge page of the run is cut;
    0 tells that it takes the whole.
    """
    start, end, wanted = (p.number(U48, name) for name in ("start", "end", "wanted"))
    p.assume(start >= PAGE, wanted > 0)
    for page, huge in ((PAGE, 0), (PAGE, 1 << 21), (16384, 1 << 25), (65536, 1 << 21)):
        excess = page + huge
        ways = p.cases(cut_address, start, end, wanted, page, huge)
        for at, way in ((p.arithmetic.exact(scalar_of(one.value)), one.path) for one in ways):
            cut, whole = z3.And(way, at != 0), z3.And(way, at == 0)
            p.show("inside", z3.And(at > start, at < end), cut)
            p.show("a page", at & (page - 1) == 0, cut)
            p.show("as much as wanted", end - at >= wanted, cut)
            p.show("little more", end - at - wanted < excess, cut)
            if huge:
                broken = at & (huge - 1)
                p.show("no huge page broken", z3.Or(broken == 0, at - broken < start), cut)
            p.show("a whole run, little more", end - start - wanted < excess, whole)
        at = p.integer(cut_address, start, end, wanted, page, huge)
        example = z3.And(start == 0x1_0001_0000, end == 0x1_0009_0000, wanted == 65536)
        p.possible(f"a cut, {page}, {huge}", z3.And(at != 0, example))
