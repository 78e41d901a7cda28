"""Files of vectors: their first line says how many follow, so that one that was cut off is told."""

import hashlib
from collections.abc import Iterable
from typing import Final

import msgspec

from spanproof.support.files.savedfile import UNDECODABLE

FORMAT: Final = "1.3"
"""Of the vectors: the first number is that of the form, the second one grows with what is added."""

HEAD: Final = "head"
"""The level of a first line; no implementation has it, so who does not know of it passes over."""


class HeadLine(msgspec.Struct, frozen=True, tag_field="level", tag=HEAD):
    """The first line: the form, how many lines follow, and the SHA-256 of all that follows."""

    format: str
    vectors: int
    sha256: str


class OfAnyLevel(msgspec.Struct, frozen=True):
    """What each line says first."""

    level: str


def file_of(lines: Iterable[bytes]) -> bytes:
    """Return a file with vectors, each in a line."""
    content = b"".join(line + b"\n" for line in lines)
    head = HeadLine(FORMAT, content.count(b"\n"), hashlib.sha256(content).hexdigest())
    return msgspec.json.encode(head) + b"\n" + content


def lines_of(content: bytes) -> list[bytes]:
    """Return the vectors of a file; one without a head is of a form before 1.3, and not counted.

    Raises: ValueError for a file that was cut off or changed, is empty, or of a form to come.
    """
    first, _, rest = content.partition(b"\n")
    if not content:
        raise ValueError("is empty")
    try:
        if msgspec.json.decode(first, type=OfAnyLevel).level != HEAD:
            return content.splitlines()
        head = msgspec.json.decode(first, type=HeadLine)
    except UNDECODABLE as problem:
        raise ValueError(f"has a line that is no vector: {problem}") from None
    if head.format.partition(".")[0] != FORMAT.partition(".")[0]:
        raise ValueError(f"is of format {head.format}, and this reads {FORMAT}")
    lines = rest.splitlines()
    if len(lines) != head.vectors:
        raise ValueError(f"has {len(lines)} vectors, and says that it has {head.vectors}")
    if hashlib.sha256(rest).hexdigest() != head.sha256:
        raise ValueError("is not as it was written: it has another SHA-256")
    return lines
