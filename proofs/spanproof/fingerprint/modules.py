"""The modules of our packages: where their sources are, and what their names are."""

from collections.abc import Iterable
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from spanproof.fingerprint.units import PACKAGES


@cache
def module_file(name: str) -> Path | None:
    """Return the source file of a module of ours, compiled or not; None if there is none."""
    package, *inner = name.split(".")
    spec = find_spec(package) if package in PACKAGES else None
    for folder in (spec.submodule_search_locations or ()) if spec is not None else ():
        place = Path(folder, *inner)
        for path in (place.with_suffix(".py"), place / "__init__.py"):
            if path.is_file():
                return path
    return None


def modules_of(package: str) -> list[str]:
    """Return the names of all modules of a package, in order."""
    initial = module_file(package)
    if initial is None or initial.name != "__init__.py":
        return [package] if initial is not None else []
    folder = initial.parent
    names = [
        ".".join([package, *path.relative_to(folder).with_suffix("").parts])
        for path in folder.rglob("*.py")
    ]
    return sorted(name.removesuffix(".__init__") for name in names)


def is_within(module: str, places: Iterable[str]) -> bool:
    """Tell whether a module is one of some modules, or inside one of these packages."""
    return any(module == place or module.startswith(f"{place}.") for place in places)
