"""A store of programs that have shown something new, which several campaigns may share.

Each is named by what it holds and written in one piece, so a process that is killed loses nothing,
and two that find the same program write the same.
"""

import hashlib
from collections.abc import Iterator
from typing import Final, Generic

import msgspec

from spanproof.fuzz.engine.guidance import KeptPrograms
from spanproof.fuzz.lockstep.divergence import AnyProgram, ProgramT
from spanproof.support.files.savedfile import UNDECODABLE, formatted
from spanproof.support.files.stores import SharedStore

SUFFIX: Final = ".program.json"


class Entry(msgspec.Struct, frozen=True):
    """A program, and the lasting names of what it has shown of the model."""

    program: AnyProgram
    shows: tuple[str, ...]


class Corpus(Generic[ProgramT]):
    """The programs of one kind in a store."""

    def __init__(self, store: SharedStore, kind: type[ProgramT]) -> None:
        self.store = store
        self._kind: type[ProgramT] = kind
        self._seen: set[str] = set()
        self.unkept = ""
        """Why a program could not be saved, or looked for, of the first such; "" if all were."""

    def add(self, program: ProgramT, shows: frozenset[str]) -> None:
        """Save a program, if that is possible: a search goes on without."""
        entry = Entry(program, tuple(sorted(shows)))
        name = hashlib.sha256(msgspec.json.encode(program)).hexdigest()[:16] + SUFFIX
        if name not in self._seen:
            self._seen.add(name)
            try:
                self.store.write(name, formatted(entry))
            except OSError as problem:
                self._tell(problem)

    def fresh(self) -> Iterator[tuple[ProgramT, frozenset[str]]]:
        """Yield the programs of this kind that were not here when it was asked last."""
        try:
            names = self.store.names(SUFFIX)
        except OSError as problem:
            self._tell(problem)
            return
        for name in names:
            if name not in self._seen:
                self._seen.add(name)
                entry = self._entry(name)
                if entry is not None and isinstance(entry.program, self._kind):
                    yield entry.program, frozenset(entry.shows)

    def _entry(self, name: str) -> Entry | None:
        """Return an entry; None if it is of another version, or gone meanwhile."""
        try:
            text = self.store.read(name)
            return None if text is None else msgspec.json.decode(text, type=Entry)
        except (OSError, *UNDECODABLE):
            return None

    def _tell(self, problem: OSError) -> None:
        why = problem.strerror or str(problem)
        self.unkept = self.unkept or f"{problem.filename or self.store.place}: {why}"

    def minimize(self) -> tuple[int, int]:
        """Remove programs that show nothing which the others do not; return how many are left.

        The other number is how many there were.
        """
        kept: KeptPrograms[ProgramT] = KeptPrograms()
        names: dict[bytes, str] = {}
        for name in self.store.names(SUFFIX):
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
