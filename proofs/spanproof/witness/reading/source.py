"""Where an image comes from: a live process or a core, with the program that it runs."""

import time
from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, NamedTuple

from spanproof.witness.errors import Unreadable, WitnessError
from spanproof.witness.program.core import Core, CoreMemory, read_core
from spanproof.witness.program.executable import Executable, read_executable
from spanproof.witness.program.layout import Layout, layout_of
from spanproof.witness.program.locating import located
from spanproof.witness.program.mapped import (
    DELETED,
    Module,
    file_at,
    file_in,
    mapped_by,
    modules_of,
    with_a_heap,
)
from spanproof.witness.program.memory import CHUNK, Copied, Memory
from spanproof.witness.program.process import (
    Frozen,
    LiveMemory,
    Registers,
    entry_of,
    executable_of,
    memory_of,
    stopped,
    threads_of,
)
from spanproof.witness.reading.arenas import read_bit_arenas
from spanproof.witness.reading.image import Image
from spanproof.witness.reading.reader import Addresses
from spanproof.witness.reading.reader import Reader as HeapReader
from spanproof.witness.reading.reading import read_image
from spanproof.witness.reading.spans import descriptors
from spanproof.witness.reading.stacks import Functions, FunctionsOfFile
from spanproof.witness.reading.threads import read_threads

ATTEMPTS: Final = 6
"""How often a process is stopped for one image, until the copy has all that is to be read."""


class WitnessedProgram(NamedTuple):
    """A program with its layout, and where its variables are in memory."""

    executable: Executable
    layout: Layout
    addresses: Addresses
    functions: Functions


class StoppedImage(NamedTuple):
    """An image, and for how long the process stood still for it, in seconds."""

    image: Image
    stood_still: float


class Capture(NamedTuple):
    """What was copied while a process stood still, its registers, and what was read of it."""

    memory: Copied
    registers: dict[int, Registers]
    stop: StoppedImage


def placed(
    executable: Executable,
    layout: Layout,
    slide: int,
    memory: Memory,
    threads: AbstractSet[int],
    others: Iterable[Module] = (),
) -> WitnessedProgram:
    """Return a program at the place where it was loaded; `threads` are those that it has.

    Where it has no symbols, its variables are looked for in memory. `others` are the files of Go
    that the process has mapped: a plugin calls functions of the runtime that it has itself.

    Raises: WitnessError if they are not found.
    """
    at = {name: at + slide for name, at in executable.symbols.items()}
    machines: list[int] = []
    if "runtime.mheap_" not in at:
        at, machines = located(memory, executable, layout, slide, threads)
    modules = {one.slide: one.executable for one in others} | {slide: executable}
    functions = Functions(*(functions_in(one, at) for at, one in modules.items()))
    return WitnessedProgram(executable, layout, Addresses(at, tuple(machines)), functions)


def functions_in(executable: Executable, slide: int) -> FunctionsOfFile:
    """Return the functions of a file at the place where it was loaded."""
    stubs = tuple(range(one.address, one.address + one.size) for one in executable.stubs)
    return FunctionsOfFile(executable.functions, slide, executable.bytes_at, stubs)


def slide_of(executable: Executable, entry: int | None) -> int:
    """Return by how much a program was moved when it was loaded.

    Raises: WitnessError if that is not known.
    """
    if entry is None:
        if executable.movable:
            raise WitnessError(
                f"{executable.path}: position-independent, and where it was loaded is not told"
            )
        return 0
    slide = entry - executable.entry
    if slide and not executable.movable:
        raise WitnessError(
            f"{executable.path}: not the program that ran: it begins at {executable.entry:#x}, "
            f"the program at {entry:#x}"
        )
    return slide


