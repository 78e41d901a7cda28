"""Functions that are written otherwise than when all was proved, and are the same functions.

Such an edit changes the key of every obligation that rests on the function, and nothing that could
be found out. So the sources are kept whose obligations hold. After an edit, an obligation has two
keys: its own, and that of the same obligation where each function that differs is written as it was
before. An answer under the second one is an answer to the obligation of before; it is one to the
present obligation if `sameness` shows that the functions are the same. What is kept is believed for
nothing but that: a text that is not the one that was proved leads to a key that has no answer.
"""

import ast
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final

from spanproof.decide.cache import Cache
from spanproof.decide.resting import code_of_ours, sources_of_claims
from spanproof.fingerprint.dependencies import Sources
from spanproof.fingerprint.modules import module_file, modules_of
from spanproof.fingerprint.units import Unit, digest_of
from spanproof.fingerprint.walking import written

if TYPE_CHECKING:
    from spanproof.symbolic.arithmetic import Arithmetic

PACKAGE: Final = "spanspec"
"""The package whose functions are looked at: the rules."""


def texts_of_rules() -> dict[str, str]:
    """Return the text of each module of rules."""
    return {
        name: path.read_text(encoding="utf-8")
        for name in modules_of(PACKAGE)
        if (path := module_file(name)) is not None
    }


def remember(cache: Cache, world: str) -> None:
    """Keep the sources, of which `world` is the fingerprint, as those whose obligations hold."""
    if cache.get(_key("world"), str) != world:
        cache.put(_key("texts"), texts_of_rules())
        cache.put(_key("world"), world)


def _key(what: str) -> str:
    return digest_of("all was proved", what, str(module_file(PACKAGE)))


class Rewritten:
    """The functions that are written otherwise than before, and the sources where they are not."""

    def __init__(self, functions: Iterable[Unit], texts: dict[str, str], cache: Cache) -> None:
        """`texts` has the modules in which the functions are written as before."""
        self.functions = frozenset(functions)
        self.sources: Sources = sources_of_claims(code_of_ours(cache, texts))
        self._texts = texts
        self._known: dict[tuple[Unit, str], bool] = {}

    def are_same(self, functions: Iterable[Unit], arithmetic: "Arithmetic | None") -> bool:
        """Tell whether functions are the same in the proofs of an arithmetic; None: when run."""
        return all(self._is_same(one, arithmetic) for one in sorted(functions))

    def _is_same(self, function: Unit, arithmetic: "Arithmetic | None") -> bool:
        key = function, "" if arithmetic is None else arithmetic.name
        if key not in self._known:
            from importlib import import_module

            from spanproof.decide.sameness import same_in_proofs, same_when_run
            from spanproof.symbolic.sources import SourceTree

            rule = getattr(import_module(function.module), function.name)
            before = SourceTree(self._texts)
            self._known[key] = (
                same_when_run(rule, before)
                if arithmetic is None
                else same_in_proofs(rule, before, arithmetic)
            )
        return self._known[key]


def rewritten(cache: Cache) -> Rewritten | None:
    """Return what is written otherwise than when all was proved; None where nothing is known."""
    kept = cache.get(_key("texts"), dict[str, str])
    if kept is None:
        return None
    functions: list[Unit] = []
    texts: dict[str, str] = {}
    for module, text in texts_of_rules().items():
        if kept.get(module, text) != text:
            replaced = with_functions_of(text, kept[module])
            if replaced is not None:
                texts[module], names = replaced
                functions += [Unit(module, name) for name in names]
    return Rewritten(functions, texts, cache) if functions else None


def with_functions_of(text: str, before: str) -> tuple[str, list[str]] | None:
    """Return a module's text with its functions written as in another text, and which differ.

    None if it is no Python, or none does. Functions are those of the module's top level that are
    plain definitions in both.
    """
    try:
        now, then = dict(_functions(text)), dict(_functions(before))
    except (SyntaxError, ValueError):
        return None
    differ = [
        name
        for name in now.keys() & then.keys()
        if written(now[name], docstrings=False) != written(then[name], docstrings=False)
    ]
    lines, old = text.splitlines(keepends=True), before.splitlines(keepends=True)
    for name in sorted(differ, key=lambda one: -now[one].lineno):
        lines[_lines(now[name])] = old[_lines(then[name])]
    return ("".join(lines), sorted(differ)) if differ else None


def _lines(function: ast.FunctionDef) -> slice:
    assert function.end_lineno is not None
    return slice(function.lineno - 1, function.end_lineno)


def _functions(text: str) -> Iterator[tuple[str, ast.FunctionDef]]:
    """Yield the functions that are defined once at the top level of a text, without decorators."""
    body = ast.parse(text).body
    defined = [one for one in body if isinstance(one, ast.FunctionDef)]
    names = [one.name for one in defined]
    for one in defined:
        if names.count(one.name) == 1 and not one.decorator_list:
            yield one.name, one
