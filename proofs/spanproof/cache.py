"""What was decided before, kept in the user's cache directory.

An entry is a small JSON file named by the hash of all that it depends on, so it never goes out of
date: what changed has another name. Only what holds is kept; a failure is decided anew. Nothing
here may fail: an entry that cannot be read is no entry, and one that cannot be written is not kept.
"""

import os
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final, TypeVar

import msgspec
from platformdirs import user_cache_path

T = TypeVar("T")
Item = TypeVar("Item")

KEPT: Final = 30 * 24 * 3600
"""Seconds after which an entry is thrown away."""


class Cache:
    """A folder of entries."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or user_cache_path("spanspec") / "proofs"

    def get(self, key: str, kind: type[T]) -> T | None:
        """Return an entry, or None if there is none that can be read."""
        try:
            return msgspec.json.decode(self._path(key).read_bytes(), type=kind)
        except (OSError, ValueError):
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
        path, name = self._path(key), None
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
                name = file.name
                file.write(msgspec.json.encode(value))
            os.replace(name, path)
        except OSError:
            if name is not None:
                Path(name).unlink(missing_ok=True)

    def prune(self) -> None:
        """Throw away entries that are a month old."""
        oldest = time.time() - KEPT
        try:
            for path in self.folder.glob("*/*"):
                if path.stat().st_mtime < oldest:
                    path.unlink(missing_ok=True)
        except OSError:
            return

    def _path(self, key: str) -> Path:
        return self.folder / key[:2] / f"{key}.json"


class NoCache(Cache):
    """A cache that knows nothing and keeps nothing."""

    def get(self, key: str, kind: type[T]) -> T | None:
        """Return None."""
        return None

    def put(self, key: str, value: object) -> None:
        """Keep nothing."""

    def prune(self) -> None:
        """Throw away nothing."""
