"""Recordings of the probe as files: what a Go toolchain's allocator did, an event an operation.

A recording (schema 1) has an event for each operation of a script, with the span before and after
it. `recordcheck` judges it.
"""

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Final, cast

import msgspec

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
    """Tell whether a file is a recording of the probe."""
    try:
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
    except (msgspec.DecodeError, UnicodeDecodeError) as problem:
        raise WitnessError(f"{path}:{number}: no JSON ({problem})") from None
    except (OSError, EOFError, zlib.error) as problem:
        raise WitnessError(f"{path}:{number}: cannot be read further ({problem})") from None


def record_of(span: Event, bits: int | None = None) -> Mspan:
    """Return a recorded span as the model's record; `bits` are its allocBits where it has none."""
    text = span.get("ab")
    own = int.from_bytes(bytes.fromhex(text), "little") if text is not None else bits or 0
    marks = int.from_bytes(bytes.fromhex(span.get("gm") or ""), "little")
    return Mspan(
        base=span["b"],
        npages=span["np"],
        spanclass=span["spc"],
        state=span["st"],
        elemsize=span["es"],
        limit=span["b"] + span["ne"] * span["es"],
        nelems=span["ne"],
        freeindex=span["fi"],
        alloc_count=span["ac"],
        alloc_cache=int(span["cache"], 16),
        alloc_bits=Bits(own),
        gcmark_bits=Bits(marks),
        needzero=span["nz"],
    )
