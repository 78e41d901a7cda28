"""Files that commands write for the user, and stores: what is told of them, and their options.

Nothing of a fuzzer is loaded.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from spanproof.cli.output import Result, Unusable, complain, out
from spanproof.support.files import savedfile
from spanproof.support.files.stores import SCHEMES, RedisStore, SharedStore, store_at, unsecret
from spanproof.support.tools import Missing


def kept(write: Callable[[], Result], what: str, place: Path) -> Result | None:
    """Write something for the user; where that fails, a line says so and None is returned."""
    try:
        return write()
    except OSError as problem:
        complain(f"{what} could not be saved: {problem.filename or place}: {problem.strerror}")
        return None


def tell_saved(place: Path | str, command: str = "replay") -> None:
    """Say where a finding, or a recording of one, is, and how it is run again."""
    again = f"spanspec {command} {savedfile.as_argument(place)}"
    out.print(f"saved as {place}; run it again with {again}", markup=False)


def usable_store(place: str) -> SharedStore | None:
    """Return the store at a place, which is tried: better now than after weeks; None for "".

    Raises: OSError, Unusable if it cannot be used.
    """
    if not place:
        return None
    store = store_at(place)
    tried(store)
    return store


def tried(store: SharedStore) -> None:
    """Find out whether a store can be used.

    Raises: OSError, Unusable if not.
    """
    try:
        store.check()
    except Missing as problem:
        raise Unusable(str(problem)) from None


@contextmanager
def brought(place: str) -> Iterator[Path]:
    """Give the file at a place; what is in a database is in a file for that time.

    Raises: OSError, Unusable if the database cannot be used, or has nothing of that name.
    """
    if not place.startswith(SCHEMES):
        yield Path(place)
        return
    address, _, fragment = place.partition("#")
    key, _, name = fragment.rpartition("/")
    if not name:
        raise Unusable(
            f"{unsecret(place)}: names no finding, as redis://HOST:6379/0#found/NAME.json does"
        )
    store = RedisStore(f"{address}#{key}")
    tried(store)
    content = store.read(name)
    if content is None:
        raise Unusable(f"{store.address(name)}: the database has nothing of this name")
    with TemporaryDirectory(prefix="spanspec-") as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        try:
            yield path
        except Unusable as problem:
            # That file is gone when the user reads of it.
            raise Unusable(str(problem).replace(str(path), store.address(name))) from None
