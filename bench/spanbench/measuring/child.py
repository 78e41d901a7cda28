"""Measuring in a process of its own: for peak memory, and for packages that run interpreted.

A task is a function of strings that returns numbers by name; it is named as `module:function`.
"""

import importlib
import json
import os
import resource
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final, cast

from spanproof.support.processes.programs import ran

COPIED: Final = ("spanspec", "spanalloc")
"""The packages of which a part is compiled."""

Figures = Mapping[str, float]
"""What a task returns, and `peak`, the most bytes that were resident in its process."""


def in_child(task: str, *arguments: str, path: Path | None = None) -> Figures:
    """Run a task in a new process, with a folder in front of its module path.

    Raises: RuntimeError with the last line that the process wrote, if it fails.
    """
    folders = [*([str(path)] if path else []), *filter(None, [os.environ.get("PYTHONPATH")])]
    done = ran(
        [sys.executable, "-m", __name__, task, *arguments],
        environment={**os.environ, "PYTHONPATH": os.pathsep.join(folders)},
    )
    if done.returncode != 0:
        raise RuntimeError(f"{task}: {done.stderr.strip().splitlines()[-1:]}")
    return cast(Figures, json.loads(done.stdout))


@contextmanager
def sources_only() -> Iterator[Path]:
    """Give a folder with copies of our packages that have no compiled modules."""
    with tempfile.TemporaryDirectory() as name:
        for package in COPIED:
            source = Path(next(iter(importlib.import_module(package).__path__)))
            ignored = shutil.ignore_patterns("*.so", "*.pyd", "__pycache__")
            shutil.copytree(source, Path(name, package), ignore=ignored)
        yield Path(name)


def main() -> None:
    """Run the task that the command line names, and print its figures as JSON."""
    name, *arguments = sys.argv[1:]
    module, _, function = name.partition(":")
    task = cast(Callable[..., Figures], getattr(importlib.import_module(module), function))
    figures = dict(task(*arguments))
    figures["peak"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024.0
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
