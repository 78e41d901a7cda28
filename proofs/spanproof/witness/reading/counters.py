"""Reading class tables and statistics."""

from spanproof.witness.errors import Unreadable
from spanproof.witness.program.layout import CLASS_TABLES
from spanproof.witness.reading.image import Image
from spanproof.witness.reading.reader import Reader


def read_classes(reader: Reader) -> tuple[list[int], list[int]]:
    """Return the sizes and pages of the classes: the process's own, or those of the file."""
    count = reader.layout.need("mcache", "alloc").length // 2
    for size_name, pages_name in CLASS_TABLES:
        sizes_at, pages_at = (
            reader.addresses.at.get(size_name),
            reader.addresses.at.get(pages_name),
        )
        if sizes_at is not None and pages_at is not None:
            try:
                sizes = memoryview(reader.memory.read(sizes_at, 2 * count)).cast("H")
                return list(sizes), list(reader.memory.read(pages_at, count))
            except Unreadable as problem:
                if problem.missing:
                    raise
    return list(reader.layout.class_sizes), list(reader.layout.class_pages)


def read_counters(reader: Reader, image: Image) -> None:
    """Add the statistics to an image."""
    used = reader.heap_value("pagesInUse")
    if used is not None:
        image.counters["pagesInUse"] = used
    at, base = reader.addresses.get("memstats"), reader.layout.field("mstats", "heapStats")
    parts = reader.layout.field("consistentHeapStats", "stats")
    delta = reader.layout.types.structs.get("runtime.heapStatsDelta", {})
    if base is None or parts is None or not delta:
        reader.unknown.append("statistics of objects: this version keeps them otherwise")
        return
    if at is None:
        reader.unknown.append("statistics of objects: runtime.memstats is not found")
        return
    with reader.attempt("I-29", "memstats.heapStats cannot be read"):
        starts = [at + base.offset + parts.stride * n for n in range(parts.length)]
        for name, field in delta.items():
            if field.size == 8:
                total = sum(reader.value(start, field) for start in starts)
                image.counters[name] = total & 0xFFFF_FFFF_FFFF_FFFF
        for name, into in (
            ("smallAllocCount", image.allocated_by_class),
            ("smallFreeCount", image.freed_by_class),
        ):
            columns = [
                reader.memory.words(s + delta[name].offset, delta[name].length) for s in starts
            ]
            into += (sum(column) & 0xFFFF_FFFF_FFFF_FFFF for column in zip(*columns, strict=True))
