"""What a mutant is: a change of one function's source text."""

import ast
from typing import NamedTuple

from spanproof.symbolic.sources import SourceTree

_INSTALLED = SourceTree()


class Mutant(NamedTuple):
    """A variant: in `function` (module.name), the text `old` becomes `new`.

    `killed_by` is the obligation that must fail on it; `story` says what is wrong.
    """

    name: str
    function: str
    old: str
    new: str
    killed_by: str
    story: str

    @property
    def module(self) -> str:
        """The module whose text is changed."""
        return self.function.rpartition(".")[0]

    def text(self) -> str:
        """Return the whole changed text of the module.

        Raises: ValueError if the old text is not in the function's code: the mutant is out of
            date. Docstrings are not code.
        """
        module = _INSTALLED.module(self.module)
        tree = module.functions[self.function.rpartition(".")[2]]
        source = ast.get_source_segment(module.text, tree) or ""
        docstring = ast.get_source_segment(module.text, tree.body[0]) or ""
        head, _, code = source.partition(docstring)
        if ast.get_docstring(tree) is None or self.old not in code:
            raise ValueError(f"mutant {self.name}: {self.old!r} is not in {self.function}")
        changed = head + docstring + code.replace(self.old, self.new, 1)
        return module.text.replace(source, changed, 1)

    def sources(self) -> SourceTree:
        """Return the sources with this change."""
        return SourceTree({self.module: self.text()})


class Variant(NamedTuple):
    """A mutant without its function's name, for tables that group by function."""

    name: str
    old: str
    new: str
    killed_by: str
    story: str


def variants_of(function: str, *variants: Variant) -> tuple[Mutant, ...]:
    """Return the mutants of one function."""
    return tuple(Mutant(v.name, function, v.old, v.new, v.killed_by, v.story) for v in variants)
