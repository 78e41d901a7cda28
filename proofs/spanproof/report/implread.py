"""How much of the implementation's spans and pages obligations read, as formulas or by running."""

import ast
from collections.abc import Collection, Iterator
from typing import Final, NamedTuple

from spanproof.fingerprint.modules import module_file
from spanproof.report.deciding import Function

COUNTED: Final = (
    "span.kernels",
    "base.sizeclass",
    "span.layout",
    "span.span",
    "span.tiny",
    "heap.marks",
    "central.slotzero",
    "base.pagesizes",
    "base.maxtree",
    "pages.pageset",
    "pages.pagemap",
    "pages.freeruns",
    "pages.freespans",
    "pages.pageheap",
)
"""The modules of spanalloc that are about spans, and then those about pages."""

STRUCTURES: Final = ("span.span", "span.layout", "base.maxtree", "pages.pagemap")
"""Those that hold what every allocation rests on: `Span`, `MaxTree` and the page map."""


class ReadShare(NamedTuple):
    """Of a module of spanalloc, the lines of code in functions, and how many of them are read.

    `unread` names the functions that no obligation reads.
    """

    module: str
    lines: int
    read: int
    unread: tuple[str, ...]


def shares(read: Collection[str]) -> list[ReadShare]:
    """Return the share of each module, if some functions, by dotted names, are read."""
    return [share_of(module, read) for module in COUNTED]


def share_of(module: str, read: Collection[str]) -> ReadShare:
    """Return the share of one module."""
    name = f"spanalloc.{module}"
    path = module_file(name)
    assert path is not None, f"{name} has a source"
    text = path.read_text(encoding="utf-8")
    lines = {f"{name}.{inner}": lines_of(function) for inner, function in functions_in(text)}
    unread = tuple(one for one in lines if one not in read)
    every = sum(lines.values())
    return ReadShare(module, every, every - sum(lines[one] for one in unread), unread)


def functions_in(text: str) -> Iterator[tuple[str, Function]]:
    """Yield the functions of a module and the methods of its classes, by their names inside it."""
    for node in ast.parse(text).body:
        if isinstance(node, Function):
            yield node.name, node
        elif isinstance(node, ast.ClassDef):
            for part in node.body:
                if isinstance(part, Function):
                    yield f"{node.name}.{part.name}", part


def lines_of(function: Function) -> int:
    """Return how many lines of a function's body have code; its docstring is none."""
    body = function.body if ast.get_docstring(function) is None else function.body[1:]
    nodes = (node for statement in body for node in ast.walk(statement))
    return len({node.lineno for node in nodes if isinstance(node, ast.stmt | ast.expr)})
