"""Wrong variants that a program can run on: the model's span with a mutant, spanalloc with a bug.

A variant is made in this process, from sources; what is installed is untouched.
"""

import ast
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from importlib import import_module
from importlib.abc import InspectLoader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Final, NamedTuple, cast

from spanproof.fingerprint.modules import module_file
from spanproof.fuzz.heapsides import SideFactory
from spanproof.fuzz.planted import heap as heaps
from spanproof.fuzz.planted import span as spans
from spanproof.fuzz.planted.planting import PlantedBug, package_with
from spanproof.fuzz.planted.schedule import RACES
from spanproof.fuzz.sides.spanalloc_subject import spans_of_package
from spanproof.fuzz.sides.spanallocheap import heaps_of_package
from spanproof.fuzz.subjects import ModelSpan, SubjectFactory
from spanproof.mutation.knownbugs.catalogue import BUGS
from spanproof.patch.mutant import Mutant
from spanproof.symbolic.reading.sources import SourceTree
from spanproof.theorems.mutants import MUTANTS
from spanspec.rules.book import cited

MODEL: Final = "spanspec."
ANEW: Final = ("spanspec.span.", "spanproof.fuzz.subjects")
"""What is imported anew for a variant of the model's span."""


class ModelVariant(NamedTuple):
    """What is wrong with a variant, the rules that it breaks, if that is known, and how it is made.

    What is made is a factory: of spans, or of heaps. `function` is what a mutant changes.
    """

    name: str
    rules: tuple[str, ...]
    make: Callable[[], Callable[..., object]]
    function: str = ""


class ChangedLoader(InspectLoader):
    """Loads a module of the model from its source, or from other text."""

    def __init__(self, path: Path, text: str | None) -> None:
        self._path = path
        self._text = text

    def get_source(self, fullname: str) -> str:
        """Return the text of the module."""
        return self._text if self._text is not None else self._path.read_text(encoding="utf-8")


class SourcesFinder(MetaPathFinder):
    """Finds modules by their sources only, one of them changed."""

    def __init__(self, module: str, text: str, places: dict[str, Path]) -> None:
        self._module = module
        self._text = text
        self._places = places

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return where a module is that is imported anew."""
        place = self._places.get(fullname)
        if place is None:
            return None
        text = self._text if fullname == self._module else None
        return spec_from_file_location(fullname, place, loader=ChangedLoader(place, text))


def model_span_with(module: str, text: str) -> SubjectFactory:
    """Return what makes spans of the model, of which one module has other text."""
    names = [
        name for name in sys.modules if name == module or name.startswith(ANEW) or name in ANEW
    ]
    places = {name: source_of(name) for name in {*names, module}}
    installed = {name: sys.modules.pop(name) for name in names}
    finder = SourcesFinder(module, text, places)
    sys.meta_path.insert(0, finder)
    try:
        return cast("type[ModelSpan]", import_module("spanproof.fuzz.subjects").ModelSpan)
    finally:
        sys.meta_path.remove(finder)
        for name in [name for name in sys.modules if name in places]:
            del sys.modules[name]
        sys.modules.update(installed)


def source_of(name: str) -> Path:
    """Return the source of a module, compiled or not."""
    found = module_file(name)
    assert found is not None, f"there is no source of {name}"
    return found


def of_span() -> Iterator[ModelVariant]:
    """Yield the wrong variants of a span: those with a known origin first.

    Two theorems may refute the same change; it is one variant.
    """
    seen = set()
    for known in BUGS:
        module = f"{MODEL}{known.module}"
        if module.startswith(ANEW):
            text = SourceTree().module(module).text
            changed = known.apply(text)
            origin = "" if known.origin == "plain" else f"Go {known.origin}: "
            make = partial(model_span_with, module, changed)
            function = f"{module}.{known.function or function_with(text, known.old)}"
            seen.add((function, known.old, known.new))
            yield ModelVariant(f"{origin}{known.story}", (), make, function)
    for bug in spans.PLANTED:
        yield ModelVariant(bug.name, (), partial(planted_span, bug))
    for mutant in MUTANTS.values():
        change = mutant.function, mutant.old, mutant.new
        if change in seen:
            continue
        seen.add(change)
        if mutant.module.startswith(ANEW) or mutant.module == "spanspec.base.words":
            make = partial(of_mutant, mutant)
            yield ModelVariant(mutant.story, rules_of(mutant), make, mutant.function)


def function_with(text: str, piece: str) -> str:
    """Return the name of the function of a module in which a piece of its text begins."""
    at = text.find(piece)
    line = text.count("\n", 0, at + len(piece) - len(piece.lstrip())) + 1
    functions = [one for one in ast.walk(ast.parse(text)) if isinstance(one, ast.FunctionDef)]
    around = [one for one in functions if one.lineno <= line <= (one.end_lineno or 0)]
    return max(around, key=lambda one: one.lineno).name if at >= 0 and around else ""


def planted_span(bug: PlantedBug) -> SubjectFactory:
    """Return what makes spans of spanalloc with a bug."""
    return spans_of_package(package_with(bug))


def planted_heap(bug: PlantedBug) -> SideFactory:
    """Return what makes heaps of spanalloc with a bug."""
    return heaps_of_package(package_with(bug))


def of_mutant(mutant: Mutant) -> SubjectFactory:
    """Return what makes spans of the model with a mutant."""
    return model_span_with(mutant.module, mutant.text())


def rules_of(mutant: Mutant) -> tuple[str, ...]:
    """Return the rules that the function cites which a mutant changes."""
    function: object = getattr(import_module(mutant.module), mutant.function.rpartition(".")[2])
    return cited(getattr(function, "__doc__", None))


def of_heap() -> Iterator[ModelVariant]:
    """Yield the wrong variants of a heap."""
    for bug in heaps.BUGS:
        name = f"Go {bug.name}" if bug.name.startswith("#") else bug.name
        yield ModelVariant(name, (), partial(planted_heap, bug))


def of_schedule() -> Iterator[ModelVariant]:
    """Yield the wrong variants of a heap that only several Ps at once can tell."""
    for bug in RACES:
        yield ModelVariant(bug.name, (), partial(planted_heap, bug))
