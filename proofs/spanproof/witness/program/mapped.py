"""The files that a process has mapped: its program, plugins, and libraries that Go built."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from elftools.elf.elffile import ELFFile

from spanproof.witness.errors import WitnessError
from spanproof.witness.program.executable import BROKEN, Executable, read_executable

PAGE: Final = 1 << 12
DELETED: Final = " (deleted)"
OF_GO: Final = (".note.go.buildid", ".go.buildinfo", ".gopclntab")
VARIABLE: Final = "runtime.mheap_"


class Mapped(NamedTuple):
    """A part of a file that is mapped: addresses, offset in the file, and its name."""

    start: int
    end: int
    offset: int
    name: str


class Module(NamedTuple):
    """A file that Go built, and by how much it was moved when it was loaded."""

    executable: Executable
    slide: int


Finder = Callable[[str], Path]
"""Where the file of a mapped name can be read."""


def mapped_by(pid: int) -> tuple[Mapped, ...]:
    """Return what a process has mapped of files; nothing if it has ended, or it is not told."""
    try:
        lines = Path(f"/proc/{pid}/maps").read_text(errors="surrogateescape").splitlines()
    except OSError:
        return ()
    return tuple(mapped_in(lines))


def mapped_in(lines: Iterable[str]) -> Iterator[Mapped]:
    """Yield the mapped files that the lines of `/proc/PID/maps` tell of."""
    for line in lines:
        # address range, permissions, offset, device, inode, and the name, which may have blanks
        fields = line.split(None, 5)
        if len(fields) == 6 and fields[5].startswith("/"):
            start, _, end = fields[0].partition("-")
            yield Mapped(int(start, 16), int(end, 16), int(fields[2], 16), fields[5])


def file_in(pid: int) -> Finder:
    """Return where a process finds its files, which may be another root than ours."""
    return lambda name: Path(f"/proc/{pid}/root{name.removesuffix(DELETED)}")


def file_at(mapped: Iterable[Mapped], address: int | None) -> str | None:
    """Return the name of the file that is mapped at an address; None if none is."""
    if address is None:
        return None
    return next((one.name for one in mapped if one.start <= address < one.end), None)


def modules_of(mapped: Sequence[Mapped], where: Finder, entry: int | None) -> list[Module]:
    """Return the mapped files that Go built, as far as they can be read, each once.

    Not the program itself, which begins at `entry`: it is read by whoever looks at it.
    """
    program = file_at(mapped, entry)
    first: dict[str, Mapped] = {}
    for one in mapped:
        if one.name != program:
            first.setdefault(one.name, one)
    found = []
    for name, one in first.items():
        path = where(name)
        try:
            if is_of_go(path):
                executable = read_executable(path)
                found.append(Module(executable, slide_by(executable, one)))
        except (WitnessError, OSError):
            continue  # a file that is gone, or no whole one: its functions are not known
    return found


def is_of_go(path: Path) -> bool:
    """Tell whether a file has a section that only Go's linker makes.

    Raises: OSError.
    """
    try:
        with path.open("rb") as file:
            elf = ELFFile(file)
            return any(elf.get_section_by_name(name) is not None for name in OF_GO)
    except BROKEN:
        return False


def slide_by(executable: Executable, mapped: Mapped) -> int:
    """Return by how much a file was moved, by where a part of it is mapped."""
    for segment in executable.segments:
        if (
            segment.offset // PAGE
            <= mapped.offset // PAGE
            < (segment.offset + max(segment.file_size, 1) + PAGE - 1) // PAGE
        ):
            return mapped.start - (segment.address - segment.offset + mapped.offset)
    return 0


def with_a_heap(modules: Iterable[Module], program: Path) -> Module:
    """Return the one library of Go in a process whose program is not of Go.

    Raises: WitnessError if there is none, or more than one: each has a heap of its own.
    """
    found = [one for one in modules if VARIABLE in one.executable.symbols or one.executable.go]
    if not found:
        raise WitnessError(f"{program}: not a program that Go built, nor is a library of it")
    if len(found) > 1:
        names = ", ".join(str(one.executable.path) for one in found)
        raise WitnessError(
            f"{program}: {len(found)} libraries of Go, each with a heap of its own; name one of "
            f"them by --exe: {names}"
        )
    return found[0]
