"""Definitions that are written otherwise than when all was proved, and are the same ones.

Such an edit changes the key of every obligation that rests on one, and nothing that could be found
out. So the sources are kept whose obligations hold. After an edit, an obligation has two keys: its
own, and that of the same obligation where each definition that differs is written as it was before.
An answer under the second one is an answer to the obligation of before; it is one to the present
obligation if `sameness` shows that the definitions are the same. What is kept is believed for
nothing but that: a text that is not the one that was proved leads to a key that has no answer.
"""

import ast
from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Final, NamedTuple

from spanproof.decide.cache import Cache
from spanproof.decide.resting import code_of_ours, sources_of_claims
from spanproof.fingerprint.code import Code
from spanproof.fingerprint.dependencies import Sources
from spanproof.fingerprint.modules import module_file, modules_of
from spanproof.fingerprint.units import Unit, digest_of
from spanproof.fingerprint.walking import written

if TYPE_CHECKING:
    from spanproof.prove.exploration import Exploration
    from spanproof.prove.proof import Obligation
    from spanproof.symbolic.values.arithmetic import Arithmetic

PACKAGES: Final = ("spanspec", "spanalloc")
"""The packages whose definitions are looked at: what obligations are about."""

CLAIMS: Final = "spanproof.theorems"

MOST: Final = 8
"""Definitions that are looked at: of more at once, hardly all are the same."""

PARTS: Final = frozenset({"at_loop", "cases", "results_of"})
"""What a claim calls that asks for a part of a rule by itself."""

Definition = ast.FunctionDef | ast.ClassDef


class Edit(NamedTuple):
    """A definition that is written otherwise: as it is now, and as it was."""

    now: Definition
    before: Definition


class Reading(NamedTuple):
    """How an obligation reads rules: in an arithmetic, or None if it runs them; and whether it
    looks at parts of them by themselves.
    """

    arithmetic: "Arithmetic | None"
    apart: bool = False


def texts_of_ours() -> dict[str, str]:
    """Return the text of each module that obligations are about."""
    return {
        name: path.read_text(encoding="utf-8")
        for package in PACKAGES
        for name in modules_of(package)
        if (path := module_file(name)) is not None
    }


def remember(cache: Cache, world: str) -> None:
    """Keep the sources, of which `world` is the fingerprint, as those whose obligations hold."""
    if world and cache.get(_key("world"), str) != world:
        cache.put(_key("texts"), texts_of_ours())
        cache.put(_key("world"), world)


def _key(what: str) -> str:
    return digest_of("all was proved", what, *(str(module_file(name)) for name in PACKAGES))


class Rewritten:
    """What is written otherwise than before, and the sources in which it is not."""

    def __init__(
        self, edits: dict[Unit, Edit], texts: dict[str, str], cache: Cache, code: Code | None
    ) -> None:
        """`texts` has the modules in which the definitions are written as before; of the others
        much may be known.
        """
        self.units = frozenset(edits)
        self.sources: Sources = sources_of_claims(code_of_ours(cache, texts, code))
        self._edits = edits
        self._texts = texts
        self._known: dict[tuple[Unit, str, bool], bool] = {}

    @cached_property
    def _asking_for_parts(self) -> frozenset[Unit]:
        found = set[Unit]()
        for name in modules_of(CLAIMS):
            facts = self.sources.facts(name)
            for unit, said in facts.units.items() if facts is not None else ():
                if any(one.attribute in PARTS for one in said.mentions):
                    found.add(Unit(name, unit))
        return frozenset(found)

    def reading(self, claim: "Obligation | Exploration", units: frozenset[Unit]) -> Reading:
        """Return how a claim that rests on some units reads rules."""
        from spanproof.prove.exploration import Exploration

        if isinstance(claim, Exploration):
            return Reading(None)
        stated = bool(claim.contracts or claim.loops)
        return Reading(claim.arithmetic, stated or not self._asking_for_parts.isdisjoint(units))

    def are_same(self, units: Iterable[Unit], reading: Reading) -> bool:
        """Tell whether some of the definitions are the same as before to who reads them so."""
        return all(self._is_same(unit, reading) for unit in sorted(units))

    def _is_same(self, unit: Unit, reading: Reading) -> bool:
        arithmetic, apart = reading
        key = unit, "" if arithmetic is None else arithmetic.name, apart
        if key not in self._known:
            from importlib import import_module

            from spanproof.decide.sameness import same_form, same_in_proofs, same_when_run
            from spanproof.symbolic.reading.sources import SourceTree

            edit = self._edits[unit]
            if same_form(edit.now, edit.before):
                self._known[key] = True
            elif not (is_plain(edit.now) and is_plain(edit.before)):
                self._known[key] = False
            else:
                rule = getattr(import_module(unit.module), unit.name)
                before = SourceTree(self._texts)
                self._known[key] = (
                    same_when_run(rule, before)
                    if arithmetic is None
                    else same_in_proofs(rule, before, arithmetic, apart=apart)
                )
        return self._known[key]


def rewritten(cache: Cache, code: Code | None = None) -> Rewritten | None:
    """Return what is written otherwise than when all was proved.

    None where that is unknown, or nothing, or so much that to look at it would take its time, too.
    """
    kept = cache.get(_key("texts"), dict[str, str])
    if kept is None:
        return None
    edits: dict[Unit, Edit] = {}
    texts: dict[str, str] = {}
    for module, text in texts_of_ours().items():
        if kept.get(module, text) != text:
            texts[module], its = with_definitions_of(text, kept[module])
            edits |= {Unit(module, name): edit for name, edit in its.items()}
    return Rewritten(edits, texts, cache, code) if 0 < len(edits) <= MOST else None


def with_definitions_of(text: str, before: str) -> tuple[str, dict[str, Edit]]:
    """Return a module's text with its definitions written as in another text, and which differ.

    Definitions are the functions and classes of the top level. There are none in what is no Python.
    """
    try:
        now, then = dict(_definitions(text)), dict(_definitions(before))
        edits = {
            name: Edit(now[name], then[name])
            for name in now.keys() & then.keys()
            if written(now[name], docstrings=False) != written(then[name], docstrings=False)
        }
        lines, old = text.split("\n"), before.split("\n")
        for edit in sorted(edits.values(), key=lambda one: -one.now.lineno):
            lines[_lines(edit.now)] = old[_lines(edit.before)]
        changed = "\n".join(lines)
        ast.parse(changed)
    except (SyntaxError, ValueError):
        return text, {}
    return changed, edits


def _lines(definition: Definition) -> slice:
    assert definition.end_lineno is not None
    first = min(node.lineno for node in (definition, *definition.decorator_list))
    return slice(first - 1, definition.end_lineno)


def _definitions(text: str) -> Iterator[tuple[str, Definition]]:
    """Yield the functions and classes that are defined once at the top level of a text."""
    body = ast.parse(text).body
    defined = [one for one in body if isinstance(one, Definition)]
    names = [one.name for one in defined]
    yield from ((one.name, one) for one in defined if names.count(one.name) == 1)


def is_plain(definition: Definition) -> bool:
    """Tell whether a definition is a function, and nothing else bears its name."""
    return isinstance(definition, ast.FunctionDef) and not definition.decorator_list
