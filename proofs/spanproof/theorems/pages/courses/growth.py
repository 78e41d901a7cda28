"""How the heap grows: which arena an address is in, and where a request for pages ends."""

from typing import Final

import z3

from spanproof.prove.proof import Proof, obligation
from spanproof.symbolic.integers import Integers
from spanspec.base.constants import HEAP_ARENA_BYTES, PAGE_SIZE
from spanspec.base.words import U64
from spanspec.pages.courses.growth import end_of_request, fits_address_space
from spanspec.pages.tables.pagemap import MAX_ARENAS, arena_base, arena_index

INTEGERS: Final = Integers()


@obligation("pages.arenas", "HEAP-5 AR-4", INTEGERS)
def an_address_lies_in_the_arena_of_its_number(p: Proof) -> None:
    """The arenas tile the address space: each address lies in the one whose number it has, and two
    have one number just if no arena begins between them.
    """
    address, other = p.number(U64, "address"), p.number(U64, "other")
    index, second = p.integer(arena_index, address), p.integer(arena_index, other)
    base = p.integer(arena_base, index)
    p.assume(address < 1 << 47, other < 1 << 47, address <= other)
    p.show("in it", z3.And(base <= address, address < base + HEAP_ARENA_BYTES))
    p.show("one of the map", z3.And(index >= 0, index < MAX_ARENAS))
    p.show("the same just if it is in it", (second == index) == (other < base + HEAP_ARENA_BYTES))
    p.possible("the first address of another", z3.And(second == index + 1, other == address + 1))


@obligation("pages.request", "HEAP-17 HEAP-20", INTEGERS)
def the_end_of_a_request_never_wraps(p: Proof) -> None:
    """The end of a piece of the arena lies behind all of its pages, at a physical page, and below
    2^64: a request that would wrap around is refused.
    """
    base, npages = p.number(U64, "base"), p.number(U64, "npages")
    size = npages * PAGE_SIZE
    p.assume(base <= 1 << 48)
    for unit in (4096, 16384, 65536):
        fits = p.holds(fits_address_space, base, npages, unit)
        end = p.integer_given(fits, end_of_request, base, npages, unit)
        p.show(f"{unit}: the pages fit", end - base >= size, fits)
        p.show(f"{unit}: no wrap", z3.And(end >= base, end < 1 << 64), fits)
        p.show(f"{unit}: a physical page", end % unit == 0, fits)
        p.show(f"{unit}: less than one too many", end - base - size < unit, fits)
        wraps = base + size + unit >= 1 << 64
        p.show(f"{unit}: nothing else is refused", z3.Implies(z3.Not(fits), wraps))
        p.possible(f"{unit}: refused", z3.And(z3.Not(fits), npages == (1 << 51) - 1))
        p.possible(f"{unit}: an arena", z3.And(fits, npages == 8192))
