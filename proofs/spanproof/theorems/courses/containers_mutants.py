"""Mutants of containers: the treap, lists of spans, sweep buffers and the page map."""

from typing import Final

from spanproof.patch.mutant import Mutant, Variant, variants_of

CONTAINER_MUTANTS: Final[tuple[Mutant, ...]] = (
    *variants_of(
        "spanspec.pages.freeset.treapnode.Node.rotate_right",
        Variant(
            "rotation-forgets-a-sum",
            "        self.update()\n",
            "",
            "containers.treap",
            "a node that was rotated down keeps the sum that it had above",
        ),
    ),
    *variants_of(
        "spanspec.pages.freeset.treap.without",
        Variant(
            "removal-of-the-root-alone",
            "        node.hang_left(without(node.left, base))\n",
            "        return without(node.left, base)\n",
            "containers.treap",
            "what is above a run that is taken out is lost with it",
        ),
    ),
    *variants_of(
        "spanspec.sharing.containers.spanlist.SpanList.insert",
        Variant(
            "front-is-back",
            "insert(self._lists",
            "insert_back(self._lists",
            "containers.lists",
            "what is put at the front goes to the back",
        ),
    ),
    *variants_of(
        "spanspec.sharing.containers.sweepbuf.SweepBuffer.block",
        Variant(
            "block-ends-at-what-is-filled",
            "min(first + BLOCK_PLACES, self.index)",
            "min(first + BLOCK_PLACES, self.stack.filled)",
            "containers.sweep-buffers",
            "a block is told without its last span where a place is reserved",
        ),
    ),
    *variants_of(
        "spanspec.pages.tables.pagemap.PageTable.set_range",
        Variant(
            "last-page-not-mapped",
            "end >> PAGE_SHIFT",
            "(end >> PAGE_SHIFT) - 1",
            "containers.page-map",
            "the last page of a range is not mapped",
        ),
    ),
)
