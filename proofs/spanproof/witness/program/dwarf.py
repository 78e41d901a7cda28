"""The runtime's types and constants, from a program's own debug information."""

from collections.abc import Iterator
from typing import Final, NamedTuple

from elftools.dwarf.compileunit import CompileUnit
from elftools.dwarf.die import DIE
from elftools.elf.elffile import ELFFile

STRUCTS: Final = frozenset(
    f"runtime.{name}"
    for name in (
        "consistentHeapStats",
        "g",
        "gcBitsArena",
        "gobuf",
        "heapArena",
        "heapStatsDelta",
        "m",
        "mSpanList",
        "mcache",
        "mcentral",
        "mheap",
        "mspan",
        "mstats",
        "p",
        "pageAlloc",
        "pageCache",
        "pallocData",
        "spanSet",
        "spanSetBlock",
        "special",
        "sweepdata",
    )
)
"""The structures that are read."""

UNITS: Final = (b"runtime", b"internal/runtime/gc")
"""The compilation units that define them, and constants."""

DEPTH: Final = 6
"""How deep structures are nested in structures, at most."""


class Field(NamedTuple):
    """A field: offset and size in bytes; of an array also the number and size of its elements."""

    offset: int
    size: int
    length: int = 0
    stride: int = 0


class Types(NamedTuple):
    """Structures by name, each with its fields by path (`a.b`, `array[].b`); sizes; constants."""

    structs: dict[str, dict[str, Field]]
    sizes: dict[str, int]
    constants: dict[str, int]


def read_types(elf: ELFFile) -> Types:
    """Read the types of the runtime; whatever pyelftools raises on a broken file escapes."""
    types = Types({}, {}, {})
    for unit in elf.get_dwarf_info().iter_CUs():
        if attribute(unit.get_top_DIE(), "DW_AT_name") in UNITS:
            read_unit(unit, types)
    return types


def attribute(die: DIE, name: str) -> object:
    """Return the value of an attribute, or None."""
    found = die.attributes.get(name)
    return None if found is None else found.value


def name_of(die: DIE) -> str:
    """Return the name of a DIE, or ""."""
    name = attribute(die, "DW_AT_name")
    return name.decode("utf-8", "replace") if isinstance(name, bytes) else ""


def read_unit(unit: CompileUnit, types: Types) -> None:
    """Add the structures and constants of one compilation unit."""
    for die in unit.get_top_DIE().iter_children():
        if die.tag == "DW_TAG_constant":
            value = attribute(die, "DW_AT_const_value")
            if isinstance(value, int):
                types.constants[name_of(die)] = value
        elif die.tag == "DW_TAG_structure_type":
            name = name_of(die)
            if name in STRUCTS and name not in types.structs:
                types.structs[name] = dict(fields(die, 0, "", 0))
                types.sizes[name] = size_of(die)


def target(die: DIE) -> DIE:
    """Return the type that a DIE is of, behind names and qualifiers."""
    found = die.get_DIE_from_attribute("DW_AT_type")
    while found.tag in ("DW_TAG_typedef", "DW_TAG_const_type", "DW_TAG_volatile_type"):
        found = found.get_DIE_from_attribute("DW_AT_type")
    return found


def size_of(die: DIE) -> int:
    """Return the bytes of a type."""
    size = attribute(die, "DW_AT_byte_size")
    if isinstance(size, int):
        return size
    if die.tag == "DW_TAG_array_type":
        return length(die) * size_of(target(die))
    return 8 if die.tag in ("DW_TAG_pointer_type", "DW_TAG_subroutine_type") else 0


def length(die: DIE) -> int:
    """Return the number of elements of an array."""
    for child in die.iter_children():
        count, last = attribute(child, "DW_AT_count"), attribute(child, "DW_AT_upper_bound")
        if isinstance(count, int):
            return count
        if isinstance(last, int):
            return last + 1
    return 0


def offset_of(die: DIE) -> int:
    """Return where a member begins; old versions tell it as an expression."""
    place = attribute(die, "DW_AT_data_member_location")
    if isinstance(place, list):
        # DW_OP_plus_uconst, and the number in LEB128.
        return sum((byte & 127) << 7 * index for index, byte in enumerate(place[1:]))
    return place if isinstance(place, int) else 0


def fields(die: DIE, start: int, prefix: str, depth: int) -> Iterator[tuple[str, Field]]:
    """Yield the fields of a structure, and those of structures inside it."""
    for child in die.iter_children():
        if child.tag != "DW_TAG_member":
            continue
        kind = target(child)
        path, offset, size = prefix + name_of(child), start + offset_of(child), size_of(kind)
        if kind.tag == "DW_TAG_array_type":
            element = target(kind)
            yield path, Field(offset, size, length(kind), size_of(element))
            if element.tag == "DW_TAG_structure_type" and depth < DEPTH:
                yield from fields(element, 0, f"{path}[].", depth + 1)
        else:
            yield path, Field(offset, size)
            if kind.tag == "DW_TAG_structure_type" and depth < DEPTH:
                yield from fields(kind, offset, f"{path}.", depth + 1)
