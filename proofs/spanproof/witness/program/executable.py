"""An ELF executable: where it is loaded, its symbols, its build id, and which Go built it."""

import re
import struct
import zlib
from pathlib import Path
from typing import Final, NamedTuple

from elftools.common.exceptions import DWARFError, ELFError
from elftools.construct import ConstructError
from elftools.elf.elffile import ELFFile

from spanproof.witness.errors import WitnessError
from spanproof.witness.program.pclntab import functions_of

MAGIC_OF_BUILD_INFO: Final = b"\xff Go buildinf:"
NT_GO_BUILD_ID: Final = 4
NT_GNU_BUILD_ID: Final = 3
WRITABLE_AND_LOADED: Final = 3
STT_FUNC: Final = 2

BROKEN: Final = (
    ELFError,
    DWARFError,
    ConstructError,
    zlib.error,
    ArithmeticError,
    RecursionError,
    NotImplementedError,
    struct.error,
    ValueError,
    KeyError,
    IndexError,
    TypeError,
    AttributeError,
    AssertionError,
    UnicodeError,
    EOFError,
    MemoryError,
)
"""What a library for well-formed files raises on others."""


class Segment(NamedTuple):
    """What is loaded: its address, and how many bytes of the file, and where in it."""

    address: int
    file_size: int
    offset: int


class Section(NamedTuple):
    """A section: its address and size."""

    name: str
    address: int
    size: int


class Executable(NamedTuple):
    """What an executable tells before any of its memory is read.

    `build_ids` are the notes with build ids, by address and as bytes. `symbols` are those of the
    runtime, `functions` its functions by address, `stubs` the sections through which functions of
    other files are called. `dwarf` tells whether there is debug information.
    """

    path: Path
    entry: int
    movable: bool
    segments: tuple[Segment, ...]
    writable: tuple[Section, ...]
    build_ids: dict[int, bytes]
    go: str
    symbols: dict[str, int]
    functions: tuple[tuple[int, int, str], ...]
    stubs: tuple[Section, ...]
    dwarf: bool

    def bytes_at(self, address: int, size: int) -> bytes:
        """Return bytes as they stand in the file; fewer where the file has none."""
        for segment in self.segments:
            inside = address - segment.address
            if 0 <= inside < segment.file_size:
                with self.path.open("rb") as file:
                    file.seek(segment.offset + inside)
                    return file.read(min(size, segment.file_size - inside))
        return b""


def read_executable(path: Path) -> Executable:
    """Read what an executable tells.

    Raises: WitnessError if it is not one for linux/amd64, or not of Go; OSError.
    """
    with path.open("rb") as file:
        try:
            elf = ELFFile(file)
            machine = elf["e_machine"]
            found = from_elf(path, elf) if machine == "EM_X86_64" else None
        except BROKEN as problem:
            raise WitnessError(f"{path}: not a whole ELF executable ({problem})") from None
    if found is None:
        raise WitnessError(f"{path}: an executable for {machine}; only linux/amd64 can be read")
    if not found.go and "runtime.mheap_" not in found.symbols:
        raise WitnessError(f"{path}: not a program that Go built")
    return found


def from_elf(path: Path, elf: ELFFile) -> Executable:
    """Return what an ELF file tells; whatever pyelftools raises on a broken one escapes."""
    symbols, functions = read_symbols(elf)
    names = {section.name for section in elf.iter_sections()}
    segments = tuple(
        Segment(one["p_vaddr"], one["p_filesz"], one["p_offset"])
        for one in elf.iter_segments()
        if one["p_type"] == "PT_LOAD"
    )
    writable = tuple(
        Section(one.name, one["sh_addr"], one["sh_size"])
        for one in elf.iter_sections()
        if one["sh_flags"] & WRITABLE_AND_LOADED == WRITABLE_AND_LOADED
        and one.name in (".data", ".noptrdata", ".bss", ".noptrbss")
    )
    return Executable(
        path=path,
        entry=elf["e_entry"],
        movable=elf["e_type"] == "ET_DYN",
        segments=segments,
        writable=writable,
        build_ids=read_build_ids(elf),
        go=go_version(path),
        symbols=symbols,
        functions=functions,
        stubs=tuple(
            Section(one.name, one["sh_addr"], one["sh_size"])
            for one in elf.iter_sections()
            if one.name.startswith(".plt")
        ),
        dwarf=bool(names & {".debug_info", ".zdebug_info"}),
    )


def read_build_ids(elf: ELFFile) -> dict[int, bytes]:
    """Return the build ids of the linker and of Go, each with the address of its bytes."""
    found = {}
    for section in elf.iter_sections():
        if section["sh_type"] != "SHT_NOTE" or not section["sh_addr"]:
            continue
        data, at = section.data(), 0
        while at + 12 <= len(data):
            name_size, size, kind = struct.unpack_from("<III", data, at)
            start = at + 12 + (name_size + 3 & ~3)
            owner = data[at + 12 : at + 12 + name_size].rstrip(b"\0")
            if (owner, kind) in ((b"Go", NT_GO_BUILD_ID), (b"GNU", NT_GNU_BUILD_ID)):
                found[section["sh_addr"] + start] = data[start : start + size]
            at = start + (size + 3 & ~3)
    return found


def read_symbols(elf: ELFFile) -> tuple[dict[str, int], tuple[tuple[int, int, str], ...]]:
    """Return the addresses of the runtime's symbols, and its functions by address and size."""
    table = elf.get_section_by_name(".symtab")
    if table is None:
        return {}, functions_of(elf)
    data, names = table.data(), elf.get_section(table["sh_link"]).data()
    symbols: dict[str, int] = {}
    functions = []
    for name_at, info, _, section, value, size in struct.iter_unpack(
        "<IBBHQQ", data[: len(data) // 24 * 24]
    ):
        if section == 0 or not names.startswith((b"runtime.", b"internal/runtime"), name_at):
            continue
        name = names[name_at : names.index(b"\0", name_at)].decode("utf-8", "replace")
        symbols[name] = value
        if info & 15 == STT_FUNC:
            functions.append((value, size, name))
    return symbols, tuple(sorted(functions))


def go_version(path: Path) -> str:
    """Return the version that the build information of a Go program names; "" if none is found.

    From 1.18 on it stands there itself; before, behind a pointer, and the string is searched for.
    """
    data = path.read_bytes()
    at = data.find(MAGIC_OF_BUILD_INFO)
    if at >= 0 and len(data) > at + 33 and data[at + 15] & 2:
        size = data[at + 32]
        return data[at + 33 : at + 33 + size].decode("utf-8", "replace")
    found = re.search(rb"go1\.\d+(\.\d+)?(rc\d+|beta\d+)?(?=[^\d.])", data) if at >= 0 else None
    return found.group().decode() if found else ""
