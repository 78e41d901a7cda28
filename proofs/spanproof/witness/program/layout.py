"""The layout of a program's runtime: structures, constants, and where its variables are.

All of it comes from the program, or from a donor: another one, built by the same Go and not
stripped. Nothing is known of versions.
"""

import hashlib
from pathlib import Path
from typing import Final

import msgspec
from elftools.elf.elffile import ELFFile

from spanproof.support.files import savedfile
from spanproof.support.files.folders import cache_folder
from spanproof.witness.errors import WitnessError
from spanproof.witness.program.dwarf import Field, Types, read_types
from spanproof.witness.program.executable import BROKEN, Executable
from spanspec.base.words import M64

FORMAT: Final = 1
"""Raised when what is kept of a layout changes its form or meaning."""

NO_FIELD: Final = Field(0, 0)

CLASS_TABLES: Final = (
    ("runtime.class_to_size", "runtime.class_to_allocnpages"),
    ("internal/runtime/gc.SizeClassToSize", "internal/runtime/gc.SizeClassToNPages"),
)
"""Where versions keep the sizes (16 bits each) and pages (8 bits each) of the classes."""


class Layout(msgspec.Struct, frozen=True):
    """Structures, constants, and the tables of size classes as they stand in the file.

    `sizes` and `pages` of the classes are empty where a stripped file does not tell its tables.
    """

    go: str
    types: Types
    class_sizes: tuple[int, ...]
    class_pages: tuple[int, ...]

    def field(self, struct: str, *paths: str) -> Field | None:
        """Return the first of some fields that a structure of the runtime has."""
        known = self.types.structs.get(f"runtime.{struct}", {})
        for path in paths:
            if path in known:
                return known[path]
        return None

    def need(self, struct: str, *paths: str) -> Field:
        """Return a field without which nothing can be read.

        Raises: WitnessError if there is none.
        """
        found = self.field(struct, *paths)
        if found is None:
            raise WitnessError(
                f"this program's runtime.{struct} has no field {' or '.join(paths)}: "
                "its Go is older or newer than what can be read"
            )
        return found

    def size(self, struct: str) -> int:
        """Return the bytes of a structure; 0 if it is unknown."""
        return self.types.sizes.get(f"runtime.{struct}", 0)

    def constant(self, name: str, default: int) -> int:
        """Return a constant of the runtime, as an unsigned number; `default` if it has none."""
        return self.types.constants.get(f"runtime.{name}", default) & M64


class KeptLayout(msgspec.Struct, frozen=True):
    """A layout as it is kept from run to run."""

    format: int
    layout: Layout


def read_layout(program: Executable) -> Layout:
    """Read the layout from debug information, or from what was kept of the same file.

    Raises: WitnessError if there is none; OSError.
    """
    if not program.dwarf:
        raise stripped(program)
    digest = hashlib.sha256(program.path.read_bytes()).hexdigest()
    place = cache_folder() / "layouts" / f"{digest}.json"
    try:
        kept = msgspec.json.decode(place.read_bytes(), type=KeptLayout)
        if kept.format == FORMAT:
            return kept.layout
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        pass
    with program.path.open("rb") as file:
        try:
            types = read_types(ELFFile(file))
        except BROKEN as problem:
            raise WitnessError(
                f"{program.path}: its debug information cannot be read ({problem})"
            ) from None
    if "runtime.mspan" not in types.structs:
        # That of what is linked from C may be all that is left of it.
        raise stripped(program)
    sizes, pages = class_tables(program, types)
    layout = Layout(program.go, types, sizes, pages)
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        savedfile.write(KeptLayout(FORMAT, layout), place)
    except OSError:
        pass
    return layout


def stripped(program: Executable) -> WitnessError:
    """Return the error of a program whose own debug information is gone."""
    return WitnessError(
        f"{program.path}: stripped of its debug information; name an unstripped program that "
        f"was built by the same Go ({program.go or 'unknown'}) with --layout-from, "
        "or --layout-from go to have one built"
    )


def class_tables(program: Executable, types: Types) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return sizes and pages of the size classes, as the file of a program has them."""
    slots = types.structs.get("runtime.mcache", {}).get("alloc", NO_FIELD).length
    for size_name, pages_name in CLASS_TABLES:
        if size_name in program.symbols and pages_name in program.symbols:
            sizes = program.bytes_at(program.symbols[size_name], slots)
            pages = program.bytes_at(program.symbols[pages_name], slots // 2)
            if len(sizes) == slots and len(pages) == slots // 2:
                return tuple(memoryview(sizes).cast("H")), tuple(pages)
    return (), ()


def release_of(version: str) -> tuple[str, ...]:
    """Return the release that a version belongs to: corrections of one release share their layout.

    Whether they do is seen from the heap, too: a layout that does not fit is refused.
    """
    return tuple(version.split()[0].split(".")[:2])


def layout_of(program: Executable, donor: Path | None) -> tuple[Layout, Executable]:
    """Return the layout that fits a program, and the file that it comes from.

    Raises: WitnessError if neither tells it, or the donor was built by another Go; OSError.
    """
    from spanproof.witness.program.executable import read_executable

    if donor is None:
        return read_layout(program), program
    lender = read_executable(donor)
    if program.go and lender.go and release_of(program.go) != release_of(lender.go):
        raise WitnessError(
            f"{donor}: built by {lender.go}, but {program.path} by {program.go}; "
            "a donor has to be built by the same Go"
        )
    return read_layout(lender), lender
