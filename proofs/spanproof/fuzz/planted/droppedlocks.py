"""Locks that are not taken: each section of the implementation under a lock, without it.

The sections are read from the sources, so that one which is added later is tried as well. What
shows a missing lock is not an order of threads, which may be rare: under test each access to what
is shared asks whether its lock is held (`spanalloc.base.mutex`).
"""

import ast
from collections import Counter
from collections.abc import Iterator
from typing import Final

from spanproof.fuzz.planted.planting import PlantedBug
from spanproof.fuzz.planted.sources import modules

ORIGINS: Final = {
    "heap.scavenge_all": "#52158, #35788",
    "pageheap.free_span": "#37487, #40372",
}
"""Issues of the Go runtime in which this very lock was missing."""

LOCK: Final = "lock"
"""The attribute that a lock is, wherever a section of several threads is protected by one."""


def dropped_locks() -> list[PlantedBug]:
    """Return a planted bug for each section under a lock, in the order of the sources."""
    found: list[PlantedBug] = []
    for module, text in modules():
        found.extend(in_module(module, text))
    return found


def in_module(module: str, text: str) -> Iterator[PlantedBug]:
    """Yield the bugs of one module."""
    lines = text.splitlines(keepends=True)
    seen: Counter[str] = Counter()
    for function in ast.walk(ast.parse(text)):
        if not isinstance(function, ast.FunctionDef):
            continue
        for section in ast.walk(function):
            if isinstance(section, ast.With) and any(is_lock(one) for one in section.items):
                name = f"{module.rpartition('.')[2]}.{function.name}"
                seen[name] += 1
                # From its function on, the text of a section is the only one of its kind.
                first, last = function.lineno - 1, section.body[0].lineno - 1
                header = section.lineno - 1
                before = "".join(lines[first:header])
                yield PlantedBug(
                    titled(name, seen[name]),
                    module,
                    before + "".join(lines[header:last]),
                    before + without_lock(section) + "\n",
                )


def titled(name: str, number: int) -> str:
    """Return what a bug is called."""
    origin = f"{ORIGINS[name]}: " if name in ORIGINS else ""
    return f"{origin}no lock in {name}{f', section {number}' if number > 1 else ''}"


def is_lock(item: ast.withitem) -> bool:
    """Tell whether an item of a `with` statement takes a lock."""
    return isinstance(item.context_expr, ast.Attribute) and item.context_expr.attr == LOCK


def without_lock(section: ast.With) -> str:
    """Return the first line of a section that takes no lock, but what else it took."""
    others = [ast.unparse(one) for one in section.items if not is_lock(one)]
    indent = " " * section.col_offset
    return f"{indent}with {', '.join(others)}:" if others else f"{indent}if True:"
