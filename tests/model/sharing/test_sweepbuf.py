"""A sweep buffer keeps blocks of places, and shows those that are filled."""

from spanspec.heap.heap import Heap
from spanspec.pages.memory.persistent import (
    GC_BITS_CHUNK,
    HEAP_ARENA_METADATA,
)
from spanspec.sharing.containers.sweepbuf import SweepBuffer


def test_blocks_of_a_sweep_buffer_leave_out_what_is_not_filled() -> None:
    buffer = SweepBuffer()
    for place in range(600):
        buffer.grow_for(place)
        if place != 513:
            buffer.push(1000 + place, place)
    assert buffer.blocks() == 2
    assert buffer.block(0) == tuple(range(1000, 1512))
    assert buffer.block(1)[:2] == (1512, 1514)


def test_a_sweep_buffer_takes_a_block_at_a_time_and_keeps_it() -> None:
    buffer = SweepBuffer()
    taken = [size for place in range(512 * 257) for size in buffer.grow_for(place)]
    assert taken == [2048, *[4096] * 256, 4096, 4096]
    assert (buffer.stack.made, buffer.stack.spine) == (257, 512)
    buffer.push(7, 0)
    buffer.pop(0)
    assert buffer.grow_for(512 * 256) == ()
    assert buffer.block(256) == ()
    heap = Heap()
    before = heap.read_memstats().gc_sys
    heap.malloc(8192)
    first = heap.read_memstats().gc_sys - before
    for _ in range(511):
        heap.malloc(8192)
    second = heap.read_memstats().gc_sys - before
    heap.malloc(8192)
    assert heap.read_memstats().gc_sys - before == second + 4096
    arena = HEAP_ARENA_METADATA + 4096  # and the first table of arenas
    assert first == arena + GC_BITS_CHUNK + 2048 + 4096 == second
