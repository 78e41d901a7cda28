"""Files of vectors: each line says how many there are, so that a file that was cut off is told."""

from collections.abc import Iterable
from typing import Final

import msgspec

from spanproof.support.files.savedfile import UNDECODABLE
from spanspec.base.wording import counted

FORMAT: Final = "1.3"
"""Of the vectors: the first number is that of the form, the second one grows with what is added."""


class VectorPlace(msgspec.Struct, frozen=True):
    """What a line says of its file: its number there, from 1 on, of how many lines; 0 before format
    1.3, which did not say it.
    """

    number: int = 0
    of: int = 0


def file_of(lines: Iterable[bytes]) -> bytes:
    """Return a file with vectors, each in a line, which is told its place."""
    vectors = [msgspec.json.decode(line, type=dict[str, msgspec.Raw]) for line in lines]
    places = (
        {"level": vector["level"], "number": number, "of": len(vectors)}
        for number, vector in enumerate(vectors, 1)
    )
    return b"".join(
        msgspec.json.encode(place | vector) + b"\n"
        for place, vector in zip(places, vectors, strict=True)
    )


def lines_of(content: bytes) -> list[bytes]:
    """Return the vectors of a file; those that do not say how many they are are not counted.

    Raises: ValueError for a file that is empty, or has not the lines that it says, in their order.
    """
    if not content:
        raise ValueError("is empty")
    lines = content.splitlines()
    for number, line in enumerate(lines, 1):
        try:
            place = msgspec.json.decode(line, type=VectorPlace)
        except UNDECODABLE as problem:
            raise ValueError(f"has a line that is no vector: {problem}") from None
        if place.of not in (0, len(lines)):
            raise ValueError(
                f"has {counted(len(lines), 'vector')}, and says that it has {place.of}"
            )
        if place.of and place.number != number:
            raise ValueError(f"has vector {place.number} where vector {number} is expected")
    return lines
