"""Mutants of what asks the operating system for memory, and of what is cut off it."""

from typing import Final

from spanproof.patch.mutant import Mutant, Variant, variants_of

ARENA_TABLES: Final = """\
        metadata.persistent(
            HEAP_ARENA_METADATA,
            8,
            "gc_sys",
            p,
            otherwise="T-12: out of memory allocating heap arena metadata",
        )
"""

LIST_OF_ARENAS: Final = """\
        if place == self.capacity:
            self.capacity = 2 * self.capacity if self.capacity else phys_page // 8
            metadata.persistent(
                self.capacity * 8,
                8,
                "gc_sys",
                p,
                otherwise="T-13: out of memory allocating allArenas",
            )
"""

MEMORY_MUTANTS: Final[tuple[Mutant, ...]] = (
    *variants_of(
        "spanspec.pages.courses.growth.map_arenas",
        Variant(
            "rest-of-arena-lost",
            "if not contiguous and rest.end > rest.base:",
            "if contiguous and rest.end > rest.base:",
            "memory.growth",
            "the rest of the arena is lost when the heap goes on elsewhere",
        ),
    ),
    *variants_of(
        "spanspec.pages.courses.growth.add_grown_span",
        Variant(
            "descriptor-before-scavenging",
            "    yield from scavenge_for_growth(heap, actor, size)\n"
            "    span = SpanId(heap.descriptors.take(actor.p))\n",
            "    span = SpanId(heap.descriptors.take(actor.p))\n"
            "    yield from scavenge_for_growth(heap, actor, size)\n",
            "memory.metadata",
            "grown pages get a descriptor before memory was scavenged for them",
        ),
    ),
    *variants_of(
        "spanspec.pages.courses.growth.grow",
        Variant(
            "end-in-the-old-arena",
            "end = end_of_request(piece, npages, heap.phys.size)",
            "end = end if end > piece else end_of_request(piece, npages, heap.phys.size)",
            "memory.growth",
            "where the heap goes on below, a piece ends where it would have ended before",
        ),
    ),
    *variants_of(
        "spanspec.heap.courses.mcentral.cache_span",
        Variant(
            "no-memory-is-a-span",
            "            if span == NOBODY:\n                break\n",
            "",
            "memory.none-left",
            "a request for which there is no memory is made again and again",
        ),
    ),
    *variants_of(
        "spanspec.pages.memory.arena.reserve_aligned",
        Variant(
            "tail-not-given-back",
            "os.release(start + size, rest)",
            "pass",
            "memory.arenas",
            "what lies above an aligned region stays reserved",
        ),
    ),
    *variants_of(
        "spanspec.pages.memory.arena.reserve_arenas",
        Variant(
            "address-0-not-asked-for",
            "wanted >= 0",
            "wanted > 0",
            "memory.arenas",
            "a hint that leads down to address 0 is passed over",
        ),
        Variant(
            "hint-outside-not-asked-for",
            "asked = wanted >= 0 and ends_in_the_map(wanted, size)",
            "asked = wanted >= 0 and reservable(wanted, size)",
            "memory.arenas",
            "a hint that leads from outside into the map of arenas is passed over",
        ),
    ),
    *variants_of(
        "spanspec.pages.memory.arena.reservable",
        Variant(
            "region-from-outside",
            " and arena_index(base) < MAX_ARENAS",
            "",
            "memory.arenas",
            "the heap takes arenas for which the map has no place",
        ),
    ),
    *variants_of(
        "spanspec.pages.memory.osmemory.no_huge_advice",
        Variant(
            "tail-counted-as-cut",
            "if end % phys.huge != 0",
            "if end % phys.huge == 0",
            "memory.advice",
            "a huge page that a release ends with counts as cut",
        ),
    ),
    *variants_of(
        "spanspec.pages.memory.persistent.AllSpans.record",
        Variant(
            "old-table-kept",
            "if self.capacity != 0:",
            "if self.capacity == 0:",
            "memory.metadata",
            "a table of descriptors that gave way to a larger one is not given back",
        ),
    ),
    *variants_of(
        "spanspec.pages.memory.persistent.Metadata.persistent",
        Variant(
            "one-chunk-for-all-ps",
            "self.chunks.get(p, NO_CHUNK)",
            "next(iter(self.chunks.values()), NO_CHUNK)",
            "memory.metadata",
            "a P cuts small pieces off the chunk of whoever came first",
        ),
        Variant(
            "chunk-counts-what-counts-as-nothing",
            '        if statistic != "other_sys":',
            '        if statistic is not None and statistic != "other_sys":',
            "memory.metadata",
            "a piece that counts as nothing stays counted with its chunk",
        ),
    ),
    *variants_of(
        "spanspec.pages.memory.persistent.AllArenas._take_metadata",
        Variant(
            "list-of-arenas-grows-first",
            ARENA_TABLES + LIST_OF_ARENAS,
            LIST_OF_ARENAS + ARENA_TABLES,
            "memory.metadata",
            "the list of arenas grows before an arena has its tables",
        ),
    ),
    *variants_of(
        "spanspec.pages.memory.persistent.FinalizerBlocks.make_room",
        Variant(
            "full-block-written-beyond",
            "due > FINALIZERS_PER_BLOCK * self.made",
            "due > FINALIZERS_PER_BLOCK * self.made + 1",
            "memory.metadata",
            "a finalizer that is due is queued behind the end of a block",
        ),
    ),
    *variants_of(
        "spanspec.heap.courses.sweepspan.after_specials",
        Variant(
            "special-record-leaks",
            "state.special_records[special.kind].let_go()",
            "pass",
            "memory.metadata",
            "the special record of a dead object is never given back",
        ),
    ),
    *variants_of(
        "spanspec.heap.operations.specials.add",
        Variant(
            "second-finalizer-leaks",
            "        taken.let_go()\n",
            "",
            "memory.metadata",
            "the special record of a finalizer that is refused is never given back",
        ),
    ),
    *variants_of(
        "spanspec.heap.heap.Heap.free_os_memory",
        Variant(
            "releases-nothing",
            "self.step(ScavengeAll(p))",
            "pass",
            "memory.whole-cycles",
            "FreeOSMemory releases nothing",
        ),
    ),
    *variants_of(
        "spanspec.pages.memory.mallocinit.linear_alloc",
        Variant(
            "linear-alloc-beyond-the-end",
            "address + size > linear.end",
            "address > linear.end",
            "memory.metadata",
            "a piece of memory from the low end may reach beyond it",
        ),
    ),
    *variants_of(
        "spanspec.pages.memory.osmemory.FollowedOs.is_usable",
        Variant(
            "prepared-page-used",
            "if phys.size > PAGE_SIZE:",
            "if phys.size >= PAGE_SIZE:",
            "memory.states",
            "memory that was not made ready may be used where physical pages are just as large",
        ),
    ),
)
