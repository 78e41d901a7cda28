"""The sources of the implementation, by the names that its modules have below the package."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import spanalloc

NAME: Final = "spanalloc"

FOLDER: Final = Path(next(iter(spanalloc.__path__)))
"""Where the package is."""


def source_of(module: str) -> Path:
    """Return where the source of a module or wing is, by its dotted name below the package."""
    place = FOLDER.joinpath(*module.split(".")) if module else FOLDER
    return place / "__init__.py" if place.is_dir() else place.with_suffix(".py")


def modules() -> Iterator[tuple[str, str]]:
    """Yield each module, by its dotted name below the package, with its text; in order of names."""
    for path in sorted(FOLDER.rglob("*.py")):
        if path.name != "__init__.py":
            inner = path.relative_to(FOLDER).with_suffix("")
            yield ".".join(inner.parts), path.read_text(encoding="utf-8")
