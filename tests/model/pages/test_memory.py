"""Memory below the heap: what the system is told, the runtime's own memory, special records."""

import itertools
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from spanspec.base.bitmap import Bits
from spanspec.base.steps import NotAStep
from spanspec.base.words import M64
from spanspec.heap.courses.specials import DueTable, SpanSpecials, SpecialTable, by_fate
from spanspec.heap.heap import Heap
from spanspec.heap.program import AddSpecial
from spanspec.pages.courses.bgscavenge import FIRST_RETRY_NS, Scavenger, after_turn, may_sleep, wake
from spanspec.pages.courses.scavenge import Line, background_work, goal_for
from spanspec.pages.freeset.freeruns import (
    ALL,
    UNSCAVENGED,
    UNSCAVENGED_SMALL,
    FreeSpan,
    SortedFreeSpans,
)
from spanspec.pages.freeset.treap import Treap
from spanspec.pages.memory.arena import GrantingOs, Hint, Region, reserve_aligned, reserve_arenas
from spanspec.pages.memory.fixalloc import FixAlloc
from spanspec.pages.memory.mallocinit import LinearAlloc, linear_alloc
from spanspec.pages.memory.osmemory import FollowedOs, RegionState, huge_advice, no_huge_advice
from spanspec.pages.memory.persistent import (
    ARENA_MAP_BYTES,
    FIXALLOC_CHUNK,
    GC_BITS_CHUNK,
    HEAP_ARENA_METADATA,
    PERSISTENT_CHUNK,
    AllSpans,
    Metadata,
)
from spanspec.pages.tables.runs import AMD64, Bounds, PhysicalPages
from spanspec.sharing.containers.sweepbuf import SweepBuffer
from spanspec.span.mspan import Mspan, init_span, set_marked
from spanspec.span.specials import (
    FINALIZER,
    FREED,
    PROFILE,
    QUEUED,
    Special,
    Specials,
    add_special,
    fates_of,
    has_special,
    remove_special,
)

HUGE = AMD64.huge
MIB = 1 << 20


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


# --- special records ------------------------------------------------------------------------------


def test_a_sweep_decides_on_special_records_object_by_object() -> None:
    span = init_span(0, 1, 8, 8192)  # slots of 48 bytes
    span = set_marked(replace(span, freeindex=4, alloc_count=4), 0)
    specials: tuple[Special, ...] = ()
    for offset, kind in ((0, PROFILE), (48, FINALIZER), (48, PROFILE), (96, PROFILE)):
        specials = add_special(specials, offset, kind)
    queued, kept, after = swept_specials(span, specials)
    assert queued == [48]
    assert kept == (Special(0, PROFILE), Special(48, PROFILE))
    assert after.gcmark_bits == Bits(0b11)


def test_records_of_one_slot_are_told_apart_by_address() -> None:
    span = replace(init_span(0, 1, 5, 8192), freeindex=3, alloc_count=3)  # slots of 16 bytes
    specials: tuple[Special, ...] = ()
    for offset, kind in ((24, FINALIZER), (16, PROFILE), (16, FINALIZER), (40, PROFILE)):
        specials = add_special(specials, offset, kind)
    assert has_special(specials, 24, FINALIZER)
    assert not has_special(specials, 16 + 4, FINALIZER)
    assert remove_special(specials, 17, FINALIZER) == specials
    queued, kept, after = swept_specials(span, remove_special(specials, 16, FINALIZER))
    assert queued == [24]
    assert kept == (Special(16, PROFILE),)
    assert after.gcmark_bits == Bits(0b10)
    assert swept_specials(span, specials)[0] == [16, 24]


def test_a_record_is_freed_only_with_its_object() -> None:
    span = set_marked(replace(init_span(0, 1, 5, 8192), freeindex=3, alloc_count=3), 0)
    records: dict[int, Specials] = {
        1: (Special(0, FINALIZER), Special(16, FINALIZER), Special(16, PROFILE))
    }
    at = SpanSpecials(span, span, SpecialTable(records, 1, span), DueTable([]))
    for special, fate in (
        (Special(0, FINALIZER), QUEUED),  # it is alive
        (Special(16, PROFILE), FREED),  # it is saved by its finalizer
        (Special(16, FINALIZER), FREED),
        (Special(32, PROFILE), FREED),  # there is none
    ):
        with pytest.raises(NotAStep):
            by_fate(at, special, fate)


