"""Reading an image of the heap out of memory, by a layout: all its parts, one after the other."""

from typing import Final

from spanproof.witness.errors import Unreadable, WitnessError
from spanproof.witness.program.layout import Layout
from spanproof.witness.program.memory import Memory
from spanproof.witness.reading.arenas import offset_of_arenas, read_arenas, read_bit_arenas
from spanproof.witness.reading.central import read_central
from spanproof.witness.reading.counters import read_classes, read_counters
from spanproof.witness.reading.image import KIND, Image
from spanproof.witness.reading.procs import read_procs
from spanproof.witness.reading.reader import Addresses, Reader
from spanproof.witness.reading.spans import SPAN_FIELDS, descriptors, read_spans, read_specials

FEW: Final = 1024
"""Entries that a set may have beyond two for each span: one may be left over."""


def read_image(memory: Memory, layout: Layout, addresses: Addresses, source: str) -> Image:
    """Read the heap; the threads are left to who knows their registers.

    Raises: WitnessError if the layout does not fit; Unreadable for memory that was not copied.
    """
    reader = Reader(memory, layout, addresses)
    states = {
        name: layout.constant(name, 1 << 8)
        for name in ("mSpanDead", "mSpanInUse", "mSpanManual", "mSpanFree", "_MSpanFree")
        if f"runtime.{name}" in layout.types.constants
    }
    pages = layout.constant("pagesPerArena", 8192)
    try:
        listed, capacity = descriptors(reader)
        reader.most_listed = 2 * len(listed) + FEW
        sweepgen = reader.heap_value("sweepgen")
        lock = reader.heap_value("lock.key", "lock")
        empty = addresses.get("emptymspan")
        phase_at, sweep_at = addresses.get("gcphase"), addresses.get("sweep")
        state = layout.field("sweepdata", "active.state")
        sweeping = None
        if sweep_at is not None and state is not None:
            sweeping = reader.value(sweep_at, state)
        phase = None if phase_at is None else memory.number(phase_at, 4)
        image = Image(
            kind=KIND,
            go=layout.go,
            source=source,
            page_size=layout.constant("_PageSize", 8192),
            pages_per_arena=pages,
            arena_offset=offset_of_arenas(layout),
            states=states,
            present=[name for name in SPAN_FIELDS if layout.field("mspan", name) is not None],
            class_sizes=[],
            class_pages=[],
            sweepgen=sweepgen or 0,
            phase=phase,
            swept=None,
            sweepers=0,
            heap_lock=lock or 0,
            descriptors_capacity=capacity,
            empty_span=empty or 0,
            empty_span_bytes="",
            spans=[],
            procs=[],
            threads=[],
            central_classes=[],
            central=[],
            arenas=[],
            counters={},
            allocated_by_class=[],
            freed_by_class=[],
            bit_arenas={},
            specials={},
            broken=reader.broken,
            unknown=reader.unknown,
        )
        if phase is None:
            reader.unknown.append("the collector's phase: runtime.gcphase is not found")
        if sweeping is not None:
            drained = layout.constant("sweepDrainedMask", 1 << 31)
            image.swept, image.sweepers = bool(sweeping & drained), sweeping & ~drained
        if empty:
            image.empty_span_bytes = memory.read(empty, layout.size("mspan")).hex()
        panicking = addresses.get("panicking")
        image.panicking = 0 if panicking is None else memory.number(panicking, 4)
        image.class_sizes, image.class_pages = read_classes(reader)
        image.spans = read_spans(reader, listed, layout.constant("mSpanInUse", 1))
        if any(span.user_arena for span in image.spans):
            reader.unknown.append(
                "user arenas, and sums over all spans: the program has user arenas"
            )
        image.specials = read_specials(reader, image.spans)
        image.procs = read_procs(reader)
        image.central_classes, image.central = read_central(reader)
        image.arenas = read_arenas(reader, pages)
        image.bit_arenas = read_bit_arenas(reader)
        read_counters(reader, image)
    except Unreadable as problem:
        if problem.missing:
            raise
        raise WitnessError(f"the heap cannot be read: {problem}; does the file fit?") from None
    return image