def program_among(
    modules: Sequence[Module], program: Path, exe: Path | None, entry: int | None
) -> Module:
    """Return the file whose runtime is looked at: the program, or a library of Go in another one.

    `exe` names it, if it is given: another copy of the program, or of what is mapped.

    Raises: WitnessError if there is none, or it is not known which; OSError.
    """
    if exe is not None:
        named = read_executable(exe)
        ids = set(named.build_ids.values())
        for one in modules:
            if ids and ids == set(one.executable.build_ids.values()):
                return Module(named, one.slide)
        return Module(named, slide_of(named, entry))
    try:
        found = read_executable(program)
    except WitnessError as problem:
        if not modules:
            raise problem
        return with_a_heap(modules, program)
    return Module(found, slide_of(found, entry))


def check_build_id(executable: Executable, memory: Memory, slide: int) -> bool:
    """Require that memory has the build id of a program; tell whether it has any.

    Raises: WitnessError if it has another.
    """
    told = False
    for at, expected in executable.build_ids.items():
        try:
            seen = memory.read(at + slide, len(expected))
        except Unreadable:
            continue
        told = True
        if seen != expected:
            raise WitnessError(f"{executable.path}: not the program that ran: its build id differs")
    return told


def image_of(
    memory: Memory, program: WitnessedProgram, registers: dict[int, Registers], source: str
) -> Image:
    """Read the heap and the threads.

    Raises: WitnessError; Unreadable for memory that was not copied.
    """
    image = read_image(memory, program.layout, program.addresses, source)
    known = frozenset(span.descriptor for span in image.spans)
    image.threads = read_threads(
        memory,
        program.layout,
        program.addresses,
        program.functions,
        registers,
        known,
        heap_of(image),
    )
    return image


def heap_of(image: Image) -> range:
    """Return the addresses of the pages of a heap, from its lowest arena to its highest."""
    indices = [arena.index for arena in image.arenas]
    if not indices:
        return range(0)
    unit = image.page_size * image.pages_per_arena
    offset = image.arena_offset - (image.arena_offset >> 63 << 64)
    return range(min(indices) * unit - offset, (max(indices) + 1) * unit - offset, image.page_size)


# --- a live process -------------------------------------------------------------------------------


def modules_of_process(pid: int, exe: Path | None) -> tuple[Module, list[Module]]:
    """Return the file whose runtime is looked at, and all files of Go that a process has mapped.

    Raises: WitnessError; OSError.
    """
    entry = entry_of(pid)
    modules = modules_of(mapped_by(pid), file_in(pid), entry)
    return program_among(modules, executable_of(pid), exe, entry), modules


