"""Stores: named contents that several processes share, in a folder or in a database of Redis.

A folder has a file for each. A database has them in one hash, so that machines without a common
folder may share them: `redis://HOST:6379/0#NAME` is the hash `spanspec:NAME`, by default
`spanspec:corpus`. What a store cannot do is an OSError, whichever it is.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from errno import EINVAL, EIO
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Protocol
from urllib.parse import parse_qs, urldefrag, urlsplit

import msgspec
from msgspec import Meta

from spanproof.support.files import savedfile
from spanproof.support.files.savedfile import UNDECODABLE
from spanproof.support.tools import Missing

if TYPE_CHECKING:
    from redis import Redis

SCHEMES: Final = ("redis://", "rediss://", "unix://")
"""How the address of a database begins."""

PREFIX: Final = "spanspec:"
USUAL: Final = "corpus"
"""What the name of a hash begins with, and how it goes on if no address says so."""

ANSWERS: Final = 5.0
"""Seconds in which a database has to answer."""

REST: Final = 10
"""A store that could not be asked is left alone for so many times as long as that took."""

PROGRESS: Final = "progress.json"
"""The file of a folder in which its counters are."""


class SharedStore(Protocol):
    """Named contents that several processes share; it can be sent to another process."""

    @property
    def place(self) -> str:
        """The folder or address, as `store_at` takes it."""
        ...

    def address(self, name: str) -> str:
        """Return where a content is, without a password, for people to read."""
        ...

    def check(self) -> None:
        """Find out before the work whether there can be such a store; nothing is made.

        Raises: OSError if not; Missing without the package that it needs.
        """
        ...

    def names(self, suffix: str) -> list[str]:
        """Return the names with an ending, in order. Raises: OSError."""
        ...

    def read(self, name: str) -> bytes | None:
        """Return a content, None if there is none of this name. Raises: OSError."""
        ...

    def write(self, name: str, content: bytes, *, runs: bool = False) -> None:
        """Write a content, whole or not at all; one that `runs` is a program. Raises: OSError."""
        ...

    def write_new(self, stem: str, content: bytes) -> str:
        """Write a content under the first name `STEM-N.json` that nothing has, and return that.

        Raises: OSError.
        """
        ...

    def remove(self, name: str) -> None:
        """Remove a content, if it is there. Raises: OSError."""
        ...

    def next_number(self, counter: str) -> int:
        """Return the numbers 0, 1, 2, ... one after the other, for each counter. Raises: OSError.

        In a database no number is ever returned twice; in a folder two processes that ask in the
        same moment may get the same.
        """
        ...


class Rest:
    """When a store is asked again that has failed, for those who can go on without.

    So one that hangs, rather than fails at once, is waited for but a small part of the time.
    """

    def __init__(self) -> None:
        self._until = 0.0

    @contextmanager
    def asked(self) -> Iterator[bool]:
        """Tell whether the store may be asked; if it fails then, it rests. Raises: OSError, as it
        does.
        """
        began = time.monotonic()
        try:
            yield began >= self._until
        except OSError:
            now = time.monotonic()
            self._until = now + REST * (now - began)
            raise


def store_at(place: str) -> SharedStore:
    """Return the store at an address of Redis, or in a folder.

    Raises: OSError if it begins like an address and is none.
    """
    return RedisStore(place) if place.startswith(SCHEMES) else FolderStore(Path(place))


class Counters(msgspec.Struct):
    """The next number of each counter; so many slices are not begun in a lifetime."""

    slices: dict[str, Annotated[int, Meta(ge=0, lt=1 << 32)]] = {}


class FolderStore:
    """The files of a folder, which is made when the first is written."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def place(self) -> str:
        """The folder."""
        return str(self.folder)

    def address(self, name: str) -> str:
        """Return the path of a file."""
        return str(self.folder / name)

    def check(self) -> None:
        """Find out whether the folder can be written. Raises: OSError."""
        savedfile.check_folder(self.folder)

    def names(self, suffix: str) -> list[str]:
        """Return the names of the files with an ending."""
        return sorted(path.name for path in self.folder.glob(f"*{suffix}"))

    def read(self, name: str) -> bytes | None:
        """Return what a file has. Raises: OSError."""
        try:
            return (self.folder / name).read_bytes()
        except FileNotFoundError:
            return None

    def write(self, name: str, content: bytes, *, runs: bool = False) -> None:
        """Write a file. Raises: OSError."""
        self.folder.mkdir(parents=True, exist_ok=True)
        path = savedfile.write_bytes(content, self.folder / name)
        if runs:
            path.chmod(0o755)

    def write_new(self, stem: str, content: bytes) -> str:
        """Write a file that was not there. Raises: OSError."""
        return savedfile.write_new(content, self.folder, stem).name

    def remove(self, name: str) -> None:
        """Remove a file. Raises: OSError."""
        (self.folder / name).unlink(missing_ok=True)

    def next_number(self, counter: str) -> int:
        """Return the next number, which is noted in a file first. Raises: OSError."""
        counters, known = Counters(), self.read(PROGRESS)
        if known is not None:
            try:
                counters = msgspec.json.decode(known, type=Counters)
            except UNDECODABLE as problem:
                raise OSError(EINVAL, f"is damaged ({problem})", self.address(PROGRESS)) from None
        number = counters.slices.get(counter, 0)
        counters.slices[counter] = number + 1
        self.write(PROGRESS, savedfile.formatted(counters))
        return number


