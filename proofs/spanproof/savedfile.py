"""Records as JSON files that a person can read and edit."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import msgspec

RecordT = TypeVar("RecordT", bound=msgspec.Struct)


class Kind(msgspec.Struct):
    """The only key that tells of which kind a saved record is."""

    kind: str = ""


def write(record: msgspec.Struct, path: Path) -> None:
    """Write a record as JSON.

    Raises: OSError if that is not possible.
    """
    path.write_bytes(msgspec.json.format(msgspec.json.encode(record), indent=2) + b"\n")


def read(
    path: Path, record: type[RecordT], otherwise: str, refusal: Callable[[str], Exception]
) -> RecordT:
    """Read a record of a type; `otherwise` says what a file that holds none is.

    Raises: what `refusal` makes of one line about a file that is missing or holds no such record.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=record)
    except OSError as problem:
        raise refusal(f"{path}: cannot be read: {problem.strerror}") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as problem:
        raise refusal(f"{path}: {otherwise}: {problem}") from None


def kind_of(path: Path) -> str:
    """Return the kind that a file says it is of; "" if it says none, or cannot be read."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Kind).kind
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return ""
