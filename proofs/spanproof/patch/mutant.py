"""What a mutant is: a change of one function's source text."""

from typing import NamedTuple

from spanproof.patch.patches import patched
from spanproof.symbolic.reading.sources import SourceTree

_INSTALLED = SourceTree()


def module_and_place(function: str) -> tuple[str, str]:
    """Return the module of a function or method, and its name inside: `f`, or `Class.method`.

    A class begins with a capital, a module does not.
    """
    module, _, inside = function.rpartition(".")
    above, _, kind = module.rpartition(".")
    return (above, f"{kind}.{inside}") if kind != kind.lower() else (module, inside)


class Mutant(NamedTuple):
    """A variant: in `function` (module.name, or module.Class.name), the text `old` becomes `new`.

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
        return module_and_place(self.function)[0]

    def text(self) -> str:
        """Return the whole changed text of the module.

        Raises: DoesNotApply if the old text is not in the function's code, and nothing that differs
            in layout or in names of variables only: the mutant is out of date.
        """
        module = _INSTALLED.module(self.module)
        name = module_and_place(self.function)[1]
        return patched(module.text, self.old, self.new, function=name, where=self.module)

    def sources(self) -> SourceTree:
        """Return the sources with this change.

        Raises: DoesNotApply if it is out of date.
        """
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
