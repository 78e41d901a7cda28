"""The memory that a process and all that descends from it hold together."""

import os
import resource
from collections.abc import Iterator
from pathlib import Path
from typing import Final

PAGE: Final = resource.getpagesize()
PSS: Final = "Pss:"
"""How the line begins that has, in KiB, what a process has with its share of what is common."""


def is_beyond(pid: int, most: int) -> bool:
    """Tell whether the descendants of a process hold more bytes than `most`, without itself.

    What several of them have in common counts once: they may be forks of one another.
    """
    held = 0
    processes = list(descendants(pid))
    for one in processes:
        held += resident(one)
    return held > most and sum(map(share, processes)) > most


def descendants(pid: int) -> Iterator[int]:
    """Yield the numbers of the processes that descend from one, as far as the system tells."""
    found: set[int] = set()
    left = [pid]
    while left:
        parent = left.pop()
        try:
            threads = os.listdir(f"/proc/{parent}/task")
        except OSError:
            continue  # it has ended
        for thread in threads:
            for child in numbers_in(Path(f"/proc/{parent}/task/{thread}/children")):
                if child not in found:
                    found.add(child)
                    left.append(child)
                    yield child


def resident(pid: int) -> int:
    """Return the bytes of memory that a process has, its own and shared; 0 if it has ended."""
    return (numbers_in(Path(f"/proc/{pid}/statm")) or [0, 0])[1] * PAGE


def share(pid: int) -> int:
    """Return the same with its share only of what others have, too."""
    try:
        with open(f"/proc/{pid}/smaps_rollup", encoding="ascii", errors="replace") as file:
            return sum(int(line.split()[1]) << 10 for line in file if line.startswith(PSS))
    except (OSError, ValueError, IndexError):
        return resident(pid)


def numbers_in(path: Path) -> list[int]:
    """Return the numbers that a file of the system has; none if there is no such file."""
    try:
        with open(path, encoding="ascii") as file:
            return [int(word) for word in file.read().split()]
    except (OSError, ValueError):
        return []
