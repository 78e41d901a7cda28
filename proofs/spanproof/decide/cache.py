"""What was decided before, kept in the folder that `folders` tells.

An entry is a small JSON file named by the hash of all that it depends on, so it never goes out of
date: what changed has another name. Only what holds is kept; a failure is decided anew. Nothing
here may fail: an entry that cannot be read is no entry, and one that cannot be written is not kept.

An entry is sealed with a secret of the user's that lies beside the entries, for the name it is kept
under. So a file that was damaged, renamed, edited, or that came from somewhere else counts as none.
Whoever can read the secret can seal what he likes: nothing here guards against the user himself.
"""

import contextlib
import hmac
import os
import stat
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from spanproof.support.files.folders import cache_folder

T = TypeVar("T")
Item = TypeVar("Item")

KEPT: Final = 30 * 24 * 3600
"""Seconds after which an entry is thrown away."""

LARGEST: Final = 32 * 2**20
"""Bytes that an entry may have; the largest of ours have a few hundred thousand."""

SECRET: Final = "secret"
"""The file beside the entries that has the secret."""


class Cache:
    """A folder of entries."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or cache_folder() / "proofs"
        self._known_secret: bytes | None = None

    def get(self, key: str, kind: type[T]) -> T | None:
        """Return an entry, or None if there is none that can be read and was sealed for the key."""
        content = read_file(self._path(key), LARGEST)
        if content is None:
            return None
        seal, _, value = content.partition(b"\n")
        if not hmac.compare_digest(seal, self._seal(key, value)):
            return None
        try:
            return msgspec.json.decode(value, type=kind)
        except (ValueError, RecursionError, MemoryError):
            return None

    def split(
        self, keys: Mapping[Item, str], kind: type[T]
    ) -> tuple[list[tuple[Item, T]], list[Item]]:
        """Return the items that have an entry, each with it, and those that have none."""
        known, unknown = list[tuple[Item, T]](), list[Item]()
        for item, key in keys.items():
            entry = self.get(key, kind)
            if entry is None:
                unknown.append(item)
            else:
                known.append((item, entry))
        return known, unknown

    def put(self, key: str, value: object) -> None:
        """Keep an entry; it appears whole or not at all."""
        path, text = self._path(key), msgspec.json.encode(value)
        with contextlib.suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            _write(path, self._seal(key, text) + b"\n" + text)

    def prune(self) -> None:
        """Throw away entries that are a month old."""
        oldest = time.time() - KEPT
        try:
            for path in self.folder.glob("*/*"):
                if path.lstat().st_mtime < oldest:
                    path.unlink(missing_ok=True)
        except OSError:
            return

    def _path(self, key: str) -> Path:
        return self.folder / key[:2] / f"{key}.json"

    def _seal(self, key: str, value: bytes) -> bytes:
        """Return what a value has to carry to be believed under a key."""
        whole = key.encode() + b"\n" + value
        return hmac.new(self._secret(), whole, "sha256").hexdigest().encode()

    def _secret(self) -> bytes:
        """Return the secret, making it if there is none that only the user can read.

        If it cannot be kept it lasts as long as this process, and so does what it seals.
        """
        if self._known_secret is None:
            path, made = self.folder / SECRET, os.urandom(32)
            known = read_file(path, 64, private=True)
            if known is None or len(known) != len(made):
                with contextlib.suppress(OSError):
                    self.folder.mkdir(parents=True, exist_ok=True)
                    _write(path, made)
                known = read_file(path, 64, private=True) or made
            self._known_secret = known
        return self._known_secret


class NoCache(Cache):
    """A cache that knows nothing and keeps nothing."""

    def get(self, key: str, kind: type[T]) -> T | None:
        """Return None."""
        return None

    def put(self, key: str, value: object) -> None:
        """Keep nothing."""

    def prune(self) -> None:
        """Throw away nothing."""


def in_ci() -> bool:
    """Tell whether this is a run of continuous integration, as the variable `CI` says it."""
    return os.environ.get("CI", "").lower() not in ("", "0", "false", "no")


def read_file(path: Path, most: int, *, private: bool = False) -> bytes | None:
    """Return the content of an ordinary file of at most so many bytes; None for anything else.

    Neither a pipe nor a device is waited for, nor is a link followed. A private file is the user's
    own, and nobody else can read or write it.
    """
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        file = os.open(path, flags)
    except (OSError, ValueError):
        return None
    try:
        found = os.fstat(file)
        if not stat.S_ISREG(found.st_mode) or found.st_size > most:
            return None
        if private and (found.st_uid != os.geteuid() or found.st_mode & 0o077):
            return None
        content = os.read(file, most + 1)
        while len(content) < found.st_size and (more := os.read(file, most + 1 - len(content))):
            content += more
    except OSError:
        return None
    finally:
        os.close(file)
    return content if len(content) <= most else None


def _write(path: Path, content: bytes) -> None:
    """Write a file that only the user can read, whole or not at all; what is there is not opened.

    Raises: OSError if that is not possible.
    """
    descriptor, name = tempfile.mkstemp(dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        os.replace(name, path)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise
