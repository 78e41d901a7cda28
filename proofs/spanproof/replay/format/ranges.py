"""The range of each key of the format, as docs/trace-format.md tells it and the reader holds it."""

from collections import Counter
from collections.abc import Iterator
from typing import Final, NamedTuple

import msgspec
from msgspec.inspect import Field, IntType, ListType, StructType, Type, UnionType, type_info

from spanproof.replay.format.schema import KINDS, Header
from spanspec.base.words import M64

HEADER: Final = "header"
"""What stands for the kind of event where a key is the header's."""


class Range(NamedTuple):
    """The integers from `lowest` to `highest`, both allowed."""

    lowest: int
    highest: int


def ranges() -> Iterator[tuple[str, str, Range]]:
    """Yield the kind, the key and the range of every key that is an integer, or has some."""
    lines: dict[str, type[msgspec.Struct]] = {HEADER: Header, **KINDS}
    for kind, struct in lines.items():
        for field in fields(struct):
            number = integer(field.type)
            if number is not None:
                assert number.ge is not None, "every integer of the format has a lower bound"
                yield kind, field.encode_name, Range(number.ge, number.le or M64)


def fields(struct: type[msgspec.Struct]) -> tuple[Field, ...]:
    """Return the fields of a kind of line."""
    described = type_info(struct)
    assert isinstance(described, StructType)
    return described.fields


def integer(described: Type) -> IntType | None:
    """Return the type of the integers in a value: alone, in a list, or with null."""
    if isinstance(described, IntType):
        return described
    if isinstance(described, ListType):
        return integer(described.item_type)
    if isinstance(described, UnionType):
        return next(filter(None, map(integer, described.types)), None)
    return None


def table() -> str:
    """Return the table of all ranges in Markdown, keys with the same range in one row.

    A key alone has that range in most kinds that have it; with a kind, it is an exception.
    """
    of_key: dict[str, Counter[Range]] = {}
    for _, key, found in ranges():
        of_key.setdefault(key, Counter())[found] += 1
    rows: dict[Range, dict[str, None]] = {}
    for kind, key, found in ranges():
        most, _ = of_key[key].most_common(1)[0]
        rows.setdefault(found, {})[f"`{key}`" if found == most else f"`{kind}.{key}`"] = None
    lines = ["| from | to | keys |", "|---|---|---|"]
    for found, keys in sorted(rows.items(), key=lambda row: (row[0].highest, row[0].lowest)):
        lines.append(f"| {power(found.lowest)} | {power(found.highest)} | {' '.join(keys)} |")
    return "\n".join(lines)


def power(number: int) -> str:
    """Return a number, a large one as a power of two or one less than that."""
    size = abs(number)
    sign = "-" if number < 0 else ""
    if size < 1 << 20:
        return str(number)
    if size & (size - 1) == 0:
        return f"{sign}2^{size.bit_length() - 1}"
    assert size & (size + 1) == 0, "a bound of the format is a power of two, or one less"
    return f"{sign}2^{size.bit_length()}-1"
