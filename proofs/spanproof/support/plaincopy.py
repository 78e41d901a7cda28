"""A copy of a package of ours as plain Python, whether or not the installed one is compiled.

The copy stands in front of the installed model on the path of another process.
"""

import os
import shutil
from importlib import import_module
from pathlib import Path
from types import ModuleType

import spanspec


def copy_model(folder: Path) -> Path:
    """Write the model's source into a folder, and return the package's own folder in it."""
    return copy_package(spanspec, folder)


def copy_package(package: ModuleType, folder: Path) -> Path:
    """Write a package's source into a folder, and return the package's own folder in it."""
    source = Path(next(iter(package.__path__)))
    ignored = shutil.ignore_patterns("*.so", "*.pyd", "__pycache__")
    return Path(shutil.copytree(source, folder / source.name, ignore=ignored))


def copy_changed(folder: Path, module: str, text: str) -> None:
    """Write the source of a module's package into a folder, with another text for the module."""
    package, _, inner = module.partition(".")
    copy = copy_package(import_module(package), folder)
    (copy / f"{inner.replace('.', '/')}.py").write_text(text, encoding="utf-8")


def environment(folder: Path) -> dict[str, str]:
    """Return an environment in which Python imports the packages of a folder before all others."""
    paths = [str(folder), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
