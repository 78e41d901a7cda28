"""The scripted operating system grants no address space that is held."""

from typing import get_args

from hypothesis import given
from hypothesis import strategies as st

from spanproof.fuzz.addressspace import END, AddressSpace
from spanproof.fuzz.lockstep.heaplockstep import run_heap_program
from spanproof.fuzz.programs.heapprogram import Answer, HeapProgram, Malloc
from spanproof.fuzz.sides.spanallocheap import installed
from spanspec.base.constants import HEAP_ARENA_BYTES

SIZES = st.integers(1, 5).map(lambda arenas: arenas * HEAP_ARENA_BYTES) | st.just(1 << 40)
ADDRESSES = st.just(0) | st.integers(0x20, 0x60).map(lambda arena: arena * HEAP_ARENA_BYTES)


@given(st.lists(st.tuples(st.sampled_from(get_args(Answer)), ADDRESSES, SIZES, st.booleans())))
def test_nothing_is_granted_twice(requests: list[tuple[Answer, int, int, bool]]) -> None:
    space, held = AddressSpace(), list[range]()
    for answer, address, size, gives_back in requests:
        start = space.reserve(answer, address, size)
        if start == 0:
            continue
        granted = range(start, start + size)
        assert granted.stop <= END
        assert all(one.stop <= granted.start or granted.stop <= one.start for one in held)
        if gives_back:
            space.release(start, size)
        else:
            held.append(granted)


def test_what_was_given_back_is_granted_again() -> None:
    space = AddressSpace()
    start = 0x30 * HEAP_ARENA_BYTES
    assert space.reserve("grant", start, HEAP_ARENA_BYTES) == start
    assert space.reserve("grant", start, HEAP_ARENA_BYTES) == 0
    space.release(start, HEAP_ARENA_BYTES)
    assert space.reserve("grant", start, HEAP_ARENA_BYTES) == start


def test_a_wish_for_the_end_of_a_region_is_not_answered_by_what_is_in_it() -> None:
    # Places below the hints are two arenas apart, and the third object's region has three.
    sizes = (1, (1 << 48) - (1 << 14), HEAP_ARENA_BYTES + 1, HEAP_ARENA_BYTES - 8191)
    steps = tuple(Malloc(size=size) for size in sizes)
    program = HeapProgram(steps, answers=("grant", "elsewhere", "below", "below"))
    assert run_heap_program(program, installed).divergence is None
