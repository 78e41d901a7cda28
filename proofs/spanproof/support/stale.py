"""Which packages run from source because that has changed since they were compiled.

`python -m spanproof.support.stale` prints a line for each, and ends with status 1 if there is one.
"""

import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from spanspec.compiled import how

PACKAGES: Final = ("spanspec", "spanproof.replay", "spanalloc", "spanbench")


def stale() -> Iterator[str]:
    """Yield a line about each package that runs from source although it was compiled."""
    for package in PACKAGES:
        spec = find_spec(package)
        for place in (spec.submodule_search_locations if spec is not None else None) or ():
            running = how(Path(place))
            if running.stale:
                yield f"{package} runs from its source: {running.reason}"


def main() -> int:
    """Print the lines; return 1 if there are any."""
    lines = list(stale())
    for line in lines:
        print(line)
    return int(bool(lines))


if __name__ == "__main__":
    sys.exit(main())
