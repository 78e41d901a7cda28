"""The seed program of this field: ten objects of 1 MiB, and what the process is charged for them.

    python -m spanalloc.programs.seed [--svg FILE]

Address space is taken when objects are allocated, memory when they are touched; a cycle that finds
them dead gives nothing back, the scavenger does.
"""

import argparse
import os
from pathlib import Path
from typing import Final, NamedTuple

from spanalloc.heap.heap import Heap

OBJECTS: Final = 10
MIB: Final = 1 << 20
WIDTH: Final = 50
"""Characters, or fiftieths of the picture, for the longest bar."""


class Stage(NamedTuple):
    """A moment of the program: bytes of address space, and of memory, above those at its start."""

    name: str
    vms: int
    rss: int


def usage() -> tuple[int, int]:
    """Return the bytes of address space and of resident memory of this process."""
    pages = Path("/proc/self/statm").read_text(encoding="ascii").split()
    unit = os.sysconf("SC_PAGE_SIZE")
    return int(pages[0]) * unit, int(pages[1]) * unit


def run(objects: int = OBJECTS, size: int = MIB) -> list[Stage]:
    """Run the program and return its stages."""
    stages: list[Stage] = []
    vms, rss = usage()

    def note(name: str) -> None:
        now_vms, now_rss = usage()
        stages.append(Stage(name, now_vms - vms, now_rss - rss))

    with Heap() as heap:
        note("a new heap")
        addresses = [heap.malloc(size, noscan=True) for _ in range(objects)]
        note(f"{objects} objects of {size >> 20} MiB allocated")
        for address in addresses[: objects // 2]:
            touch(heap, address, size)
        note("half of them touched")
        for address in addresses[objects // 2 :]:
            touch(heap, address, size)
        note("all touched")
        heap.collect(live=())
        heap.sweep_all()
        note("found dead by a cycle, and swept")
        heap.free_os_memory()
        note("returned by the scavenger")
    note("heap closed")
    return stages


def touch(heap: Heap, address: int, size: int) -> None:
    """Write to every page of an object."""
    view = heap.memory(address, size)
    for offset in range(0, size, 4096):
        view[offset] = 1


def as_text(stages: list[Stage]) -> str:
    """Return the stages as a table with a bar for the resident memory."""
    most = max(1, *(stage.rss for stage in stages))
    lines = [f"{'':<34}{'VMS':>10}{'RSS':>10}"]
    for stage in stages:
        bar = "#" * round(max(0, stage.rss) * WIDTH / most)
        figures = f"{stage.vms / MIB:>6.1f} MiB{stage.rss / MIB:>6.1f} MiB"
        lines.append(f"{stage.name:<34}{figures}  {bar}".rstrip())
    return "\n".join(lines)


def as_svg(stages: list[Stage]) -> str:
    """Return the stages as a picture: a bar of resident memory for each."""
    most = max(1, *(stage.rss for stage in stages))
    row, left, long = 28, 230, 380
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + long + 90}" '
        f'height="{row * len(stages) + 12}" font-family="sans-serif" font-size="13">'
    ]
    for number, stage in enumerate(stages):
        top = 8 + number * row
        length = round(max(0, stage.rss) * long / most)
        parts += [
            f'<text x="{left - 8}" y="{top + 14}" text-anchor="end">{stage.name}</text>',
            f'<rect x="{left}" y="{top}" width="{length}" height="18" fill="#3f51b5"/>',
            f'<text x="{left + length + 6}" y="{top + 14}">{stage.rss / MIB:.1f} MiB</text>',
        ]
    return "\n".join([*parts, "</svg>"]) + "\n"


def main() -> int:
    """Run the program from the command line."""
    parser = argparse.ArgumentParser(prog="python -m spanalloc.programs.seed", description=__doc__)
    parser.add_argument("--svg", type=Path, help="write the chart here")
    given = parser.parse_args()
    stages = run()
    print(as_text(stages))
    if given.svg is not None:
        given.svg.write_text(as_svg(stages), encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
