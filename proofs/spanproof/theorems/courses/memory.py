"""Memory from the operating system: every answer that it may give, and every piece that is cut."""

from collections import Counter
from collections.abc import Sequence
from functools import partial
from itertools import pairwise, product
from typing import Final, Literal

from spanproof.prove.assumptions import SMALL_SCOPE
from spanproof.prove.exploration import Ran, explored
from spanproof.simulate.operations import (
    allocate,
    collect,
    free_os_memory,
    new_array,
    scavenge_all,
    take_manual,
)
from spanproof.simulate.trying import Player, Setting, promise, try_all
from spanproof.theorems.cases import every_case, refuses
from spanspec.base.constants import HEAP_ARENA_BYTES
from spanspec.base.intervals import Intervals
from spanspec.heap.heap import Heap
from spanspec.heap.operations.refusals import OutOfMemory, Refused
from spanspec.heap.program import AddSpecial, RemoveFinalizer
from spanspec.pages.arena import GrantingOs, Hint, Region, reservable, reserve_arenas
from spanspec.pages.fixalloc import FixAlloc
from spanspec.pages.growth import check_mapped
from spanspec.pages.mallocinit import LinearAlloc, linear_alloc
from spanspec.pages.osmemory import (
    check_release,
    huge_advice,
    no_huge_advice,
)
from spanspec.pages.pagemap import MAX_ARENAS, arena_base
from spanspec.pages.persistent import (
    FIRST_ALLSPANS,
    PERSISTENT_CHUNK,
    AllArenas,
    AllSpans,
    Chunk,
    FinalizerBlocks,
    Metadata,
    Statistic,
    offset_in,
)
from spanspec.pages.runs import PhysicalPages
from spanspec.span.markbits import ARENA_BYTES, Generation, fits_arena
from spanspec.span.specials import FINALIZER, PROFILE

Answer = Literal["grant", "elsewhere", "refuse"]
ANSWERS: Final[tuple[Answer, ...]] = ("grant", "elsewhere", "refuse")
"""What an operating system may say to a reservation."""

PAGE: Final = 4096
PHYS: Final = PhysicalPages(PAGE, 4 * PAGE)
"""Physical pages of 4 KiB, and huge ones of four of them: few enough to be counted."""


MOST_ASKED: Final = 2000
"""Reservations that a program asks for at most: one that fails tries each hint, some 130, once."""


