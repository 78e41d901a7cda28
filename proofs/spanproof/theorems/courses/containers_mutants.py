"""Wrong variants of containers, and of what asks the operating system for memory."""

from typing import Final

from spanproof.patch.mutant import Mutant, Variant, variants_of

CONTAINER_MUTANTS: Final[tuple[Mutant, ...]] = (
    *variants_of(
        "spanspec.pages.treap.Node.rotate_right",
        Variant(
            "rotation-forgets-a-sum",
            "        self.update()\n",
            "",
            "containers.treap",
            "a node that was rotated down keeps the sum that it had above",
        ),
    ),
    *variants_of(
        "spanspec.pages.treap.Node.rotate_left",
        Variant(
            "middle-subtree-lost",
            "self.right = child.left",
            "self.right = None",
            "treap.rotations",
            "the runs between two nodes that rotate are in the tree no more",
        ),
    ),
    *variants_of(
        "spanspec.pages.treap.Node.sums",
        Variant(
            "right-subtree-not-summed",
            "right_most, right_types = right.max_pages, right.types",
            "right_types = right.types",
            "treap.rotations",
            "a node does not know how long the runs to its right are",
        ),
    ),
    *variants_of(
        "spanspec.pages.treap.without",
        Variant(
            "removal-of-the-root-alone",
            "        node.hang_left(without(node.left, base))\n",
            "        return without(node.left, base)\n",
            "containers.treap",
            "what is above a run that is taken out is lost with it",
        ),
    ),
    *variants_of(
        "spanspec.sharing.spanlist.SpanList.insert",
        Variant(
            "front-is-back",
            "insert(self._lists",
            "insert_back(self._lists",
            "containers.lists",
            "what is put at the front goes to the back",
        ),
    ),
    *variants_of(
        "spanspec.sharing.sweepbuf.SweepBuffer.block",
        Variant(
            "block-ends-at-what-is-filled",
            "min(first + BLOCK_PLACES, self.index)",
            "min(first + BLOCK_PLACES, self.stack.filled)",
            "containers.sweep-buffers",
            "a block is told without its last span where a place is reserved",
        ),
    ),
    *variants_of(
        "spanspec.pages.pagemap.PageTable.set_range",
        Variant(
            "last-page-not-mapped",
            "end >> PAGE_SHIFT",
            "(end >> PAGE_SHIFT) - 1",
            "containers.page-map",
            "the last page of a range is not mapped",
        ),
    ),
    *variants_of(
        "spanspec.pages.growth.map_arenas",
        Variant(
            "rest-of-arena-lost",
            "if not contiguous and rest.end > rest.base:",
            "if contiguous and rest.end > rest.base:",
            "memory.growth",
            "the rest of the arena is lost when the heap goes on elsewhere",
        ),
    ),
    *variants_of(
        "spanspec.heap.mcentral.cache_span",
        Variant(
            "no-memory-is-a-span",
            "            if span == NOBODY:\n                break\n",
            "",
            "memory.none-left",
            "a request for which there is no memory is made again and again",
        ),
    ),
    *variants_of(
        "spanspec.pages.arena.reserve_aligned",
        Variant(
            "tail-not-given-back",
            "os.release(start + size, rest)",
            "pass",
            "memory.arenas",
            "what lies above an aligned region stays reserved",
        ),
    ),
    *variants_of(
        "spanspec.pages.arena.reserve_arenas",
        Variant(
            "address-0-not-asked-for",
            "wanted >= 0",
            "wanted > 0",
            "memory.arenas",
            "a hint that leads down to address 0 is passed over",
        ),
    ),
    *variants_of(
        "spanspec.pages.osmemory.no_huge_advice",
        Variant(
            "tail-counted-as-cut",
            "if end % phys.huge != 0",
            "if end % phys.huge == 0",
            "memory.advice",
            "a huge page that a release ends with counts as cut",
        ),
    ),
    *variants_of(
        "spanspec.pages.persistent.AllSpans.record",
        Variant(
            "old-table-kept",
            "if self.capacity != 0:",
            "if self.capacity == 0:",
            "memory.metadata",
            "a table of descriptors that gave way to a larger one is not given back",
        ),
    ),
    *variants_of(
        "spanspec.pages.persistent.Metadata.persistent",
        Variant(
            "one-chunk-for-all-ps",
            "self.chunks.get(p, NO_CHUNK)",
            "next(iter(self.chunks.values()), NO_CHUNK)",
            "memory.metadata",
            "a P cuts small pieces off the chunk of whoever came first",
        ),
    ),
    *variants_of(
        "spanspec.pages.persistent.FinalizerBlocks.make_room",
        Variant(
            "full-block-written-beyond",
            "due > FINALIZERS_PER_BLOCK * self.made",
            "due > FINALIZERS_PER_BLOCK * self.made + 1",
            "memory.metadata",
            "a finalizer that is due is queued behind the end of a block",
        ),
    ),
    *variants_of(
        "spanspec.heap.sweeping.after_specials",
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
)