class RedisStore:
    """A hash of a database. Raises: OSError for what is no address of one."""

    def __init__(self, place: str) -> None:
        self.place = place
        self._url, name = urldefrag(place)
        self._key = PREFIX + (name or USUAL)
        try:
            parts = urlsplit(self._url)
            there = parts.hostname or parts.path
            _ = parts.port
        except ValueError as problem:
            raise OSError(EINVAL, f"no address of Redis ({problem})", unsecret(place)) from None
        if not there:
            raise OSError(EINVAL, "no address of Redis, such as redis://host:6379/0", place)
        # Of the options only this one says where something is; another may be a password.
        database = "".join(f"?db={number}" for number in parse_qs(parts.query).get("db", ())[:1])
        host = parts.netloc.rpartition("@")[2]
        self._shown = f"{parts.scheme}://{host}{parts.path}{database}#{name or USUAL}"

    def __reduce__(self) -> tuple[type["RedisStore"], tuple[str]]:
        """Have another process make a connection of its own."""
        return RedisStore, (self.place,)

    def address(self, name: str) -> str:
        """Return the address, with a name behind it."""
        return f"{self._shown}/{name}"

    def check(self) -> None:
        """Find out whether the database answers. Raises: OSError, Missing."""
        with self._asked() as database:
            database.ping()

    def names(self, suffix: str) -> list[str]:
        """Return the keys of the hash with an ending. Raises: OSError."""
        with self._asked() as database:
            keys = [as_text(key) for key in database.hkeys(self._key)]
        return sorted(key for key in keys if key.endswith(suffix))

    def read(self, name: str) -> bytes | None:
        """Return a value of the hash. Raises: OSError."""
        with self._asked() as database:
            content = database.hget(self._key, name)
        # An address may ask for texts (`?decode_responses=true`).
        return content.encode() if isinstance(content, str) else content

    def write(self, name: str, content: bytes, *, runs: bool = False) -> None:
        """Set a value of the hash. Raises: OSError."""
        with self._asked() as database:
            database.hset(self._key, name, content)

    def write_new(self, stem: str, content: bytes) -> str:
        """Set a value of the hash that was not there. Raises: OSError."""
        number = 1
        with self._asked() as database:
            while not database.hsetnx(self._key, f"{stem}-{number}.json", content):
                number += 1
        return f"{stem}-{number}.json"

    def remove(self, name: str) -> None:
        """Remove a value of the hash. Raises: OSError."""
        with self._asked() as database:
            database.hdel(self._key, name)

    def next_number(self, counter: str) -> int:
        """Return the next number, which the database counts in a hash beside. Raises: OSError."""
        with self._asked() as database:
            return database.hincrby(f"{self._key}:slices", counter) - 1

    @cached_property
    def _database(self) -> "Redis":
        try:
            redis = import_module("redis")
        except ImportError:
            raise Missing("redis:// needs a package: pip install 'spanspec[redis]'") from None
        try:
            database: Redis = redis.Redis.from_url(
                self._url, socket_timeout=ANSWERS, socket_connect_timeout=ANSWERS
            )
        except ValueError as problem:
            raise OSError(EINVAL, f"no address of Redis ({problem})", self._shown) from None
        return database

    @contextmanager
    def _asked(self) -> Iterator["Redis"]:
        """Give the database; what it raises is an OSError.

        Raises: OSError, Missing.
        """
        database = self._database
        redis = import_module("redis")
        try:
            yield database
        except (redis.RedisError, TypeError, ValueError, LookupError) as problem:
            # The others are raised for options that are none, and hosts and encodings of such
            # names: they are only looked at when a connection is made.
            raise OSError(EIO, str(problem) or type(problem).__name__, self._shown) from None


def unsecret(place: str) -> str:
    """Return what may be no address as it was written, but for what may be a password."""
    scheme, between, rest = place.partition("://")
    return f"{scheme}{between}{rest.rpartition('@')[2]}"


def as_text(key: bytes | str) -> str:
    """Return a key as text."""
    return key if isinstance(key, str) else key.decode(errors="replace")
