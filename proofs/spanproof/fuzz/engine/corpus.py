"""A store of programs that have shown something new, which several campaigns may share.

Each is named by what it holds and written in one piece, so a process that is killed loses nothing,
and two that find the same program write the same.
"""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, Generic

import msgspec

from spanproof.fuzz.engine.guidance import KeptPrograms
from spanproof.fuzz.lockstep.divergence import AnyProgram, ProgramT
from spanproof.support.files.savedfile import UNDECODABLE, formatted
from spanproof.support.files.stores import Rest, SharedStore

SUFFIX: Final = ".program.json"


class Entry(msgspec.Struct, frozen=True):
    """A program, and the lasting names of what it has shown of the model."""

    program: AnyProgram
    shows: tuple[str, ...]


class Corpus(Generic[ProgramT]):
    """The programs of one kind in a store, with which a search goes on also where it fails.

    A database may hang: a search spends a small part of its time on waiting for it, and keeps what
    could not be saved until it can. `on_asking` hears before each time that the store is asked, and
    `on_unkept` why it does not have all that it should; "" once it has.
    """

    def __init__(
        self,
        store: SharedStore,
        kind: type[ProgramT],
        on_asking: Callable[[], None] = lambda: None,
        on_unkept: Callable[[str], None] = lambda why: None,
    ) -> None:
        self.store = store
        self._kind: type[ProgramT] = kind
        self._on_asking = on_asking
        self._on_unkept = on_unkept
        self._seen: set[str] = set()
        self._unsaved: dict[str, bytes] = {}
        self._rest = Rest()
        self.unkept = ""
        """Why a program could not be saved, or looked for, of the first such; "" if all were."""

    def add(self, program: ProgramT, shows: frozenset[str]) -> None:
        """Save a program, now or later."""
        entry = Entry(program, tuple(sorted(shows)))
        name = hashlib.sha256(msgspec.json.encode(program)).hexdigest()[:16] + SUFFIX
        if name not in self._seen:
            self._seen.add(name)
            self._unsaved[name] = formatted(entry)
            self._save()

    def fresh(self) -> list[tuple[ProgramT, frozenset[str]]]:
        """Return the programs of this kind that were not here when it was asked last."""
        found: list[tuple[ProgramT, frozenset[str]]] = []
        self._save()
        with self._asked() as is_asked:
            for name in self._names() if is_asked else ():
                if name not in self._seen:
                    self._seen.add(name)
                    entry = self._entry(name)
                    if entry is not None and isinstance(entry.program, self._kind):
                        found.append((entry.program, frozenset(entry.shows)))
        return found

    def _save(self) -> None:
        """Save what is not saved yet, unless the store rests."""
        with self._asked() as is_asked:
            if is_asked and self._unsaved:
                for name, content in list(self._unsaved.items()):
                    self._on_asking()
                    self.store.write(name, content)
                    del self._unsaved[name]
                self._tell("")

    def _names(self) -> list[str]:
        self._on_asking()
        return self.store.names(SUFFIX)

    def _entry(self, name: str) -> Entry | None:
        """Return an entry; None if it is of another version, or gone meanwhile. Raises: OSError."""
        self._on_asking()
        text = self.store.read(name)
        try:
            return None if text is None else msgspec.json.decode(text, type=Entry)
        except UNDECODABLE:
            return None

    @contextmanager
    def _asked(self) -> Iterator[bool]:
        """Tell whether the store is asked now; where it fails it rests."""
        try:
            with self._rest.asked() as is_asked:
                yield is_asked
        except OSError as problem:
            why = problem.strerror or str(problem)
            self._tell(self.unkept or f"{problem.filename or self.store.place}: {why}")

    def _tell(self, why: str) -> None:
        if why != self.unkept:
            self.unkept = why
            self._on_unkept(why)

    def minimize(self) -> tuple[int, int]:
        """Remove programs that show nothing which the others do not; return how many are left.

        The other number is how many there were. It is for whoever keeps a corpus, while no campaign
        uses it (docs/fuzzing.md).

        Raises: OSError.
        """
        kept: KeptPrograms[ProgramT] = KeptPrograms()
        names: dict[bytes, str] = {}
        for name in self._names():
            entry = self._entry(name)
            if entry is not None and isinstance(entry.program, self._kind):
                names[msgspec.json.encode(entry.program)] = name
                kept.programs.append(entry.program)
                kept.features.append(frozenset(entry.shows))
                kept.known.update(entry.shows)
        needed = {msgspec.json.encode(one) for one in kept.minimal()}
        for text, name in names.items():
            if text not in needed:
                self.store.remove(name)
        return len(needed), len(names)
