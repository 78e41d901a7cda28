"""Where the source of a module is, compiled or not."""

import importlib
from pathlib import Path
from types import ModuleType
from typing import Final

OURS: Final = ("spanspec", "spanalloc", "spanproof")
"""Packages whose functions are translated."""

IMPLEMENTATION: Final = OURS[1]
"""The package whose objects are changed by methods."""


def is_ours(module: str) -> bool:
    """Tell whether a module belongs to one of our packages."""
    return module.split(".")[0] in OURS


def module_path(module: ModuleType) -> Path:
    """Return the path of a module's source text, also if the module is compiled.

    A compiled module may misreport its own file, so its package says where the source is.

    Raises: FileNotFoundError if only the compiled form is installed.
    """
    package, _, name = module.__name__.rpartition(".")
    folders = importlib.import_module(package).__path__ if package else []
    for source in [
        *(Path(folder) / f"{name}.py" for folder in folders),
        Path(str(module.__file__)),
    ]:
        if source.suffix == ".py" and source.exists():
            return source
    raise FileNotFoundError(f"the source of {module.__name__} is not installed")
