"""Memory for the runtime itself: every piece that is cut, and what is counted of it."""

from collections import Counter
from collections.abc import Sequence
from itertools import product
from typing import Final

from spanproof.prove.assumptions import SMALL_SCOPE
from spanproof.prove.exploration import Ran, explored
from spanproof.simulate.exhaustive.trying import promise
from spanproof.theorems.cases import every_case, refuses
from spanproof.theorems.courses.limits.fatal.pages import NoGoal
from spanproof.theorems.courses.memory.scripted import ScriptedOs
from spanspec.events.heap_events import GrowAddsSpan, ScavengesSpan
from spanspec.heap.heap import Heap
from spanspec.heap.machine import completed
from spanspec.heap.operations.refusals import Refused
from spanspec.heap.program import AddSpecial, RemoveFinalizer
from spanspec.pages.courses.pagealloc import allocate, free_in_use, make_in_use
from spanspec.pages.courses.scavenge import scavenge
from spanspec.pages.memory.arena import GrantingOs
from spanspec.pages.memory.fixalloc import FixAlloc
from spanspec.pages.memory.mallocinit import LinearAlloc, linear_alloc
from spanspec.pages.memory.persistent import (
    ARENA_MAP_BYTES,
    FIRST_ALLSPANS,
    HEAP_ARENA_METADATA,
    PERSISTENT_CHUNK,
    AllArenas,
    AllSpans,
    Chunk,
    FinalizerBlocks,
    Metadata,
    Statistic,
    offset_in,
)
from spanspec.pages.pageheap import Actor, PageHeap
from spanspec.pages.tables.runs import PhysicalPages
from spanspec.span.markbits import ARENA_BYTES, Generation, fits_arena
from spanspec.span.specials import FINALIZER, PROFILE

PAGE: Final = 4096
"""Bytes of a page of the operating system."""

SIZES: Final = (8, 100, 4096, (64 << 10) - 8, 64 << 10, 200 << 10)
"""Bytes of a piece: what is cut off a chunk, and from 64 KiB on what the system is asked for."""


def pieces(met: Counter[str], some: Sequence[tuple[int, int]]) -> None:
    """Pieces overlap nowhere, are aligned, and what is counted is what the system gave."""
    os = GrantingOs()
    begin, metadata = os.next_metadata, Metadata(os)
    taken: list[range] = []
    for number, (size, align) in enumerate(some):
        statistic: Statistic = "gc_sys" if number % 2 else "other_sys"
        cut = dict(metadata.chunks)
        address = metadata.persistent(size, align, statistic, -1)
        promise(address % (align or 8) == 0, f"OS-9: {address:#x} is not aligned to {align}")
        for other in taken:
            apart = address >= other.stop or address + size <= other.start
            promise(apart, f"OS-9: {address:#x} was given out already")
        taken.append(range(address, address + size))
        direct = metadata.chunks == cut
        promise(direct == (size >= 64 << 10), f"OS-9: {size} bytes, off a chunk or not")
        met["direct" if size >= 64 << 10 else "chunk"] += 1
    counted = sum(metadata.counted.values())
    promise(counted == os.next_metadata - begin, f"OS-8: {counted} bytes are counted")
    gc = sum(size for number, (size, _) in enumerate(some) if number % 2)
    promise(metadata.counted["gc_sys"] == gc, f"OS-8: gc_sys is not {gc}")
    last = Chunk(PAGE, PERSISTENT_CHUNK - 64)
    promise(offset_in(last, 64, 8) == last.offset, "OS-9: what fills a chunk goes into it")
    promise(offset_in(last, 72, 8) is None, "OS-9: what a chunk has no room for does not")
    newest = Generation(0, 1, ARENA_BYTES - 8, ARENA_BYTES - 8)
    promise(fits_arena(newest, 64), "SPAN-23: bits that fill an arena go into it")
    promise(not fits_arena(newest, 65), "SPAN-23: bits that an arena has no room for do not")
    chunks = sum(size < 64 << 10 for size, _ in some)
    promise(chunks == 0 or counted >= PERSISTENT_CHUNK, "OS-9: no chunk was taken")
    refuses("T-23", lambda: metadata.persistent(0, 8, "gc_sys", -1))
    refuses("T-24", lambda: metadata.persistent(8, 3, "gc_sys", -1))
    refuses("T-25", lambda: metadata.persistent(8, 16384, "gc_sys", -1))
    widest = metadata.persistent(8, 8192, "gc_sys", -1)
    promise(widest % 8192 == 0, f"OS-9: {widest:#x} is not aligned to a page of the heap")


