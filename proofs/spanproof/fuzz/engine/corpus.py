"""A folder of programs that have shown something new, which several campaigns may share.

Each is a file of its own, named by what it holds and written in one piece, so a process that is
killed loses nothing, and two that find the same program write the same file.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Generic

import msgspec

from spanproof.fuzz.engine.guidance import KeptPrograms
from spanproof.fuzz.lockstep.divergence import AnyProgram, ProgramT
from spanproof.support import savedfile
from spanproof.support.savedfile import UNDECODABLE

SUFFIX: Final = ".program.json"


class Entry(msgspec.Struct, frozen=True):
    """A program, and the lasting names of what it has shown of the model."""

    program: AnyProgram
    shows: tuple[str, ...]


class Corpus(Generic[ProgramT]):
    """The programs of one kind in a folder."""

    def __init__(self, folder: Path, kind: type[ProgramT]) -> None:
        self.folder = folder
        self._kind: type[ProgramT] = kind
        self._seen: set[str] = set()
        self.unkept = ""
        """Why a program could not be saved, of the first such; "" if all were."""

    def add(self, program: ProgramT, shows: frozenset[str]) -> None:
        """Save a program, if that is possible: a search goes on without."""
        entry = Entry(program, tuple(sorted(shows)))
        name = hashlib.sha256(msgspec.json.encode(program)).hexdigest()[:16] + SUFFIX
        if name not in self._seen:
            self._seen.add(name)
            try:
                self.folder.mkdir(parents=True, exist_ok=True)
                savedfile.write(entry, self.folder / name)
            except OSError as problem:
                why = problem.strerror or str(problem)
                self.unkept = self.unkept or f"{problem.filename or self.folder}: {why}"

    def fresh(self) -> Iterator[tuple[ProgramT, frozenset[str]]]:
        """Yield the programs of this kind that were not here when it was asked last."""
        if not self.folder.is_dir():
            return
        for path in sorted(self.folder.glob(f"*{SUFFIX}")):
            if path.name in self._seen:
                continue
            self._seen.add(path.name)
            try:
                entry = msgspec.json.decode(path.read_bytes(), type=Entry)
            except (OSError, *UNDECODABLE):
                continue  # of another version, or gone meanwhile
            if isinstance(entry.program, self._kind):
                yield entry.program, frozenset(entry.shows)

    def minimize(self) -> tuple[int, int]:
        """Remove programs that show nothing which the others do not; return how many are left.

        The other number is how many there were.
        """
        kept: KeptPrograms[ProgramT] = KeptPrograms()
        paths: dict[bytes, Path] = {}
        for path in sorted(self.folder.glob(f"*{SUFFIX}")):
            entry = msgspec.json.decode(path.read_bytes(), type=Entry)
            if isinstance(entry.program, self._kind):
                paths[msgspec.json.encode(entry.program)] = path
                kept.programs.append(entry.program)
                kept.features.append(frozenset(entry.shows))
                kept.known.update(entry.shows)
        needed = {msgspec.json.encode(one) for one in kept.minimal()}
        for text, path in paths.items():
            if text not in needed:
                path.unlink(missing_ok=True)
        return len(needed), len(paths)
