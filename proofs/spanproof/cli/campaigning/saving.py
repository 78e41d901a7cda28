"""Saving a finding: the program, a test, and a shell script where it is a process."""

from contextlib import suppress

from spanproof.cli.files import tell_saved
from spanproof.cli.output import out
from spanproof.doors.reproducing import script_of, test_of
from spanproof.fuzz.campaigns.finding import FoundWith, finding_of
from spanproof.fuzz.lockstep.divergence import Divergence
from spanproof.protocol.faults import CannotStart
from spanproof.support.files.savedfile import formatted
from spanproof.support.files.stores import SharedStore


class Saver:
    """Saves a finding, and then what has become of it, under the same name."""

    def __init__(self, store: SharedStore | None, found_with: FoundWith) -> None:
        self._store = store
        self._found_with = found_with
        self._name = ""
        self._others: list[str] = []
        self.problem = ""

    def save(self, divergence: Divergence, again: str = "") -> None:
        """Save a divergence, as far as that is possible."""
        if self._store is None:
            return
        content = formatted(finding_of(divergence, again, self._found_with))
        try:
            if self._name:
                self._store.write(self._name, content)
            else:
                self._name = self._store.write_new("divergence", content)
            self.problem = ""
        except OSError as problem:
            place = problem.filename or self._store.place
            self.problem = f"the divergence could not be saved: {place}: {problem.strerror}"

    def go_on(self) -> None:
        """Leave what was saved where it is: what is saved next is another finding."""
        self._name = ""

    def save_what_reproduces(self, divergence: Divergence) -> None:
        """Write a test of what was saved, and a shell script where a process was asked."""
        if not (self._store and self._name and (self._found_with.door or self._found_with.python)):
            return
        stem = self._name.removesuffix(".json")
        texts = {f"test_{stem.replace('-', '_')}.py": test_of(self._name, divergence)}
        # Where no process can be started any more, there is no script.
        with suppress(CannotStart, OSError):
            script = script_of(self._found_with, divergence)
            if script is not None:
                texts[f"{stem}.sh"] = script
        for other, text in texts.items():
            place = self._store.address(other)
            try:
                self._store.write(other, text.encode(), runs=other.endswith(".sh"))
            except OSError as problem:
                self.problem = f"{place} could not be written: {problem.strerror}"
            else:
                self._others.append(place)

    def tell(self) -> None:
        """Say where it is, and how it is run again."""
        if self.address is not None:
            tell_saved(self.address)
        if self._others:
            out.print(f"and as {', '.join(self._others)}", markup=False)

    @property
    def address(self) -> str | None:
        """Where the finding is; None if nothing was saved."""
        return self._store.address(self._name) if self._store and self._name else None
