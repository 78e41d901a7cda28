"""How what was compared is shown: names instead of keys, bitmaps as slots, addresses in hex."""

from collections.abc import Iterator, Mapping
from functools import cache

from spanproof.replay.format.schema import KINDS
from spanproof.replay.telling.phrases import ranges

BITMAPS = ("allocBits", "gcmarkBits", "alloc_bits", "mark_bits")
ADDRESSES = ("base", "limit", "address", "found", "size")


def shown(name: str, value: object) -> str:
    """Return a figure by the name that it has, as it is shown."""
    if isinstance(value, bool) or not isinstance(value, int):
        return str(value)
    if name in BITMAPS:
        return f"slots {ranges(bits_of(value)) or 'none'}"
    if name in ("allocCache", "alloc_cache"):
        free = ranges(bits_of(value)) or "none"
        return f"{value:#x}: free at {free} from freeindex on"
    return hex(value) if name in ADDRESSES else str(value)


def both_shown(name: str, one: object, other: object) -> tuple[str, str]:
    """Return two different figures of the same name; of bitmaps also the slots that only one has.

    A long bitmap is shown in part, and what differs may be in the rest.
    """
    texts = shown(name, one), shown(name, other)
    if name in BITMAPS and isinstance(one, int) and isinstance(other, int):
        alone = ranges(bits_of(one & ~other)), ranges(bits_of(other & ~one))
        return (
            texts[0] + (f"; only here: {alone[0]}" if alone[0] else ""),
            texts[1] + (f"; only here: {alone[1]}" if alone[1] else ""),
        )
    return texts


def bits_of(bits: int) -> Iterator[int]:
    """Yield the numbers of the bits that are set, in ascending order."""
    while bits:
        lowest = bits & -bits
        yield lowest.bit_length() - 1
        bits ^= lowest


def shown_result(value: object) -> str:
    """Return a result as it is shown: what is too large for a number of pages, as an address."""
    return hex(value) if isinstance(value, int) and value > 4096 else str(value)


def event_shown(kind: str, figures: Mapping[str, object]) -> str:
    """Return an event with the names of its fields, as the schema has them."""
    keys = sorted(figures, key=[*names_of(kind), *figures].index)
    return f"{kind}({', '.join(figure_shown(kind, key, figures[key]) for key in keys)})"


def figure_shown(kind: str, key: str, value: object) -> str:
    """Return a figure of an event with its name."""
    name = names_of(kind).get(key, key)
    if name == "alloc_bits" and isinstance(value, str):
        value = int.from_bytes(bytes.fromhex(value), "little")
    return f"{name} {shown(name, value)}"


@cache
def names_of(kind: str) -> dict[str, str]:
    """Return the names of an event's fields by their keys."""
    if kind not in KINDS:
        return {}
    described = KINDS[kind]
    pairs = zip(described.__struct_encode_fields__, described.__struct_fields__, strict=True)
    return dict(pairs)


def first_difference(kind: str, one: Mapping[str, object], other: Mapping[str, object]) -> str:
    """Return the name of the first field in which two events of a kind differ."""
    for key in (*one, *other):
        if one.get(key) != other.get(key):
            return names_of(kind).get(key, key)
    return ""
