"""Records as JSON files that a person can read and edit, and files that are written whole.

A file is written beside its place and then renamed, so that a full disk, or an end in the middle,
leaves what was there before.
"""

import gzip
import os
import shlex
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from errno import EACCES, EFBIG, EINVAL, ENOTDIR, EROFS
from pathlib import Path
from typing import Final, TypeVar

import msgspec

RecordT = TypeVar("RecordT", bound=msgspec.Struct)

UNDECODABLE: Final = (msgspec.MsgspecError, ValueError, RecursionError)
"""What a decoder raises: no JSON, another form, no UTF-8, too many digits, too deep."""


MOST_BYTES: Final = 1 << 28
"""Bytes of a saved record at most; programs of a hundred thousand steps have some millions."""


class SavedKind(msgspec.Struct):
    """The only key that tells of which kind a saved record is."""

    kind: str = ""


def write(record: msgspec.Struct, path: Path) -> None:
    """Write a record as JSON, whole or not at all.

    Raises: OSError if that is not possible.
    """
    write_bytes(formatted(record), path)


def formatted(record: msgspec.Struct) -> bytes:
    """Return a record as JSON that a person can read."""
    return msgspec.json.format(msgspec.json.encode(record), indent=2) + b"\n"


def write_bytes(content: bytes, path: Path) -> Path:
    """Write a file, whole or not at all, and return its path; what was there stays until then.

    What is no ordinary file, such as a terminal or a pipe, is written to as it is.

    Raises: OSError, with the file's name, if that is not possible; nothing is left of the attempt.
    """
    with naming(path):
        _written(content, Path(os.path.realpath(path)))
    return path


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Let what cannot be written to a file be told with its name: a full disk does not say whose.

    Raises: OSError, with the file's name.
    """
    try:
        yield
    except OSError as problem:
        problem.filename, problem.filename2 = str(path), None
        raise


def as_argument(path: Path | str) -> str:
    """Return a path as a shell takes it, and no option, for a command that is printed."""
    text = str(path)
    return shlex.quote(f"./{text}" if text.startswith("-") else text)


def as_named(content: bytes, path: Path) -> bytes:
    """Return what a file has, compressed if its name ends in .gz: the same bytes at any time."""
    return gzip.compress(content, mtime=0) if path.suffix == ".gz" else content


def _written(content: bytes, place: Path) -> None:
    mode = mode_at(place)
    if not stat.S_ISREG(mode):
        place.write_bytes(content)
        return
    handle, name = tempfile.mkstemp(prefix=f".{place.name[:100]}.", dir=place.parent)
    try:
        with open(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, stat.S_IMODE(mode))
        os.replace(name, place)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def check_folder(folder: Path | None) -> None:
    """Find out before the work whether there can be such a folder; nothing is made.

    Raises: OSError if not, with the name of what is in the way.
    """
    if folder is None:
        return
    there = next(one for one in (folder, *folder.absolute().parents) if os.path.lexists(one))
    number = ENOTDIR if not there.is_dir() else EACCES
    if number == ENOTDIR or not os.access(there, os.W_OK | os.X_OK):
        if number == EACCES and os.statvfs(there).f_flag & os.ST_RDONLY:
            number = EROFS
        raise OSError(number, os.strerror(number), str(there))


def check_place(path: Path) -> None:
    """Require that a file can be made, or changed, before there is anything to write.

    Raises: OSError if it cannot.
    """
    there = path.exists()
    path.touch()
    if not there:
        path.unlink()


def mode_at(place: Path) -> int:
    """Return the mode of what is at a place; if nothing is, that of the file that would be made."""
    try:
        return place.stat().st_mode
    except FileNotFoundError:
        mask = os.umask(0)
        os.umask(mask)
        return stat.S_IFREG | (0o666 & ~mask)


def write_new(content: bytes, folder: Path, stem: str) -> Path:
    """Write a new file to a folder, under the first name `STEM-N.json` that no file has.

    The folder is made if it is not there. The name is taken before it is written to, so two
    processes do not choose the same.

    Raises: OSError if that is not possible.
    """
    folder.mkdir(parents=True, exist_ok=True)
    number = 1
    while True:
        path = folder / f"{stem}-{number}.json"
        try:
            path.touch(exist_ok=False)
            break
        except FileExistsError:
            number += 1
    try:
        write_bytes(content, path)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return path


def content_of(path: Path) -> bytes:
    """Return what a file of ours holds.

    Devices and pipes may have no end, and give what they have only once; so they are not read.

    Raises: OSError if it cannot be read, is no regular file, or is larger than any that is saved.
    """
    mode = path.stat().st_mode
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        raise OSError(EINVAL, "not a regular file")
    with path.open("rb") as file:
        content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise OSError(EFBIG, f"larger than {MOST_BYTES >> 20} MiB")
    return content


def read(
    path: Path, record: type[RecordT], otherwise: str, refusal: Callable[[str], Exception]
) -> RecordT:
    """Read a record of a type; `otherwise` says what a file that holds none is.

    Raises: what `refusal` makes of one line about a file that is missing or holds no such record.
    """
    try:
        return msgspec.json.decode(content_of(path), type=record)
    except OSError as problem:
        raise refusal(f"{path}: cannot be read: {problem.strerror}") from None
    except UNDECODABLE as problem:
        raise refusal(f"{path}: {otherwise}: {problem}") from None


def kind_of(path: Path) -> str:
    """Return the kind that a file says it is of; "" if it says none, or cannot be read."""
    try:
        return msgspec.json.decode(content_of(path), type=SavedKind).kind
    except (OSError, *UNDECODABLE):
        return ""
