"""A core file: the memory and the registers of a process that died, or that was dumped."""

import struct
from bisect import bisect_right
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

from elftools.elf.elffile import ELFFile

from spanproof.witness.errors import WitnessError
from spanproof.witness.program.executable import BROKEN, Executable
from spanproof.witness.program.mapped import Mapped
from spanproof.witness.program.memory import Memory
from spanproof.witness.program.process import REGISTERS, Registers, entry_in, registers_of

NT_PRSTATUS: Final = 1
NT_AUXV: Final = 6
NT_FILE: Final = 0x4649_4C45
ET_CORE: Final = "ET_CORE"


class Core(NamedTuple):
    """What a core tells beside memory.

    `pieces` are address, bytes in the core, bytes in memory and offset in the core of each segment.
    """

    path: Path
    registers: dict[int, Registers]
    entry: int | None
    mapped: tuple[Mapped, ...]
    pieces: tuple[tuple[int, int, int, int], ...]


def is_core(path: Path) -> bool:
    """Tell whether a file says that it is a core; OSError if it cannot be read."""
    with path.open("rb") as file:
        head = file.read(18)
    return head[:4] == b"\x7fELF" and head[16:18] == b"\x04\x00"


def read_core(path: Path) -> Core:
    """Read what a core tells.

    Raises: WitnessError if it is no core of linux/amd64; OSError.
    """
    with path.open("rb") as file:
        try:
            elf = ELFFile(file)
            if elf["e_type"] != ET_CORE or elf["e_machine"] != "EM_X86_64":
                raise WitnessError(f"{path}: no core file of linux/amd64")
            pieces, registers, entry, mapped = [], dict[int, Registers](), None, list[Mapped]()
            for segment in elf.iter_segments():
                if segment["p_type"] == "PT_LOAD":
                    pieces.append(
                        (
                            segment["p_vaddr"],
                            segment["p_filesz"],
                            segment["p_memsz"],
                            segment["p_offset"],
                        )
                    )
                elif segment["p_type"] == "PT_NOTE":
                    file.seek(segment["p_offset"])
                    for kind, data in notes(file.read(segment["p_filesz"])):
                        if kind == NT_PRSTATUS and len(data) >= 112 + 8 * REGISTERS:
                            thread = struct.unpack_from("<i", data, 32)[0]
                            words = struct.unpack_from(f"<{REGISTERS}Q", data, 112)
                            registers[thread] = registers_of(words)
                        elif kind == NT_AUXV:
                            entry = entry_in(data)
                        elif kind == NT_FILE:
                            mapped += mapped_files(data)
        except BROKEN as problem:
            raise WitnessError(f"{path}: a core that is not whole ({problem})") from None
    if not pieces:
        raise WitnessError(f"{path}: a core without memory")
    whole, size = max(offset + in_file for _, in_file, _, offset in pieces), path.stat().st_size
    if size < whole:
        # What is missing would look like damage.
        raise WitnessError(f"{path}: the core is cut off: {size} of {whole} bytes are there")
    return Core(path, registers, entry, tuple(mapped), tuple(sorted(pieces)))


def notes(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield kind and content of the kernel's notes."""
    at = 0
    while at + 12 <= len(data):
        name_size, size, kind = struct.unpack_from("<III", data, at)
        start = at + 12 + (name_size + 3 & ~3)
        if data[at + 12 : at + 16] == b"CORE":
            yield kind, data[start : start + size]
        at = start + (size + 3 & ~3)


def mapped_files(data: bytes) -> Iterator[Mapped]:
    """Yield the mapped files of a note."""
    count, unit = struct.unpack_from("<QQ", data)
    names = data[16 + 24 * count :].split(b"\0")
    for number in range(count):
        start, end, offset = struct.unpack_from("<QQQ", data, 16 + 24 * number)
        yield Mapped(start, end, offset * unit, names[number].decode("utf-8", "replace"))


class CoreMemory(Memory):
    """The memory in a core; what the kernel left out is taken from the executable.

    The kernel leaves out what is mapped from a file and was not written. Only the program itself
    is read for it, at the addresses that it has with this slide.
    """

    def __init__(self, core: Core, program: Executable, slide: int) -> None:
        super().__init__()
        self._core = core
        self._program = program
        self._slide = slide
        self._starts = [piece[0] for piece in core.pieces]
        self._file: BinaryIO = core.path.open("rb")

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def fetch(self, address: int, size: int) -> bytes:
        """Return bytes at an address, fewer or none where the core has no memory."""
        found = b""
        while len(found) < size:
            piece = self._piece(address + len(found), size - len(found))
            if not piece:
                break
            found += piece
        return found

    def _piece(self, address: int, size: int) -> bytes:
        number = bisect_right(self._starts, address) - 1
        if number < 0:
            return b""
        start, in_file, in_memory, offset = self._core.pieces[number]
        inside = address - start
        if inside < in_file:
            self._file.seek(offset + inside)
            return self._file.read(min(size, in_file - inside))
        if inside < in_memory:
            return self._program.bytes_at(address - self._slide, min(size, in_memory - inside))
        return b""
