"""Planting a bug: the implementation with one change runs from its sources, and is looked at.

It runs interpreted under a name of its own; the installed package is untouched.
"""

import sys
from collections.abc import Sequence
from functools import lru_cache
from importlib import import_module
from importlib.abc import InspectLoader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_file_location
from pathlib import Path
from types import CodeType, ModuleType, SimpleNamespace
from typing import Final, NamedTuple, Protocol

from spanproof.fuzz.campaigns.campaign import CampaignResult, run_target
from spanproof.fuzz.engine.target import Target
from spanproof.fuzz.lockstep.divergence import ProgramT
from spanproof.fuzz.planted.sources import NAME, source_of
from spanproof.patch.patches import DoesNotApply, patched

SETTLED: Final = f"{NAME}.compiled"
"""The module that tells how the installed package runs."""


class Planted(Protocol):
    """One change of a module of the implementation."""

    @property
    def name(self) -> str:
        """What it is called."""
        ...

    @property
    def module(self) -> str:
        """The module that is changed, by its dotted name below the package."""
        ...

    def apply(self, text: str) -> str:
        """Return the text of the module with the change."""
        ...


class PlantedBug(NamedTuple):
    """One change of the implementation: in `module`, the piece `old` becomes `new`.

    It stands there once, or is the first one in `function`.
    """

    name: str
    module: str
    old: str
    new: str
    function: str | None = None

    def apply(self, text: str) -> str:
        """Return the text of the module with the bug.

        Raises: DoesNotApply, a ValueError, if the piece is not there: the bug is out of date.
        """
        where = f"{NAME}.{self.module}"
        try:
            return patched(text, self.old, self.new, function=self.function, where=where)
        except DoesNotApply as problem:
            raise DoesNotApply(f"planted bug {self.name!r}: {problem}") from None


@lru_cache(maxsize=128)
def compiled(text: str, path: str) -> CodeType:
    """Return the code of a module."""
    code: CodeType = compile(text, path, "exec", dont_inherit=True)
    return code


class ChangedSource(InspectLoader):
    """Loads a module of the package from its source, with a bug if it is the one that has it."""

    def __init__(self, path: Path, bug: Planted | None) -> None:
        self._path = path
        self._bug = bug

    def is_package(self, fullname: str) -> bool:
        """Tell whether a module is the package itself, or a wing of it."""
        return self._path.name == "__init__.py"

    def get_source(self, fullname: str) -> str:
        """Return the text of the module.

        Raises: DoesNotApply, a ValueError, if the piece to be changed is not there, once: the bug
            is out of date.
        """
        text = self._path.read_text(encoding="utf-8")
        bug = self._bug
        if bug is None or fullname != f"{NAME}.{bug.module}":
            return text
        return bug.apply(text)

    def get_code(self, fullname: str) -> CodeType:
        """Return the code of the module; it is compiled once, for bugs in other modules as well."""
        return compiled(self.get_source(fullname), str(self._path))


class SourceFinder(MetaPathFinder):
    """Finds the modules of the package by their sources only, past any compiled ones."""

    def __init__(self, bug: Planted | None) -> None:
        self._bug = bug

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return where a module of the package is."""
        package, _, module = fullname.partition(".")
        if package != NAME:
            return None
        file = source_of(module)
        folders = [str(file.parent)] if file.name == "__init__.py" else None
        return spec_from_file_location(
            fullname,
            file,
            loader=ChangedSource(file, self._bug),
            submodule_search_locations=folders,
        )


def package_with(bug: Planted | None) -> SimpleNamespace:
    """Run the implementation's sources, with a bug or without, and return what the package has.

    Raises: ValueError if the piece to be changed is not there, once: the bug is out of date.
    """
    if bug is not None and not source_of(bug.module).exists():
        raise ValueError(f"planted bug {bug.name!r}: there is no module {bug.module}")
    installed = take_modules()
    # How the installed package runs is settled; anew, its own finder would come before this one.
    sys.modules[SETTLED] = installed[SETTLED]
    finder = SourceFinder(bug)
    sys.meta_path.insert(0, finder)
    try:
        return SimpleNamespace(**vars(import_module(NAME)))
    finally:
        sys.meta_path.remove(finder)
        take_modules()
        sys.modules.update(installed)


def take_modules() -> dict[str, ModuleType]:
    """Remove all modules of the package from those that are imported, and return them."""
    names = [name for name in sys.modules if name.partition(".")[0] == NAME]
    return {name: sys.modules.pop(name) for name in names}


class Effort(NamedTuple):
    """How a bug is looked for: from which seed, up to how many calls, guided or blind.

    What is found is made smaller for so many seconds at most, or until it has `enough` steps or
    fewer, of which none can be left out: numbers that could be smaller do not matter here.
    """

    start: int = 0
    calls: int = 200_000
    guided: bool = True
    shrink: float = 60.0
    enough: int = 6


EFFORT: Final = Effort()


def look(target: Target[ProgramT], effort: Effort) -> CampaignResult:
    """Run a campaign on what has a bug."""
    return run_target(
        target._replace(guided=target.guided and effort.guided),
        start=effort.start,
        calls=effort.calls,
        shrink=effort.shrink,
        enough=effort.enough,
    )
