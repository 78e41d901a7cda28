"""The image of a heap: all that is judged, read out of memory, and nothing of objects.

An image is also what a saved snapshot is: judging one again needs neither process nor core.
"""

from typing import Final

import msgspec

from spanspec.base.words import M64

KIND: Final = "spanspec-heap-image"
"""What a saved image says it is."""


class SpanImage(msgspec.Struct, gc=False, array_like=True):
    """A descriptor: the runtime's fields as numbers; bits as one number each, slot 0 lowest.

    `mark_read` and `alloc_read` tell whether the bits could be read. `descriptor` is its address.
    """

    descriptor: int
    base: int
    npages: int
    freeindex: int
    nelems: int
    alloc_cache: int
    alloc_bits_at: int
    mark_bits_at: int
    sweepgen: int
    alloc_count: int
    spanclass: int
    state: int
    elemsize: int
    limit: int
    needzero: int
    specials_at: int
    scan_index: int = 0
    count_before_cache: int = 0
    div_mul: int = 0
    user_arena: int = 0
    manual_free_list: int = 0
    list_next: int = 0
    list_owner: int = 0
    alloc_bits: int = 0
    mark_bits: int = 0
    alloc_read: bool = False
    mark_read: bool = False


class ProcImage(msgspec.Struct):
    """A P and its mcache; `slots` are the cached descriptors by span class.

    `page_base` and `page_bits` are the pages that the P keeps to itself: 64 bits from a base.
    """

    id: int
    status: int
    m: int
    mcache: int
    slots: list[int]
    flush_gen: int | None = None
    tiny: int = 0
    tiny_offset: int = 0
    page_base: int = 0
    page_bits: int = 0
    spare: list[int] = []


class ThreadImage(msgspec.Struct):
    """An M and its thread: what it is in the middle of.

    `frames` are the runtime's functions on its stacks, innermost first. `near` are descriptors
    whose address is in a register or near the top of a stack, each with where it was seen;
    `classes` are the span classes whose mcentral is, and `pages` the addresses of pages that are:
    they count while it is at the page heap. `message` is what it throws.
    """

    m: int
    thread: int
    p: int
    mallocing: int
    locks: int
    throwing: int
    dying: int = 0
    frames: list[str] = []
    near: dict[int, str] = {}
    classes: list[int] = []
    pages: list[int] = []
    message: str = ""


class ArenaImage(msgspec.Struct):
    """An arena: its index, the span map as runs, and which pages are in use or allocated.

    A run of the map is the first page, how many, and the descriptor. Bits are in hexadecimal, page
    0 in the lowest bit of the first byte; None where the version has no such bits.
    """

    index: int
    runs: list[tuple[int, int, int]]
    in_use: str | None = None
    allocated: str | None = None


class UnreadPart(msgspec.Struct):
    """Something that could not be read, because what leads to it is damaged."""

    rule: str
    what: str
    descriptor: int = 0


class Image(msgspec.Struct):
    """A heap at one moment.

    `central` has, by span class, the entries of each list or set: `nonempty`, `empty`, or
    `partial` and `full`, each followed by 0 and 1. `counters` are statistics by name,
    `allocated_by_class` and `freed_by_class` objects by size class. `bit_arenas` are those that
    hold bits, by age (`next`, `current`, `previous`, `free`). `unknown` says what was not read.
    """

    kind: str
    go: str
    source: str
    page_size: int
    pages_per_arena: int
    arena_offset: int
    states: dict[str, int]
    present: list[str]
    class_sizes: list[int]
    class_pages: list[int]
    sweepgen: int
    phase: int | None
    swept: bool | None
    sweepers: int
    heap_lock: int
    descriptors_capacity: int
    empty_span: int
    empty_span_bytes: str
    spans: list[SpanImage]
    procs: list[ProcImage]
    threads: list[ThreadImage]
    central_classes: list[int]
    central: list[dict[str, list[int]]]
    arenas: list[ArenaImage]
    counters: dict[str, int]
    allocated_by_class: list[int]
    freed_by_class: list[int]
    bit_arenas: dict[str, list[int]]
    specials: dict[int, list[tuple[int, int]]]
    broken: list[UnreadPart]
    unknown: list[str]
    panicking: int = 0
    partial: bool = False

    def page_of(self, address: int) -> tuple[int, int]:
        """Return the index of the arena that an address lies in, and its page there."""
        page = ((address + self.arena_offset) & M64) // self.page_size
        return divmod(page, self.pages_per_arena)


def with_span_sets(image: Image) -> bool:
    """Tell whether the central lists are span sets (from Go 1.15 on)."""
    return any("partial0" in one for one in image.central)
