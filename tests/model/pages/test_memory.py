"""Memory below the heap: what the system is told, arenas, and the runtime's own memory."""

import itertools
from struct import calcsize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanspec.heap.heap import Heap
from spanspec.heap.program import AddSpecial
from spanspec.pages.memory import persistent
from spanspec.pages.memory.arena import GrantingOs, Hint, Region, reserve_aligned, reserve_arenas
from spanspec.pages.memory.fixalloc import FixAlloc
from spanspec.pages.memory.mallocinit import LinearAlloc, linear_alloc
from spanspec.pages.memory.osmemory import FollowedOs, RegionState, huge_advice, no_huge_advice
from spanspec.pages.memory.persistent import (
    ARENA_MAP_BYTES,
    FIXALLOC_CHUNK,
    PERSISTENT_CHUNK,
    AllSpans,
    Metadata,
)
from spanspec.pages.tables.runs import AMD64, Bounds, PhysicalPages
from spanspec.span.specials import (
    FINALIZER,
)

MIB = 1 << 20

HUGE = AMD64.huge


# --- advice about huge pages ----------------------------------------------------------------------


@given(st.integers(0, 1 << 12), st.integers(1, 1 << 12))
def test_advice_covers_whole_huge_pages_inside_and_cut_ones_at_the_ends(
    page: int, pages: int
) -> None:
    start, size = page * 4096, pages * 4096
    inside = huge_advice(AMD64, start, size)
    if inside.end > inside.start:
        assert inside.start % HUGE == inside.end % HUGE == 0
        assert start <= inside.start
        assert inside.end <= start + size
    cut = [at for part in no_huge_advice(AMD64, start, size) for at in range(*part_of(part))]
    ends = {start // HUGE, (start + size - 1) // HUGE}
    whole = {one for one in ends if start <= one * HUGE and (one + 1) * HUGE <= start + size}
    assert {at // HUGE for at in cut} == {one for one in ends - whole if one != 0}


def part_of(part: Bounds) -> tuple[int, int, int]:
    return part.start, part.end, HUGE


def test_two_cut_neighbours_are_advised_about_at_once() -> None:
    middle = 5 * HUGE
    assert no_huge_advice(AMD64, middle - 4096, 8192) == (Bounds(middle - HUGE, middle + HUGE),)


def test_without_huge_pages_there_is_no_advice() -> None:
    phys = PhysicalPages(4096, 0)
    assert no_huge_advice(phys, 4096, 4096) == ()
    assert huge_advice(phys, 0, 8 * MIB) == Bounds(0, 0)


# --- states of a region ---------------------------------------------------------------------------


def test_a_region_is_reserved_mapped_used_and_released_in_that_order() -> None:
    system, base = FollowedOs(GrantingOs()), 0xC000000000
    with pytest.raises(AssertionError, match="OS-1"):
        system.map(base, 64 * MIB)
    assert system.reserve(base, 64 * MIB) == base
    with pytest.raises(AssertionError, match="OS-1"):
        system.used(base, 8192)
    assert system.map(base, 64 * MIB) == base
    assert not system.is_usable(AMD64, base, 8192)
    system.used(base, 8192)
    assert system.is_usable(AMD64, base, 8192)
    assert not system.is_usable(AMD64, base, 12288)
    assert system.is_usable(PhysicalPages(65536, 0), base, 12288)
    system.unused(base, 4096)
    assert not system.is_usable(AMD64, base, 8192)
    system.release(base, 64 * MIB)
    with pytest.raises(AssertionError, match=RegionState.PREPARED.name):
        system.unused(base, 4096)


# --- the runtime's own memory ---------------------------------------------------------------------


@given(
    st.lists(
        st.tuples(st.integers(1, 80_000), st.sampled_from((0, 1, 8, 64, 4096)), st.integers(-1, 2)),
        max_size=60,
    )
)
def test_persistent_memory_is_aligned_apart_and_counted(
    requests: list[tuple[int, int, int]],
) -> None:
    metadata = Metadata(GrantingOs())
    pieces = []
    for size, align, p in requests:
        address = metadata.persistent(size, align, "gc_sys", p)
        assert address % (align or 8) == 0
        pieces.append((address, address + size))
    pieces.sort()
    assert all(end <= start for (_, end), (start, _) in itertools.pairwise(pieces))
    assert metadata.counted["gc_sys"] == sum(size for size, _, _ in requests)
    assert metadata.counted["other_sys"] >= 0
    total = sum(metadata.counted.values())
    direct = sum(size for size, _, _ in requests if size >= 64 << 10)
    assert (total - direct) % PERSISTENT_CHUNK == 0


def test_the_map_of_the_arenas_counts_as_nothing() -> None:
    system = FollowedOs(GrantingOs())
    heap = Heap(os=system)
    heap.malloc(100 << 20)
    before, stats = heap.read_memstats(), heap.state.pages.stats
    assert before.sys == stats.heap_sys + system.own - ARENA_MAP_BYTES
    assert before.gc_sys + before.other_sys + before.mspan_sys < 7 * MIB
    metadata = Metadata(GrantingOs())
    metadata.persistent(1 << 20, 8, None, 0)
    metadata.persistent(1000, 8, None, 0)
    assert sum(metadata.counted.values()) == PERSISTENT_CHUNK - 1000


def test_each_p_takes_memory_for_the_runtime_from_a_chunk_of_its_own() -> None:
    """The figures follow from mallocinit, mheap.init and persistentalloc1, reckoned by hand."""
    heap = Heap(procs=3)
    metadata = heap.state.pages.metadata
    # Before there is a P: 128 arena hints in one chunk of 16 KiB, the first mcaches in another.
    assert {p: chunk.offset for p, chunk in metadata.chunks.items()} == {-1: 8 + 2 * 16384}
    assert metadata.counted["other_sys"] == 262144 - 16384
    first, second = heap.malloc(32, p=0), heap.malloc(32, p=0)
    # P 0: descriptors, treap nodes, the table of arenas, and, at the next multiple of 64, spine and
    # first block of a sweep buffer.
    p0 = 8 + 2 * 16384 + 4096 + 56 + 2048 + 4096
    assert {p: chunk.offset for p, chunk in metadata.chunks.items()} == {-1: 32776, 0: p0}
    before = metadata.counted["other_sys"]
    assert before == 2 * 262144 - 2 * 16384 - 4096 - 2048 - 4096 + 65536
    heap.step(AddSpecial(2, first))
    assert {p: chunk.offset for p, chunk in metadata.chunks.items()} == {
        -1: 32776,
        0: p0,
        2: 8 + 16384,
    }
    assert metadata.counted["other_sys"] == before + 262144
    heap.step(AddSpecial(1, second))
    assert metadata.counted["other_sys"] == before + 262144
    # A finalizer that is due waits in a block, which is memory of the collector.
    gc_sys = metadata.counted["gc_sys"]
    heap.gc()
    assert heap.state.finalizers == [first, second]
    # So do the other sweep buffer, and the mark bits of the next cycle.
    assert metadata.counted["gc_sys"] == gc_sys + 4096 + (2048 + 4096) + 65536
    assert len(heap.state.special_records[FINALIZER]) == 0


class Below(GrantingOs):
    """A system that grants only what is below 4 GiB, and notes what it is asked."""

    def __init__(self, anywhere: int) -> None:
        super().__init__()
        self.anywhere = anywhere
        self.asked: list[tuple[str, int, int]] = []

    def reserve(self, address: int, size: int) -> int:
        self.asked.append(("reserve", address, size))
        return self.anywhere if address == 0 or address >= 1 << 32 else address

    def map(self, address: int, size: int) -> int:
        self.asked.append(("map", address, size))
        return address

    def release(self, address: int, size: int) -> None:
        self.asked.append(("release", address, size))


def test_a_hint_down_to_address_0_asks_for_any_place_and_takes_none() -> None:
    """AR-4: sysAlloc looks at the hint's address for overflow and for the arena map only."""
    size, far = 64 << 20, 0x7000_0000_0000
    os, down = Below(far), Hint(size, True)
    region = reserve_arenas(os, (down, Hint(8 * size, False)), size)
    assert os.asked == [
        ("reserve", 0, size),
        ("release", far, size),
        ("reserve", 8 * size, size),
    ]
    assert region == Region(8 * size, size, (Hint(9 * size, False),))
    # What is refused there is taken for granted, as the answer is the address; mapping it fails.
    refusing = Below(0)
    assert reserve_arenas(refusing, (down,), size) == Region(0, size, (Hint(0, True),))
    assert refusing.asked == [("reserve", 0, size)]
    heap = Heap(os=refusing)
    heap.state.pages.set_hints((down,), 0)
    with pytest.raises(AssertionError, match="T-79"):
        heap.malloc(size // 2)
    assert refusing.asked[-1] == ("map", 0, size)


def test_descriptors_are_recycled_last_in_first_out() -> None:
    metadata = Metadata(GrantingOs())
    made: list[int] = []
    fixed = FixAlloc(metadata, 136, "mspan_sys", lambda: made.append(1))
    taken = [fixed.take(0) for _ in range(200)]
    assert taken == list(range(200)) == list(range(len(made)))
    assert metadata.counted["mspan_sys"] == 2 * FIXALLOC_CHUNK  # 120 fit a chunk
    fixed.give_back(7)
    fixed.give_back(3)
    assert fixed.in_use == 198 * 136
    assert (fixed.take(0), fixed.take(0), fixed.take(0)) == (3, 7, 200)


def test_the_table_of_all_spans_grows_by_half() -> None:
    metadata = Metadata(GrantingOs())
    spans = AllSpans(metadata)
    sizes = set()
    for _ in range(20_000):
        spans.record()
        sizes.add(spans.capacity)
    assert sizes == {8192, 12288, 18432, 27648}
    assert metadata.counted["other_sys"] == 27648 * 8


def test_a_linear_allocator_maps_what_it_hands_out() -> None:
    assert linear_alloc(LinearAlloc(), 1, 1, 4096).address == 0
    first = linear_alloc(LinearAlloc(MIB, MIB, 2 * MIB), 5000, 4096, 4096)
    assert first.address == MIB
    assert first.after == LinearAlloc(MIB + 5000, MIB + 8192, 2 * MIB)
    second = linear_alloc(first.after, 100, 64, 4096)
    assert (second.address, second.after.mapped) == (MIB + 5056, MIB + 8192)
    assert linear_alloc(second.after, MIB, 8, 4096).address == 0


class Places(GrantingOs):
    """Grants one place, and notes what is given back."""

    def __init__(self, place: int) -> None:
        super().__init__()
        self.place = place
        self.asked: list[tuple[int, int]] = []
        self.released: list[tuple[int, int]] = []

    def reserve(self, address: int, size: int) -> int:
        self.asked.append((address, size))
        return self.place

    def release(self, address: int, size: int) -> None:
        self.released.append((address, size))


def test_a_place_that_is_aligned_by_chance_is_kept_whole() -> None:
    aligned, shifted, refused = Places(3 * MIB), Places(3 * MIB + 8192), Places(0)
    assert reserve_aligned(aligned, 2 * MIB, MIB) == Bounds(3 * MIB, 6 * MIB)
    assert aligned.asked == [(0, 3 * MIB)]
    assert aligned.released == []
    assert reserve_aligned(shifted, 2 * MIB, MIB) == Bounds(4 * MIB, 6 * MIB)
    assert shifted.released == [(3 * MIB + 8192, MIB - 8192), (6 * MIB, 8192)]
    assert reserve_aligned(refused, 2 * MIB, MIB) == Bounds(0, 0)


# --- the runtime's own records --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        # Links and list, start and pages, free list, index and slots, cache, bits; sweepgen, ...
        ("MSPAN_BYTES", "3P 2N P 2N Q 2P I 2H H 2B 3B ? 2N N P"),
        # Sampling and tiny blocks; 134 spans; 4 lists of stacks; what was freed; the flush.
        ("MCACHE_BYTES", "5N 134P 8N 2N 67N I 0N"),
        ("TREAP_NODE_BYTES", "3P N P N 2I"),
        ("ARENA_HINT_BYTES", "N ? P"),
        # Two bits a word of 64 MiB; a span and two bits a page.
        ("HEAP_ARENA_METADATA", "2097152B 8192P 1024B 1024B"),
        ("ARENA_MAP_BYTES", "4194304P"),
        ("SWEEP_BLOCK_BYTES", "512P"),
        # A special record: the next one, the offset, and the kind.
        ("SPECIAL_FINALIZER_BYTES", "P H B 0N 4N"),
        ("SPECIAL_PROFILE_BYTES", "P H B 0N P"),
    ],
)
def test_the_runtimes_records_are_as_large_as_their_fields(name: str, fields: str) -> None:
    size = getattr(persistent, name)
    assert size == calcsize(f"@{fields}"), f"CONST-4: {name}"
