"""Reading the Ps, each with its mcache and page cache."""

from typing import Final

from spanproof.witness.program.dwarf import Field
from spanproof.witness.program.layout import Layout
from spanproof.witness.reading.image import ProcImage
from spanproof.witness.reading.reader import Reader

MOST_PROCS: Final = 1 << 14
"""More Ps come from a damaged count."""


def read_procs(reader: Reader) -> list[ProcImage]:
    """Return the Ps, with their mcaches."""
    layout, at = reader.layout, reader.addresses.get("allp")
    if at is None:
        reader.unknown.append("Ps and their caches: runtime.allp is not found")
        return []
    found: list[ProcImage] = []
    with reader.attempt("MC-1", "runtime.allp cannot be read"):
        array, length, _ = reader.slice_of(at, Field(0, 24), MOST_PROCS)
        for number, address in enumerate(reader.memory.words(array, length)):
            if address:
                with reader.attempt("MC-1", f"P {number} at {address:#x} cannot be read"):
                    found.append(read_proc(reader, layout, address))
    if not found:
        reader.unknown.append("Ps and their caches, and what depends on them: there is none")
    return found


def read_proc(reader: Reader, layout: Layout, at: int) -> ProcImage:
    """Return one P.

    Raises: Unreadable.
    """
    mcache = reader.value(at, layout.need("p", "mcache"))
    slots: list[int] = []
    proc = ProcImage(
        id=reader.value(at, layout.need("p", "id")),
        status=reader.value(at, layout.need("p", "status")),
        m=reader.value(at, layout.need("p", "m")),
        mcache=mcache,
        slots=slots,
    )
    base, bits = layout.field("p", "pcache.base"), layout.field("p", "pcache.cache")
    if base is not None and bits is not None:
        proc.page_base, proc.page_bits = reader.value(at, base), reader.value(at, bits)
    count, buffer = layout.field("p", "mspancache.len"), layout.field("p", "mspancache.buf")
    if count is not None and buffer is not None:
        number = min(reader.value(at, count), buffer.length)
        proc.spare = list(reader.memory.words(at + buffer.offset, number))
    if not mcache:
        return proc
    alloc = layout.need("mcache", "alloc")
    slots += reader.memory.words(mcache + alloc.offset, alloc.length)
    proc.tiny = reader.value(mcache, layout.need("mcache", "tiny"))
    proc.tiny_offset = reader.value(mcache, layout.need("mcache", "tinyoffset"))
    flush = layout.field("mcache", "flushGen")
    proc.flush_gen = None if flush is None else reader.value(mcache, flush)
    return proc