def table(met: Counter[str]) -> None:
    """A table that is full gives way to a larger one."""
    os = ScriptedOs(())
    os.held.set(os.next_metadata, os.next_metadata + (1 << 30), True)
    held = os.held_regions()
    metadata = Metadata(os)
    spans = AllSpans(metadata)
    for number in range(FIRST_ALLSPANS + 2):
        spans.record()
        right = FIRST_ALLSPANS if number < FIRST_ALLSPANS else FIRST_ALLSPANS * 3 // 2
        promise(spans.capacity == right and spans.length == number + 1, "HEAP-3: the table")
        counted = metadata.counted["other_sys"]
        promise(counted == right * 8, f"OS-8: {counted} bytes for {right} descriptors")
    given_back = sum(held.values()) - sum(os.held_regions().values())
    promise(given_back == FIRST_ALLSPANS * 8, f"OS-7: {given_back} bytes of the smaller table")
    refuses("OS-8", lambda: metadata.sys_free(0, 1 << 40, "other_sys"))
    all_of_it = metadata.sys_alloc(PAGE, "mcache_sys", "OS-2: refused")
    metadata.sys_free(all_of_it, PAGE, "mcache_sys")
    promise(metadata.counted["mcache_sys"] == 0, "OS-8: all of it is given back")
    arenas = AllArenas(metadata)
    arenas.add(range(5, 7), PAGE, -1)
    promise(list(arenas.indices) == [5, 6] and arenas.capacity == PAGE // 8, "AR-7: arenas")
    arenas.add(range(7, 7 + PAGE // 8 - 2), PAGE, -1)
    promise(arenas.capacity == PAGE // 8, "AR-7: a table that is just full")
    arenas.add(range(1, 2), PAGE, -1)
    promise(arenas.capacity == PAGE // 4, f"AR-7: room for {arenas.capacity} arenas")
    met["table"] += 1


class SizesAsked(GrantingOs):
    """An operating system that notes how many bytes it is asked for, in turn."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[int] = []

    def alloc(self, size: int) -> int:
        """Note it, and grant it."""
        self.asked.append(size)
        return super().alloc(size)


def counted_as_nothing(met: Counter[str]) -> None:
    """A piece that counts as nothing is taken off what its chunk counts as; a large one, which the
    system gives, changes no count.
    """
    metadata = Metadata(GrantingOs())
    for size, counted in ((100, PERSISTENT_CHUNK - 100), (64 << 10, PERSISTENT_CHUNK - 100)):
        metadata.persistent(size, 0, None, -1)
        told = sum(metadata.counted.values())
        promise(told == counted, f"OS-8: {told} bytes after {size} that count as nothing")


def arenas(met: Counter[str]) -> None:
    """The first arena brings the map of all; then each brings its own tables, and one in the list
    of arenas, which grows last. Pages of 512 KiB make that large enough to be asked for directly.
    """
    system = SizesAsked()
    tables, page = AllArenas(Metadata(system)), 512 << 10
    tables.add(range(5, 7), page, -1)
    right = [ARENA_MAP_BYTES, HEAP_ARENA_METADATA, page, HEAP_ARENA_METADATA]
    promise(system.asked == right, f"AR-5: {system.asked} bytes in turn, not {right}")


def descriptors(met: Counter[str]) -> None:
    """Descriptors are cut off chunks, and the one given back last is used again first."""
    metadata, fresh = Metadata(GrantingOs()), list[int]()
    made = FixAlloc(metadata, 5000, "mspan_sys", lambda: fresh.append(1))
    taken = [made.take(-1) for _ in range(7)]
    promise(taken == list(range(7)) and len(fresh) == 7, "HEAP-3: new descriptors")
    promise(metadata.counted["mspan_sys"] == 3 * (16 << 10), "HEAP-4: three of 16 KiB a chunk")
    made.give_back(2)
    made.give_back(4)
    promise(made.in_use == 5 * 5000, f"HEAP-4: {made.in_use} bytes are in use")
    promise(
        [made.take(-1), made.take(-1), made.take(-1)] == [4, 2, 7], "HEAP-4: the last one first"
    )


def grown_pages(met: Counter[str]) -> None:
    """What has to be scavenged for a growth is so before the grown pages get a descriptor: the one
    that the scavenged run has no more use for.
    """
    heap, actor = PageHeap(NoGoal(), phys=PhysicalPages(PAGE, 0)), Actor(0, 0)
    for _ in allocate(heap, actor, 10):
        pass
    make_in_use(heap, actor, 0)
    completed(free_in_use(heap, actor, 0, 0, 0, 1))
    # The upper half gets a descriptor of its own, until the lower one is scavenged, too.
    parts = [
        one.span for one in scavenge(heap, actor, "bg", 5 * 8192) if isinstance(one, ScavengesSpan)
    ]
    grown = [one.span for one in allocate(heap, actor, 20) if isinstance(one, GrowAddsSpan)]
    promise(parts == [1] and grown == [1], f"HEAP-19: {grown} for grown pages after {parts}")
    promise(heap.descriptors.made == 2, f"HEAP-4: {heap.descriptors.made} descriptors")


def chunks_of_ps(met: Counter[str]) -> None:
    """Each P goes on in a chunk of its own, and so does who has no P."""
    metadata = Metadata(GrantingOs())
    first, other, nobody = (metadata.persistent(100, 0, "gc_sys", p) for p in (0, 1, -1))
    counted = sum(metadata.counted.values())
    promise(counted == 3 * PERSISTENT_CHUNK, f"OS-9: {counted} bytes for two Ps and nobody")
    for p, before in ((0, first), (1, other), (-1, nobody)):
        found = metadata.persistent(8, 0, "gc_sys", p)
        promise(found == before + 104, f"OS-9: P {p} goes on at {found:#x} after {before:#x}")
    met["private"] += 1


def finalizers(met: Counter[str]) -> None:
    """Finalizers that are due are queued in blocks, which are used again."""
    metadata = Metadata(GrantingOs())
    blocks = FinalizerBlocks(metadata)
    for due in (*range(1, 204), *range(1, 204)):
        most = max(blocks.made, -(-due // 101))
        blocks.make_room(due, 0)
        promise(blocks.made == most, f"SWP-24: {blocks.made} blocks for {due} finalizers")
    promise(metadata.counted["gc_sys"] == 3 * 4096, "OS-9: three blocks of the queue")
    heap = Heap()
    heap.step(AddSpecial(0, heap.malloc(32), "profile"))
    heap.gc()
    heap.sweep()
    promise(heap.state.finalizer_blocks.made == 0, "SWP-24: a block, and no finalizer is due")


def special_records(met: Counter[str]) -> None:
    """A special record goes with what it is of, and is cut off the chunk of its P."""
    heap = Heap(procs=2)
    objects = [heap.malloc(32) for _ in range(3)]
    finalizers, profiles = (heap.state.special_records[kind] for kind in (FINALIZER, PROFILE))
    before = heap.state.pages.metadata.counted["other_sys"]
    for address in objects:
        heap.step(AddSpecial(0, address))
    grown = heap.state.pages.metadata.counted["other_sys"] - before
    promise(grown == 0, f"OS-9: {grown} bytes more, and the chunk of P 0 has room")
    heap.step(AddSpecial(1, objects[0], "profile"))
    grown = heap.state.pages.metadata.counted["other_sys"] - before
    promise(grown == PERSISTENT_CHUNK, f"OS-9: {grown} bytes for the chunk of P 1")
    promise((len(finalizers), len(profiles)) == (3, 1), "HEAP-2: a record for each")
    try:
        heap.step(AddSpecial(1, objects[0]))
    except Refused:
        met["refused"] += 1
    promise(len(finalizers) == 3, "SWP-24: the record of a second finalizer is given back")
    heap.step(RemoveFinalizer(0, objects[1]))
    heap.step(RemoveFinalizer(0, objects[1]))
    promise(len(finalizers) == 2, "SWP-24: the record goes with the finalizer")
    heap.gc(objects[:1])
    promise((len(finalizers), len(profiles)) == (1, 1), "SWP-24: what is due has no record")
    promise(heap.state.finalizer_blocks.made == 1, "SWP-24: one finalizer is due")


def linear(met: Counter[str]) -> None:
    """The linear allocator places what fits behind what it placed, and maps up to its end."""
    for at, size, align in product((0, 5, 8, 4096, 4097, 8192), (1, 8, 4096), (1, 8, 4096)):
        before = LinearAlloc(at, 4096, 8192)
        placed = linear_alloc(before, size, align, 4096)
        address = -(-at // align) * align
        if address + size > 8192:
            promise(placed.address == 0 and placed.after == before, "AR-3: beyond the end")
            continue
        mapped = max(4096, -(-(address + size - 1) // 4096) * 4096)
        right = LinearAlloc(address + size, mapped, 8192)
        promise((placed.address, placed.after) == (address, right), f"AR-3: {placed}")


@explored(
    "memory.metadata",
    "OS-2 OS-7 OS-8 OS-9 SPAN-23 AR-2 AR-3 AR-5 HEAP-2 HEAP-3 HEAP-4 HEAP-19 SCAV-16 SWP-24"
    " T-23 T-24 T-25 T-26",
    needs="chunk direct table private refused",
    assumes=(SMALL_SCOPE,),
)
def memory_for_the_runtime_is_counted() -> Ran:
    """Every sequence of three pieces, small and large: none overlaps another, each is aligned, and
    what is counted is what the system gave. Each P has a chunk of its own. Tables that are full
    give way to larger ones; special records and blocks of finalizers are used again.
    """
    cases = [
        (f"{some}", lambda met, some=some: pieces(met, some))
        for some in product(product(SIZES, (0, 64)), repeat=3)
    ]
    others = (
        ("tables", table),
        ("what counts as nothing", counted_as_nothing),
        ("tables of arenas", arenas),
        ("descriptors", descriptors),
        ("descriptors of grown pages", grown_pages),
        ("chunks of Ps", chunks_of_ps),
        ("finalizers that are due", finalizers),
        ("special records", special_records),
        ("from the low end", linear),
    )
    return every_case([*others, *cases])
