"""The functions of the model that change the state, or decide what changes, and who reads them.

These are the rules, steps, guards and courses: each function whose docstring cites a rule. A proof
reads one as a formula, or runs it wherever it is met in a small system. What none reads is listed
with the reason, or is a gap.
"""

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Final, NamedTuple

from spanproof.fingerprint.modules import is_within, module_file, modules_of
from spanproof.report.unread import UNREAD

MODEL: Final = "spanspec"

LEFT_OUT: Final = ("spanspec.rules", "spanspec.compiled")
"""What is no part of the allocator: the rule book, and what tells how the package runs."""

KERNELS: Final = ("spanalloc.span.kernels", "spanalloc.span.tiny")
"""Where the implementation decides by arithmetic alone; it cites no rules."""

CITES: Final = re.compile(r"^\s*Rules: ", re.MULTILINE)
"""The line of a docstring that cites rules."""

Function = ast.FunctionDef | ast.AsyncFunctionDef


class ReadBy(NamedTuple):
    """Who reads a function: obligations that are formulas, and such as are decided by running.

    `reason` says why none does; it is empty where one does, and where no reason is known.
    """

    function: str
    read_by: tuple[str, ...]
    run_by: tuple[str, ...]
    reason: str

    @property
    def is_read(self) -> bool:
        """Whether an obligation reads or runs it."""
        return bool(self.read_by or self.run_by)


def readings(
    readers: Mapping[str, Sequence[str]], runs: Mapping[str, Sequence[str]]
) -> dict[str, list[ReadBy]]:
    """Return for each module its functions that decide, and who reads each.

    `readers` has the obligations that read a function, `runs` the functions that each obligation
    runs.
    """
    runners: dict[str, list[str]] = {}
    for obligation, functions in runs.items():
        for function in functions:
            runners.setdefault(function, []).append(obligation)
    return {
        module: [
            ReadBy(
                name,
                read_by := tuple(readers.get(name, ())),
                run_by := tuple(runners.get(name, ())),
                "" if read_by or run_by else reason_for(name),
            )
            for name in names
        ]
        for module, names in deciding_functions().items()
    }


def reason_for(function: str) -> str:
    """Return the reason why no obligation reads a function, empty if none is known."""
    return next((why for name, why in UNREAD.items() if fnmatchcase(function, name)), "")


def outdated_reasons(found: Mapping[str, Sequence[ReadBy]]) -> list[str]:
    """Return the reasons that stand for no function any more: what they name is read, or gone."""
    unread = [one.function for made in found.values() for one in made if not one.is_read]
    return [name for name in UNREAD if not any(fnmatchcase(one, name) for one in unread)]


def deciding_functions() -> dict[str, list[str]]:
    """Return for each module the functions that change the state or decide what changes."""
    found = {
        module: [name for name, _ in citing_functions(module, text)]
        for module, text in texts_of_the_model()
    }
    for module in KERNELS:
        path = module_file(module)
        if path is not None:
            body = ast.parse(path.read_text(encoding="utf-8")).body
            found[module] = [f"{module}.{one.name}" for one in body if isinstance(one, Function)]
    return {module: names for module, names in found.items() if names}


def citing_functions(module: str, text: str) -> Iterator[tuple[str, Function]]:
    """Yield the functions and methods of a module whose docstring cites a rule, by dotted name."""
    for node in ast.parse(text).body:
        if isinstance(node, Function) and cites_rules(node):
            yield f"{module}.{node.name}", node
        elif isinstance(node, ast.ClassDef):
            for part in node.body:
                if isinstance(part, Function) and cites_rules(part):
                    yield f"{module}.{node.name}.{part.name}", part


def cites_rules(node: Function) -> bool:
    """Tell whether a function's docstring has a line that cites rules."""
    return CITES.search(ast.get_docstring(node) or "") is not None


def texts_of_the_model() -> Iterator[tuple[str, str]]:
    """Yield the modules of the allocator, each with its text."""
    for module in modules_of(MODEL):
        path = module_file(module)
        if path is not None and not is_within(module, LEFT_OUT):
            yield module, path.read_text(encoding="utf-8")