class Scripted(GrantingOs):
    """An operating system that answers by a script, and then always the same.

    Places of its own choice are aligned to arenas where the answer's number is odd.
    """

    def __init__(self, script: Sequence[Answer], then: Answer = "grant") -> None:
        super().__init__()
        self._script = list(script)
        self._then = then
        self.asked = 0
        self._elsewhere = 0x5000_0000_0000
        self.held = Intervals(False)

    def reserve(self, address: int, size: int) -> int:
        """Answer by the script."""
        found = self._place(address, size)
        self.held.set(found, found + size if found else found, True)
        return found

    def release(self, address: int, size: int) -> None:
        """Take memory back."""
        promise(size > 0, "AR-6: nothing is given back")
        regions = self.held_regions().items()
        held = any(at <= address and address + size <= at + n for at, n in regions)
        promise(
            held, f"AR-6: of {size:#x} bytes at {address:#x} that are given back, not all were held"
        )
        self.held.set(address, address + size, False)

    def held_regions(self) -> dict[int, int]:
        """Return what is reserved, and not given back: bytes by address."""
        starts = self.held.starts()
        return {start: end - start for start, end in pairwise(starts) if self.held.at(start)}

    def _place(self, address: int, size: int) -> int:
        # A heap that takes a refusal for an answer that will change would go on asking for ever.
        self.asked += 1
        promise(self.asked <= MOST_ASKED, "HEAP-21: what was refused is asked for again and again")
        answer = self._script.pop(0) if self._script else self._then
        if answer == "refuse":
            return 0
        if answer == "grant" and address != 0:
            return address
        self._elsewhere += 4 * HEAP_ARENA_BYTES + -(-size // HEAP_ARENA_BYTES) * HEAP_ARENA_BYTES
        return self._elsewhere + (len(self._script) % 2) * 8192


def answering(script: Sequence[Answer], then: Answer = "grant") -> Player:
    """Return a player on whose heap the operating system answers by a script, and then as told."""
    return Player(os=Scripted(script, then))


@explored(
    "memory.growth",
    "AR-4 AR-5 AR-6 AR-7 AR-8 HEAP-17 HEAP-18 HEAP-20 HEAP-21 OS-1 OS-3",
    needs="ArenaMapped HeapAllocates GrowAddsSpan",
    assumes=(SMALL_SCOPE,),
)
def the_heap_grows_whatever_the_system_answers() -> Ran:
    """Every program of two large requests, with each answer of the operating system to the first
    three reservations: what is not used is given back, and the arenas are tiled.
    """
    operations = (allocate(40 << 20), allocate(100 << 20), take_manual(4), scavenge_all())
    settings = [
        Setting(" ".join(script), partial(answering, script), (), operations, 2)
        for script in product(ANSWERS, repeat=3)
    ]
    return try_all(settings)


@explored(
    "memory.none-left",
    "HEAP-21 MAL-11 CEN-7 CEN-11 AR-8 T-21 T-22 T-52",
    needs="OutOfMemory CentralMisses gc",
    assumes=(SMALL_SCOPE,),
)
def a_heap_without_memory_stays_consistent() -> Ran:
    """Every program of three requests on a heap that gets one arena and no more: a request that
    fails changes nothing, and once something was freed there is room again.
    """
    one_arena = partial(answering, ("grant",), "refuse")
    operations = (allocate(60 << 20), allocate(4 << 20), allocate(8192), take_manual(4), collect())
    return try_all((Setting("one arena", one_arena, (), operations, 3),))


@explored(
    "memory.arenas",
    "AR-1 AR-4 AR-6 AR-8 T-8 T-9",
    needs="hint aligned none zero",
    assumes=(SMALL_SCOPE,),
)
def arenas_are_reserved_by_the_hints() -> Ran:
    """For every answer of the operating system to four reservations, with hints upwards, downwards
    or none: what is reserved is whole arenas, at the first hint that is granted, and the rest is
    given back. A hint down to address 0 asks for any place, and takes none.
    """
    arena = HEAP_ARENA_BYTES
    up, down = Hint(8 * arena, False), Hint(64 * arena, True)
    last = arena_base(MAX_ARENAS - 1)
    promise(reservable(last, arena), "AR-4: the last arena of the map")
    promise(not reservable(last, arena + 1), "AR-4: a byte beyond the last arena of the map")

    def case(met: Counter[str], hints: tuple[Hint, ...], script: tuple[Answer, ...]) -> None:
        for ask in (1, arena, arena + 1):
            size = -(-ask // arena) * arena
            os = Scripted(script)
            region = reserve_arenas(os, hints, ask)
            used = [hint for hint, answer in zip(hints, script, strict=False) if answer == "grant"]
            if region is None:
                met["none"] += 1
                promise(not used and not os.held_regions(), "AR-4: something is kept")
                continue
            kept = os.held_regions()
            promise(kept == {region.base: region.size}, f"AR-4: {kept} are kept, not {region}")
            promise(region.base % arena == 0 and region.size % arena == 0, "T-9: no whole arenas")
            promise(region.size >= size, "AR-4: too little")
            if used:
                hint = used[0]
                base = hint.address - size if hint.down else hint.address
                after = Hint(base if hint.down else base + size, hint.down)
                left = (after, *hints[hints.index(hint) + 1 :])
                promise(region == (type(region))(base, size, left), f"AR-4: {region}")
                met["hint"] += 1
            else:
                end = region.base + region.size
                left = (Hint(end, False), Hint(region.base, True))
                promise(region.hints == left, f"AR-8: {region.hints}")
                met["aligned"] += 1

    cases = [
        (
            f"{len(hints)} hints, {' '.join(script)}",
            lambda met, hints=hints, script=script: case(met, hints, script),
        )
        for hints in ((), (up,), (down,), (up, down), (down, up))
        for script in product(ANSWERS, repeat=3)
    ]
    lowest = Hint(arena, True)

    def down_to_zero(met: Counter[str]) -> None:
        for answer in ANSWERS[:2]:
            os = Scripted((answer, "grant"))
            region = reserve_arenas(os, (lowest, up), 1)
            promise(region is not None and region.base == up.address, f"AR-4: {region}")
            promise(os.held_regions() == {up.address: arena}, "AR-4: something is kept")
            promise(os.asked == 2, "AR-4: address 0 is not asked for")
        region = reserve_arenas(Scripted(("refuse",)), (lowest, up), 1)
        promise(region == Region(0, arena, (Hint(0, True), up)), f"AR-4: {region}")
        refuses("T-79", lambda: check_mapped(0, 0))
        met["zero"] += 1

    def no_hint_left(met: Counter[str]) -> None:
        heap = Heap(os=Scripted((), "refuse"))
        try:
            heap.malloc(8)
        except OutOfMemory:
            left = heap.state.pages.hints
            promise(left == (), f"AR-4: {len(left)} hints are left, and each has failed")
            met["none"] += 1

    others = (("a hint down to address 0", down_to_zero), ("no hint is left", no_hint_left))
    return every_case([*cases, *others])


@explored("memory.advice", "OS-5 OS-6 T-78", needs="whole cut", assumes=(SMALL_SCOPE,))
def advice_is_about_the_right_huge_pages() -> Ran:
    """For every range of up to ten pages: those huge pages are to be huge again that lie in it,
    those not any more that it cuts, and a release that is not of whole pages is refused.
    """

    def case(met: Counter[str], first: int, number: int) -> None:
        start, size = first * PAGE, number * PAGE
        pages = set(range(first, first + number))
        four = {huge: set(range(4 * huge, 4 * huge + 4)) for huge in range(7)}
        inside = [huge for huge, its in four.items() if its <= pages]
        cut = [huge for huge, its in four.items() if its & pages and not its <= pages]
        whole = huge_advice(PHYS, start, size)
        told = range(whole.start // PAGE, whole.end // PAGE)
        promise(inside == sorted({page // 4 for page in told}), f"OS-5: {whole}")
        promise(len(told) == 4 * len(inside) or not inside, f"OS-5: {whole} is no huge page")
        bounds = no_huge_advice(PHYS, start, size)
        named = [page for one in bounds for page in range(one.start // PAGE, one.end // PAGE)]
        promise(named == [page for huge in cut for page in sorted(four[huge])], f"OS-6: {bounds}")
        together = len(cut) == 2 and cut[0] + 1 == cut[1]
        promise(len(bounds) == (1 if together else len(cut)), f"OS-6: {len(bounds)} calls")
        met["whole"] += bool(inside)
        met["cut"] += bool(cut)
        # Where the end is in no page's middle, the last byte tells which huge page is cut.
        if size > 1:
            short = no_huge_advice(PHYS, start, size - 1)
            last = (start + size - 2) // PHYS.huge * PHYS.huge
            promise(short[-1].end == last + PHYS.huge, f"OS-6: {short} up to {start + size - 2:#x}")
        check_release(PHYS, start, size)
        refuses("T-78", lambda: check_release(PHYS, start + 1, size))
        refuses("T-78", lambda: check_release(PHYS, start, size + 1))
        none = PhysicalPages(PAGE, 0)
        apart = huge_advice(none, start, size)
        promise(apart.start == apart.end and not no_huge_advice(none, start, size), "OS-5: none")

    cases = [
        (f"{number} pages from {first}", lambda met, a=first, b=number: case(met, a, b))
        for first, number in product(range(4, 13), range(1, 11))
    ]
    return every_case(cases)


@explored(
    "memory.metadata",
    "OS-2 OS-7 OS-8 OS-9 SPAN-23 AR-2 AR-3 AR-5 HEAP-2 HEAP-3 HEAP-4 SWP-24 T-23 T-24 T-25 T-26",
    needs="chunk direct table private refused",
    assumes=(SMALL_SCOPE,),
)
def memory_for_the_runtime_is_counted() -> Ran:
    """Every sequence of three pieces, small and large: none overlaps another, each is aligned, and
    what is counted is what the system gave. Each P has a chunk of its own. Tables that are full
    give way to larger ones; special records and blocks of finalizers are used again.
    """
    sizes = (8, 100, 4096, (64 << 10) - 8, 64 << 10, 200 << 10)

    def pieces(met: Counter[str], some: Sequence[tuple[int, int]]) -> None:
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
        os = Scripted(())
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

    def descriptors(met: Counter[str]) -> None:
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

    def chunks_of_ps(met: Counter[str]) -> None:
        metadata = Metadata(GrantingOs())
        first, other, nobody = (metadata.persistent(100, 0, "gc_sys", p) for p in (0, 1, -1))
        counted = sum(metadata.counted.values())
        promise(counted == 3 * PERSISTENT_CHUNK, f"OS-9: {counted} bytes for two Ps and nobody")
        for p, before in ((0, first), (1, other), (-1, nobody)):
            found = metadata.persistent(8, 0, "gc_sys", p)
            promise(found == before + 104, f"OS-9: P {p} goes on at {found:#x} after {before:#x}")
        met["private"] += 1

    def finalizers(met: Counter[str]) -> None:
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

    cases = [
        (f"{some}", lambda met, some=some: pieces(met, some))
        for some in product(product(sizes, (0, 64)), repeat=3)
    ]
    others = (
        ("tables", table),
        ("descriptors", descriptors),
        ("chunks of Ps", chunks_of_ps),
        ("finalizers that are due", finalizers),
        ("special records", special_records),
        ("from the low end", linear),
    )
    return every_case([*others, *cases])


@explored(
    "memory.whole-cycles",
    "SWP-38 SCAV-13 MAL-20 MAL-18",
    needs="gc free-os-memory new-array",
    assumes=(SMALL_SCOPE,),
)
def what_users_call_does_all_of_it() -> Ran:
    """Every program of a few of the calls that a heap's users have: a whole cycle sweeps all, and
    FreeOSMemory releases all that is free; an array is as long as all of its elements.
    """
    operations = (allocate(8192), allocate(5 << 20), new_array(), collect(), free_os_memory())
    return try_all((Setting("calls", Player, (allocate(48),), operations, 3),))
