"""The functions of a program without symbols, from the table that the runtime needs (pclntab).

Four forms are known, by their first word: those of Go 1.2 to 1.15, 1.16, 1.18, and 1.20 on.
"""

import struct
from collections.abc import Iterator
from typing import Final

from elftools.elf.elffile import ELFFile

SECTIONS: Final = (".gopclntab", ".data.rel.ro.gopclntab")

GO_1_2: Final = 0xFFFF_FFFB
GO_1_16: Final = 0xFFFF_FFFA
GO_1_18: Final = 0xFFFF_FFF0
GO_1_20: Final = 0xFFFF_FFF1

MOST_FUNCTIONS: Final = 1 << 22
LONGEST_NAME: Final = 1 << 10


def functions_of(elf: ELFFile) -> tuple[tuple[int, int, str], ...]:
    """Return the runtime's functions, by address and size; none where there is no table.

    Raises: struct.error or ValueError on a broken table.
    """
    section = next((s for s in map(elf.get_section_by_name, SECTIONS) if s is not None), None)
    text = elf.get_section_by_name(".text")
    if section is None or text is None:
        return ()
    data = section.data()
    every = list(entries(data, text["sh_addr"]))
    ends = [start for start, _ in every[1:]] + [text["sh_addr"] + text["sh_size"]]
    return tuple(
        (start, max(end - start, 0), name)
        for (start, name), end in zip(every, ends, strict=True)
        if name.startswith(("runtime.", "internal/runtime"))
    )


def entries(data: bytes, text: int) -> Iterator[tuple[int, str]]:
    """Yield address and name of each function, lowest first.

    Raises: struct.error; ValueError for a form that is not known.
    """
    magic, pointer = struct.unpack_from("<I", data)[0], data[7]
    if pointer != 8:
        raise ValueError("a table of functions that is not for 64 bits")
    count = struct.unpack_from("<Q", data, 8)[0]
    if count > MOST_FUNCTIONS:
        raise ValueError("a table with too many functions")
    if magic in (GO_1_18, GO_1_20):
        start, names, _, _, _, table = struct.unpack_from("<6Q", data, 24)
        start = start or text  # from Go 1.26 on it is not told
        for number in range(count):
            entry, at = struct.unpack_from("<2I", data, table + 8 * number)
            yield start + entry, name_at(data, names, table + at + 4)
    elif magic == GO_1_16:
        names, _, _, _, table = struct.unpack_from("<5Q", data, 24)
        for number in range(count):
            entry, at = struct.unpack_from("<2Q", data, table + 16 * number)
            yield entry, name_at(data, names, table + at + 8)
    elif magic == GO_1_2:
        for number in range(count):
            entry, at = struct.unpack_from("<2Q", data, 16 + 16 * number)
            yield entry, name_at(data, 0, at + 8)
    else:
        raise ValueError(f"a table of functions of the unknown form {magic:#x}")


def name_at(data: bytes, names: int, place: int) -> str:
    """Return the name that a function's record leads to."""
    at = names + struct.unpack_from("<i", data, place)[0]
    end = data.find(b"\0", at, at + LONGEST_NAME)
    return data[at : max(end, at)].decode("utf-8", "replace")