def swept_specials(span: Mspan, specials: Specials) -> tuple[list[int], Specials, Mspan]:
    """Return which finalizers a sweep queues, which records it keeps, and the span."""
    records, queued = {1: specials}, list[int]()
    at = SpanSpecials(span, span, SpecialTable(records, 1, span), DueTable(queued))
    for special, fate in zip(specials, fates_of(span, specials), strict=True):
        at = by_fate(at, special, fate)
    return queued, records.get(1, ()), at.span


# --- the scavenger's goroutine --------------------------------------------------------------------


def test_the_scavenger_backs_off_and_a_release_resets_it() -> None:
    line = Line(goal=1000, basis=5000, time_basis=0, rate=0.001, generation=3)
    scavenger = wake(Scavenger(), 0)
    delays = []
    for _ in range(3):
        delays.append(scavenger.retry_delay)
        scavenger = after_turn(scavenger, line, 10, wanted=0, released=0)
        slept = scavenger
        scavenger = wake(slept, slept.wake_at)
    assert delays == [FIRST_RETRY_NS, 2 * FIRST_RETRY_NS, 4 * FIRST_RETRY_NS]
    assert scavenger.retry_delay == 8 * FIRST_RETRY_NS
    assert wake(slept, slept.wake_at - 1).retry_delay == 4 * FIRST_RETRY_NS
    assert wake(scavenger, 20).retry_delay == 8 * FIRST_RETRY_NS
    ahead = after_turn(scavenger, line, 10, wanted=100, released=4096)
    assert ahead == Scavenger(False, 10 + 3996 * 1000, FIRST_RETRY_NS, 3)
    assert after_turn(ahead, line, 50, wanted=100, released=100).wake_at == 50
    assert after_turn(ahead, line, 50, wanted=None, released=0).parked


@pytest.mark.parametrize(("rate", "time"), [(inf, 0), (inf, 9), (2.0**60, 16), (2.0**60, 99)])
def test_a_line_that_no_number_holds_asks_for_nothing(rate: float, time: int) -> None:
    line = Line(goal=64 << 10, basis=96 << 10, time_basis=0, rate=rate)
    assert background_work(line, 200 << 10, time) == 0
    assert background_work(replace(line, rate=1.0), 200 << 10, 8) == (104 << 10) + 8


def test_a_goal_that_no_number_holds_is_half_of_all_addresses() -> None:
    over = 1 << 63
    assert goal_for(8 * MIB, M64, 4 * MIB, 4096) == over + over // 10 // 4096 * 4096 + 4096
    assert goal_for(4 * MIB, 1 << 63, 4 * MIB, 4096) == goal_for(8 * MIB, M64, 4 * MIB, 4096)
    almost_all = M64 - 4095
    assert goal_for(1, almost_all, 1, 1) == almost_all + almost_all // 10 - (1 << 64)


def test_a_new_line_keeps_the_scavenger_awake() -> None:
    seen = Scavenger(False, 0, FIRST_RETRY_NS, 3)
    assert may_sleep(seen, Line(generation=3))
    assert not may_sleep(seen, Line(generation=4))


# --- structures -----------------------------------------------------------------------------------


@given(
    st.dictionaries(st.integers(0, 60), st.tuples(st.integers(1, 9), st.booleans()), max_size=30),
    st.integers(-1, 61),
    st.sampled_from((UNSCAVENGED_SMALL, UNSCAVENGED, ALL)),
)
def test_treap_and_sorted_list_answer_alike(
    runs: dict[int, tuple[int, bool]], at: int, wanted: int
) -> None:
    treap, plain = Treap(), SortedFreeSpans()
    for page, (npages, scavenged) in runs.items():
        entry = FreeSpan(page * 8192, npages, page, scavenged, False)
        treap.insert(entry)
        plain.insert(entry)
    assert treap.first(wanted) == plain.first(wanted)
    assert treap.last(wanted) == plain.last(wanted)
    assert treap.after(at * 8192, wanted) == plain.after(at * 8192, wanted)
    assert treap.before(at * 8192, wanted) == plain.before(at * 8192, wanted)
    assert all(treap.find(npages) == plain.find(npages) for npages in range(1, 11))


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
