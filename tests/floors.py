"""Print the lowest version of each dependency that pyproject.toml admits, as pip takes it.

`make floors` installs them into a folder of their own, proves everything and runs the tests of the
command line there. What is declared is tried at both ends: `make test` takes the newest.
"""

import sys
import tomllib
from pathlib import Path

from packaging.requirements import Requirement


def floor(text: str) -> str:
    """Return a requirement pinned to the lowest version it admits.

    Raises: ValueError if it names no lowest version.
    """
    requirement = Requirement(text)
    for one in requirement.specifier:
        if one.operator in (">=", "=="):
            return f"{requirement.name}=={one.version}"
    raise ValueError(f"{text}: no lowest version is given")


def main(project: Path) -> None:
    """Print the pins of what is needed to run and to test."""
    declared = tomllib.loads(project.read_text(encoding="utf-8"))["project"]
    for text in [*declared["dependencies"], *declared["optional-dependencies"]["test"]]:
        print(floor(text))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