class Attached:
    """A live process that is stopped now and then."""

    def __init__(self, pid: int, exe: Path | None, donor: Path | None) -> None:
        self.pid = pid
        (executable, slide), modules = modules_of_process(pid, exe)
        layout, _ = layout_of(executable, donor)
        with memory_of(pid) as memory:
            check_build_id(executable, memory, slide)
            threads = frozenset(threads_of(pid))
            self.program = placed(executable, layout, slide, memory, threads, modules)
        self._wanted: set[int] = set()

    def rehearse(self) -> None:
        """Read the heap while it runs, to know what is to be copied; the result is worth nothing.

        Raises: WitnessError if the process cannot be read.
        """
        with memory_of(self.pid) as memory:
            # It changes while it is read.
            with suppress(WitnessError, Unreadable):
                image_of(memory, self.program, {}, "")
            self._wanted |= memory.chunks.keys()

    def take(self) -> StoppedImage:
        """Stop the process, copy what is to be read, let it go on, and read the copy.

        Raises: WitnessError.
        """
        return self.copied().stop

    def copied(self) -> "Capture":
        """Stop the process, and return what was copied beside what was read of it.

        Raises: WitnessError.
        """
        if not self._wanted:
            self.rehearse()
        source = f"process {self.pid}"
        for attempt in range(ATTEMPTS):
            last = attempt == ATTEMPTS - 1
            with stopped(self.pid) as frozen:
                started = time.perf_counter()
                self._copy(frozen)
                if last:
                    image = image_of(frozen.memory, self.program, frozen.registers, source)
                took = time.perf_counter() - started
            copy = Copied(frozen.memory.chunks, frozen.memory.holes)
            if last:
                return Capture(copy, frozen.registers, StoppedImage(image, took))
            try:
                image = image_of(copy, self.program, frozen.registers, source)
                return Capture(copy, frozen.registers, StoppedImage(image, took))
            except Unreadable:
                self._wanted |= copy.missing
        raise AssertionError("the last attempt returns")

    def _copy(self, frozen: Frozen) -> None:
        """Copy what was read before, and what is likely to be new."""
        memory, program = frozen.memory, self.program
        for index in self._wanted:
            memory.load(index)
        try:
            reader = HeapReader(memory, program.layout, program.addresses)
            size = max(program.layout.size("mspan"), 1)
            listed, _ = descriptors(reader)
            fresh = {at // CHUNK for at in listed}
            fresh |= {(at + size - 1) // CHUNK for at in listed}
            for arenas in read_bit_arenas(reader).values():
                for at in arenas:
                    fresh |= {at // CHUNK, (at + CHUNK - 1) // CHUNK}
            for index in fresh - memory.chunks.keys():
                memory.load(index)
            read_threads(
                memory,
                program.layout,
                program.addresses,
                program.functions,
                frozen.registers,
                frozenset(),
                range(0),
            )
        except (WitnessError, Unreadable):
            # Reading the copy says what is wrong.
            pass


# --- a core ---------------------------------------------------------------------------------------


def program_of(core: Core, exe: Path | None) -> Path:
    """Return the file of the program that left a core.

    Raises: WitnessError if the core does not tell, or the file is gone.
    """
    if exe is not None:
        return exe
    name = file_at(core.mapped, core.entry)
    if name is None:
        raise WitnessError(f"{core.path}: the core does not name its program; name it by --exe")
    path = Path(name.removesuffix(DELETED))
    if not path.is_file():
        raise WitnessError(f"{path}: the program that left the core is gone; name it by --exe")
    return path


def modules_of_core(core: Core, exe: Path | None) -> tuple[Module, list[Module]]:
    """Return the file whose runtime is looked at, and all files of Go that a core names.

    Raises: WitnessError; OSError.
    """
    modules = modules_of(core.mapped, lambda name: Path(name.removesuffix(DELETED)), core.entry)
    return program_among(modules, program_of(core, exe), exe, core.entry), modules


@contextmanager
def opened_core(
    path: Path, exe: Path | None, donor: Path | None
) -> Iterator[tuple[CoreMemory, WitnessedProgram, Core, bool]]:
    """Open a core: its memory, the program, and whether its build id could be compared.

    Raises: WitnessError; OSError.
    """
    core = read_core(path)
    (executable, slide), modules = modules_of_core(core, exe)
    layout, _ = layout_of(executable, donor)
    memory = CoreMemory(core, executable, slide)
    try:
        told = CoreOnly(core, executable, slide).build_id_fits()
        program = placed(executable, layout, slide, memory, core.registers.keys(), modules)
        yield memory, program, core, told
    finally:
        memory.close()


class CoreOnly(CoreMemory):
    """The memory that the core itself has, without what the executable lends."""

    def fetch(self, address: int, size: int) -> bytes:
        """Return bytes of the core."""
        start = address
        for low, in_file, _, _ in self._core.pieces:
            if low <= start < low + in_file:
                return self._piece(start, min(size, low + in_file - start))
        return b""

    def build_id_fits(self) -> bool:
        """Require that the core has the build id of the program; tell whether it has any.

        Raises: WitnessError.
        """
        try:
            return check_build_id(self._program, self, self._slide)
        finally:
            self.close()


def image_of_core(path: Path, exe: Path | None, donor: Path | None) -> Image:
    """Read the heap that a core has.

    Raises: WitnessError; OSError.
    """
    with opened_core(path, exe, donor) as (memory, program, core, told):
        try:
            image = image_of(memory, program, core.registers, f"core {path}")
        except Unreadable as problem:
            raise WitnessError(f"{path}: {problem}") from None
        if not told:
            image.unknown.append("whether the executable is the one that ran: no build id in it")
        return image


__all__ = [
    "Attached",
    "LiveMemory",
    "StoppedImage",
    "WitnessedProgram",
    "image_of",
    "image_of_core",
    "opened_core",
]
