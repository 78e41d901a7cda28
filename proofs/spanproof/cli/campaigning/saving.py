"""Saving a finding: the program, a test, and a shell script where it is a process."""

import os
from contextlib import suppress
from pathlib import Path

from spanproof.cli.files import tell_saved
from spanproof.cli.output import out
from spanproof.doors.reproducing import script_of, test_of
from spanproof.fuzz.campaigns.finding import FoundWith, finding_of
from spanproof.fuzz.lockstep.divergence import Divergence
from spanproof.fuzz.sides.factories import WrongFactory
from spanproof.protocol.faults import Broken, CannotStart
from spanproof.support import savedfile


class Saver:
    """Saves a finding, and then what has become of it, in the same file."""

    def __init__(self, folder: Path | None, found_with: FoundWith) -> None:
        self._folder = folder
        self._found_with = found_with
        self.path: Path | None = None
        self.others: list[Path] = []
        self.problem = ""

    def save(self, divergence: Divergence, again: str = "") -> None:
        """Save a divergence, as far as that is possible."""
        if self._folder is None:
            return
        record = finding_of(divergence, again, self._found_with)
        try:
            if self.path is None:
                self.path = savedfile.write_new(record, self._folder, "divergence")
            else:
                savedfile.write(record, self.path)
            self.problem = ""
        except OSError as problem:
            place = problem.filename or self._folder
            self.problem = f"the divergence could not be saved: {place}: {problem.strerror}"

    def go_on(self) -> None:
        """Leave what was saved where it is: what is saved next is another finding."""
        self.path = None

    def save_what_reproduces(self, divergence: Divergence) -> None:
        """Write a test of what was saved, and a shell script where a process was asked."""
        if self.path is None or not (self._found_with.door or self._found_with.python):
            return
        name = self.path.stem.replace("-", "_")
        texts = {f"test_{name}.py": test_of(self.path, divergence)}
        with suppress(CannotStart, Broken, WrongFactory):
            script = script_of(self._found_with, divergence)
            if script is not None:
                texts[f"{self.path.stem}.sh"] = script
        for other, text in texts.items():
            place = self.path.with_name(other)
            try:
                savedfile.write_bytes(text.encode(), place)
                if place.suffix == ".sh":
                    os.chmod(place, 0o755)
            except OSError as problem:
                self.problem = f"{place} could not be written: {problem.strerror}"
            else:
                self.others.append(place)

    def tell(self) -> None:
        """Say where it is, and how it is run again."""
        if self.path is not None:
            tell_saved(self.path)
        if self.others:
            out.print(f"and as {', '.join(map(str, self.others))}", markup=False)
