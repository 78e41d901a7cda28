"""The modules of our packages: what they say, what they import, and which are understood."""

import ast
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import msgspec

from spanproof.fingerprint.facts import Facts, Store, facts_of, made_by
from spanproof.fingerprint.importtime import Defined, Understanding
from spanproof.fingerprint.modules import is_within, module_file
from spanproof.fingerprint.setorder import Sets
from spanproof.fingerprint.understood import CONSTANT
from spanproof.fingerprint.units import PACKAGES, REST, ModuleUnits, Unit, digest_of, units_of

NO_MODULE: Final = "no module"
NO_UNIT: Final = "no unit"


_FOUND: Final[dict[str, Facts]] = {}
"""What this process knows of texts."""


class Judged(msgspec.Struct, frozen=True, array_like=True):
    """What there is to say of a module where others have a say, too.

    `odd` has the statements that are not understood, and `looked_up` what was looked at for that:
    modules, names in them, and the digests of these. `shown` has, by unit, the sets whose order it
    shows, where `sets` are the sets among what the module imports.
    """

    odd: tuple[str, ...]
    looked_up: tuple[tuple[str, str, str], ...]
    shown: dict[str, tuple[str, ...]]
    sets: tuple[str, ...]


class Code:
    """The modules of our packages, and which of them are understood.

    What is defined in the modules `counted` counts for everything; it may be called anywhere. What
    was found out about a text is kept in the `store`, and taken from there.
    """

    def __init__(
        self,
        counted: Iterable[str] = (),
        changed: Mapping[str, str] | None = None,
        store: Store | None = None,
        like: "Code | None" = None,
    ) -> None:
        """Take other texts for the modules `changed`; of others, what is known in `like` is taken
        over.
        """
        self.counted = tuple(counted)
        self._changed = changed or {}
        self._store = store
        self._modules: dict[str, ModuleUnits | None] = {}
        self._facts: dict[str, tuple[str, Facts] | None] = {}
        for name, said in like._facts.items() if like is not None else ():
            if name not in self._changed:
                self._facts[name] = said
        self._judged: dict[str, Judged] = {}
        self._imports: dict[str, set[str]] = {}
        self._looked_up: set[tuple[str, str]] = set()

    # --- what a module says by itself -------------------------------------------------------------

    def module(self, name: str) -> ModuleUnits | None:
        """Return a module of ours, taken apart; None if there is none of that name."""
        if name not in self._modules:
            self._modules[name] = None
            content = self._content(name)
            if content is not None:
                package = str(module_file(name)).endswith("__init__.py")
                self._modules[name] = units_of(name, content.decode(), package)
        return self._modules[name]

    def facts(self, name: str) -> Facts | None:
        """Return what a module of ours says; None if there is none of that name."""
        known = self._keyed(name)
        return None if known is None else known[1]

    def _keyed(self, name: str) -> tuple[str, Facts] | None:
        """Return what a module says, with the name of all that this follows from."""
        if name not in self._facts:
            content = self._content(name)
            self._facts[name] = None if content is None else self._found(name, content)
        return self._facts[name]

    def _found(self, name: str, content: bytes) -> tuple[str, Facts]:
        path = str(module_file(name))
        package = path.endswith("__init__.py")
        text = hashlib.sha256(content).hexdigest()
        key = digest_of("facts", made_by(), name, str(package), text)
        known = _FOUND.get(key)
        if known is None and self._store is not None:
            known = self._store.get(key, Facts)
        if known is None:
            known = facts_of(units_of(name, content.decode(), package))
            if self._store is not None:
                self._store.put(key, known)
        _FOUND[key] = known
        return key, known

    def _content(self, name: str) -> bytes | None:
        path = module_file(name)
        if path is None:
            return None
        changed = self._changed.get(name)
        return path.read_bytes() if changed is None else changed.encode()

    def reached(self, roots: Iterable[str]) -> list[str]:
        """Return some modules and all of ours that they import, at whatever time."""
        found: set[str] = set()
        waiting = list(roots)
        while waiting:
            name = waiting.pop()
            if name in found:
                continue
            facts = self.facts(name)
            if facts is None:
                continue
            found.add(name)
            waiting.append(name.rpartition(".")[0])
            if name not in self._imports:
                self._imports[name] = {one for one in facts.modules() if is_within(one, PACKAGES)}
            waiting += self._imports[name]
        return sorted(found)

    # --- what others have a say in ----------------------------------------------------------------

    def is_plain(self, name: str) -> bool:
        """Tell whether a module does no more than bind names, each once."""
        return not self.judged(name).odd

    def judged(self, name: str) -> Judged:
        """Return which statements of a module are not understood, and where sets show their order.

        Nothing of either is in what is no module of ours.
        """
        if name not in self._judged:
            known = self._keyed(name)
            if known is None:
                self._judged[name] = Judged((), (), {}, ())
            else:
                key = digest_of("judged", *self.counted, known[0])
                self._judged[name] = self._judgement(name, key)
        return self._judged[name]

    def _judgement(self, name: str, key: str) -> Judged:
        sets = tuple(self._imported_sets(name))
        known = self._store.get(key, Judged) if self._store is not None else None
        if known is not None and known.sets == sets and self._stands(known):
            return known
        made = Judged(tuple(self._odd(name)), (), dict(self._shown(name, sets)), sets)
        looked_up = sorted((*one, self._digest(*one)) for one in self._looked_up)
        made = msgspec.structs.replace(made, looked_up=tuple(looked_up))
        if self._store is not None:
            self._store.put(key, made)
        return made

    def _stands(self, known: Judged) -> bool:
        """Tell whether all that was looked up for a judgement is what it was."""
        return all(self._digest(owner, name) == digest for owner, name, digest in known.looked_up)

    def _digest(self, module: str, name: str) -> str:
        facts = self.facts(module)
        if facts is None:
            return NO_MODULE
        return facts.units[name].digest if name in facts.units else NO_UNIT

    def _odd(self, name: str) -> Iterator[str]:
        """Yield the statements of a module that are not understood, as they are written."""
        module = self.module(name)
        assert module is not None
        self._looked_up = set()
        understanding = Understanding(self.resolve, lambda owner: is_within(owner, self.counted))
        for statement in module.body:
            if not understanding.understands(name, statement):
                yield ast.dump(statement)
        for bound, made in module.statements.items():
            if bound != REST:
                yield from map(ast.dump, made[1:])

    def resolve(self, module: str, name: str) -> Defined | str | None:
        """Return what a name in a module means; a constant of ours is a dotted name."""
        facts = self._looked(module, name)
        if facts is None:
            return None
        if name in facts.imported:
            owner, original = facts.imported[name]
            inner = owner if original is None else f"{owner}.{original}"
            if original is None or self._looked(inner) is not None or owner == module:
                return inner
            return self.resolve(owner, original) or inner
        known = self.module(module) if name in facts.units else None
        match known.statements[name] if known is not None else None:
            case [ast.FunctionDef() | ast.ClassDef() as statement]:
                return Defined(module, name, statement)
            case [ast.Assign(value=ast.Call(func=ast.Name(id="NewType")))]:
                return "typing.NewType()"
            case [*_]:
                return CONSTANT
        return None

    def _looked(self, module: str, name: str = "") -> Facts | None:
        """Return what a module says, noting that it was looked at, or for a name in it."""
        if not is_within(module, PACKAGES):
            return None
        self._looked_up.add((module, name))
        return self.facts(module)

    def _shown(self, name: str, sets: Iterable[str]) -> Iterator[tuple[str, tuple[str, ...]]]:
        """Yield the units that show the order of a set, each with what they show."""
        module = self.module(name)
        assert module is not None
        known = Sets(module.all_nodes, sets)
        for unit, made in module.statements.items():
            nodes = [node for statement in made for node in module.nodes(statement)]
            shown = tuple(map(ast.unparse, known.seen(nodes)))
            if shown:
                yield unit, shown

    def _imported_sets(self, name: str) -> Iterator[str]:
        """Yield the names that a module imports and that are sets, or functions that return one."""
        facts = self.facts(name)
        for bound, (owner, original) in facts.imported.items() if facts is not None else ():
            there = self.facts(owner) if original is not None else None
            if there is not None and original in there.sets:
                yield bound

    def effects(self, imported: Iterable[str], run: Iterable[str]) -> list[Unit]:
        """Return the units that may change what is not their own.

        That is any module that `imported` ones import and that is not plain, and any function that
        reaches out, in the modules that `run` ones import.
        """
        odd = [name for name in self.reached(imported) if not self.is_plain(name)]
        found = [Unit(name, REST) for name in odd if not is_within(name, self.counted)]
        for name in self.reached(run):
            facts = self.facts(name)
            if facts is None or name in odd or is_within(name, self.counted):
                continue
            found += [Unit(name, unit) for unit, said in facts.units.items() if said.reaches_out]
        return found
