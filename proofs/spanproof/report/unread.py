"""The functions that cite rules and that no obligation reads or runs, each with the reason."""

from typing import Final

ASKED: Final = "an answer to whoever asks; nothing in a heap hangs on it"
NOT_ON_64_BITS: Final = "on 64-bit machines every request fails (AR-2)"
ADVICE: Final = "advice about huge pages, which no program can see"

UNREAD: Final[dict[str, str]] = {
    "spanspec.base.constants.is_noscan": ASKED,
    "spanspec.base.sizeclass.generate_classes": "runs as the module is imported; `sizeclass.*` and "
    "`object.slots` read the table that it makes",
    "spanspec.heap.decisions.Decisions.cycle_is_due": ASKED,
    "spanspec.heap.heap.Heap.*": "runs operations that are explored one by one",
    "spanspec.heap.malloc.array_size": "decides before an allocation begins",
    "spanspec.pages.arena.reserve_aligned": "where every hint was refused; random programs are "
    "refused hints",
    "spanspec.pages.bgscavenge.may_sleep": ASKED,
    "spanspec.pages.freeruns.filter_of": "runs as constants are made",
    "spanspec.pages.freeruns.SortedFreeSpans.*": "the plain set that the treap is compared with",
    "spanspec.pages.invariant.tiling_holds": "joins predicates that are read one by one",
    "spanspec.pages.mallocinit.linear_alloc": NOT_ON_64_BITS,
    "spanspec.pages.osmemory.*": ADVICE,
    "spanspec.pages.persistent.Metadata.sys_free": "once a table of 8192 descriptors is full",
    "spanspec.pages.treap.Treap.first": "walks upwards, as nothing in a heap does",
    "spanspec.pages.treap.Treap.after": "walks upwards, as nothing in a heap does",
    "spanspec.pages.treap.find_minimal": "walks upwards, as nothing in a heap does",
    "spanspec.sharing.spanlist.SpanList.take_all": ASKED,
    "spanspec.sharing.sweepbuf.SweepBuffer.block*": ASKED,
    "spanspec.span.freeslots.collect": "the abstract sweep, for searches and examples",
}
"""The reason by the name of a function, or by a pattern of names."""
