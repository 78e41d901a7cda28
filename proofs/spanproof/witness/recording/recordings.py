"""Recordings of the probe as files: what a Go toolchain's allocator did, an event an operation.

A recording (schema 1) has an event for each operation of a script, with the span before and after
it. `recordcheck` judges it.
"""

import gzip
import zlib
from collections.abc import Iterator
from functools import lru_cache
from operator import itemgetter
from pathlib import Path
from typing import Any, BinaryIO, Final, cast

import msgspec

from spanproof.support.files.savedfile import UNDECODABLE
from spanproof.witness.errors import WitnessError
from spanspec.base.bitmap import Bits
from spanspec.span.mspan import Mspan

BEGINS: Final = b'{"e":"hdr","schema":1,'
"""How a recording begins."""

Event = dict[str, Any]
"""A line: decoded JSON, whose fields are read one by one."""


def opened(path: Path) -> BinaryIO:
    """Open a recording, which may be compressed.

    Raises: OSError.
    """
    with path.open("rb") as file:
        compressed = file.read(2) == b"\x1f\x8b"
    return cast(BinaryIO, gzip.open(path)) if compressed else path.open("rb")


def is_recording(path: str) -> bool:
    """Tell whether a file is a recording of the probe.

    A pipe is none: what is read of it to find out would be lost to who reads it then.
    """
    try:
        if not Path(path).is_file():
            return False
        with opened(Path(path)) as file:
            return file.read(len(BEGINS)) == BEGINS
    except (OSError, EOFError, zlib.error):
        return False


def lines_of(path: Path) -> Iterator[Event]:
    """Yield the events of a recording.

    Raises: WitnessError if it is cut off or no JSON.
    """
    number = 0
    try:
        with opened(path) as source:
            for number, line in enumerate(source, 1):
                event = msgspec.json.decode(line)
                if not isinstance(event, dict):
                    raise WitnessError(f"{path}:{number}: no event")
                yield event
    except UNDECODABLE as problem:
        raise WitnessError(f"{path}:{number}: no JSON ({problem})") from None
    except (OSError, EOFError, zlib.error) as problem:
        raise WitnessError(f"{path}:{number}: cannot be read further ({problem})") from None


NUMBERS: Final = itemgetter("b", "np", "spc", "st", "es", "ne", "fi", "ac", "cache", "nz")
"""The numbers of a recorded span, in the order of `record_from`."""


def record_of(span: Event) -> Mspan:
    """Return a recorded span as the model's record; where it has no bits, none is set.

    Raises: KeyError, TypeError or ValueError if it lacks what the schema says.
    """
    return record_from(NUMBERS(span), span.get("ab"), span.get("gm"))


@lru_cache(maxsize=1 << 14)
def record_from(
    numbers: tuple[int, int, int, int, int, int, int, int, str, int],
    text: str | None,
    marks: str | None,
) -> Mspan:
    """Return a record by its numbers and bits; a span is recorded again and again unchanged."""
    base, npages, spanclass, state, elemsize, nelems, freeindex, count, cache, needzero = numbers
    return Mspan(
        base=base,
        npages=npages,
        spanclass=spanclass,
        state=state,
        elemsize=elemsize,
        limit=base + nelems * elemsize,
        nelems=nelems,
        freeindex=freeindex,
        alloc_count=count,
        alloc_cache=int(cache, 16),
        alloc_bits=Bits(int.from_bytes(bytes.fromhex(text or ""), "little")),
        gcmark_bits=Bits(int.from_bytes(bytes.fromhex(marks or ""), "little")),
        needzero=needzero,
    )
