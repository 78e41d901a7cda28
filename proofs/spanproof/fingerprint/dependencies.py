"""What an obligation rests on, read from the names in the sources, and its fingerprint.

A module is cut into units: functions, classes, constants, imports. A unit rests on every unit of
ours that it names, in its decorators, annotations and strings as well, and so on. That is more than
a proof reads, never less. Comments, docstrings and layout are not part of a fingerprint.

A module in which some statement is not understood (see `importtime`) is a single unit, on which
everything rests: nobody knows what such a statement changes.

Nothing is imported for this, so a fingerprint takes no solver.
"""

from collections.abc import Collection, Iterable, Iterator
from typing import Final

from spanproof.fingerprint.code import Code
from spanproof.fingerprint.facts import Facts
from spanproof.fingerprint.modules import is_within, modules_of
from spanproof.fingerprint.units import PACKAGES, REST, Mention, Unit, digest_of

ITSELF: Final = "the object "
"""Begins the name of a unit that stands for another one as far as it is a certain object."""


def _itself(unit: Unit) -> Unit:
    return unit if unit.name in (REST, "") else Unit(unit.module, f"{ITSELF}{unit.name}")


class Sources:
    """The sources of our packages, cut into units."""

    def __init__(self, outside: Iterable[str] = (), code: Code | None = None) -> None:
        """Follow no name into the modules `outside`, nor into modules inside these."""
        self._outside = tuple(outside)
        self._code = code or Code()
        self._known: dict[str, Facts | None] = {}
        self._digests: dict[Unit, str] = {}
        self._directly: dict[Unit, frozenset[Unit]] = {}
        self._unknown: dict[Unit, tuple[str, ...]] = {}

    def facts(self, name: str) -> Facts | None:
        """Return what a module of ours says; None if there is none of that name."""
        if name not in self._known:
            outside = is_within(name, self._outside)
            self._known[name] = None if outside else self._code.facts(name)
        return self._known[name]

    def closure(self, roots: Iterable[Unit]) -> frozenset[Unit]:
        """Return the roots and everything of ours that they rest on."""
        reached: set[Unit] = set()
        waiting = list(roots)
        while waiting:
            unit = waiting.pop()
            if unit not in reached:
                reached.add(unit)
                waiting.extend(self._rests_on(unit))
        return frozenset(reached)

    def fingerprint(self, units: Iterable[Unit]) -> str:
        """Return the joint fingerprint of units."""
        return digest_of(*sorted(map(self.digest, units)))

    def digest(self, unit: Unit) -> str:
        """Return the name of a unit with its fingerprint; that of the module if it is not plain."""
        if unit not in self._digests:
            facts = self.facts(unit.module)
            if facts is None:
                digest = ""
            elif unit.name.startswith(ITSELF):
                digest = "itself"
            elif self._code.is_plain(unit.module):
                digest = facts.units[unit.name].digest
            else:
                digest = facts.digest
            self._digests[unit] = f"{unit.module}.{unit.name}={digest}"
        return self._digests[unit]

    def whole(self, module: str) -> list[Unit]:
        """Return all units of a module; none if there is no such module."""
        facts = self.facts(module)
        return [] if facts is None else [Unit(module, name) for name in facts.units]

    def named(self, module: str, name: str) -> list[Unit]:
        """Return what a dotted name means in a module: a unit, or nothing."""
        facts = self.facts(module)
        if facts is None:
            return []
        if name in facts.units:
            return [Unit(module, name)]
        return [] if self._code.is_plain(module) else [Unit(module, REST)]

    def unknowns(self, units: Collection[Unit]) -> Iterator[str]:
        """Yield what units do whose outcome may be another one in the next run, in words."""
        for unit in units:
            if unit not in self._unknown:
                self._unknown[unit] = tuple(self._unknowns_of(unit))
        for unit in sorted(unit for unit in units if self._unknown[unit]):
            yield from self._unknown[unit]

    def _unknowns_of(self, unit: Unit) -> Iterator[str]:
        facts = self.facts(unit.module)
        if facts is not None and not unit.name.startswith(ITSELF):
            judged = self._code.judged(unit.module)
            for name in [unit.name] if not judged.odd else facts.units:
                for what in facts.units[name].unknown:
                    yield f"{unit.module}.{name} uses {what}"
                for shown in judged.shown.get(name, ()):
                    yield f"{unit.module}.{name} uses the order of {shown}"

    def _rests_on(self, unit: Unit) -> frozenset[Unit]:
        if unit not in self._directly:
            facts = self.facts(unit.module)
            rest = frozenset({Unit(unit.module, REST)})
            if facts is None:
                self._directly[unit] = rest
            elif unit.name.startswith(ITSELF):
                self._directly[unit] = rest | self._same_as(
                    Unit(unit.module, unit.name[len(ITSELF) :])
                )
            elif self._code.is_plain(unit.module):
                names = [unit.name] if unit.name != REST else []
                self._directly[unit] = rest | self._named_by(unit.module, facts, names)
            else:  # whatever is in it rests on all that it names
                together = rest | self._named_by(unit.module, facts, facts.units)
                self._directly |= dict.fromkeys([*self.whole(unit.module), unit], together)
        return self._directly[unit]

    def _named_by(self, module: str, facts: Facts, units: Iterable[str]) -> set[Unit]:
        """Return what some units of a module name."""
        found: set[Unit] = set()
        for unit in units:
            said = facts.units[unit]
            for mention in said.mentions:
                meant = self._meant(module, facts, mention)
                found.update(map(_itself, meant) if mention.itself else meant)
            for owner, original in said.imports:
                found.update(self._imported(owner, original))
        return found

    def _same_as(self, unit: Unit) -> set[Unit]:
        """Return what it hangs on whether an object is the one that a unit is.

        Of a function that is nothing but its name, and of an imported one what is imported.
        """
        facts = self.facts(unit.module)
        said = facts.units.get(unit.name) if facts is not None else None
        if facts is None or said is None or not self._code.is_plain(unit.module):
            return {unit}
        if said.function:
            return set()
        if unit.name in facts.imported and len(said.imports) == 1:
            owner, original = facts.imported[unit.name]
            meant = self._imported(owner, original)
            if len(meant) == 1:
                return {Unit(unit.module, REST), *map(_itself, meant)}
        return {unit}

    def _imported(self, owner: str, original: str | None) -> list[Unit]:
        if original is None or original == "*":
            return self.whole(owner)
        if self.facts(f"{owner}.{original}") is not None:
            return self.whole(f"{owner}.{original}")
        return self.named(owner, original) or self.whole(owner)

    def _meant(self, module: str, facts: Facts, mention: Mention) -> list[Unit]:
        name, attribute, _ = mention
        if name.split(".")[0] in PACKAGES and name not in facts.imported:
            owner, _, last = name.rpartition(".")
            return (
                (self.named(owner, last) if last else []) or self.whole(name) or self._below(name)
            )
        if attribute is not None and name in facts.imported:
            owner, original = facts.imported[name]
            inner = owner if original is None else f"{owner}.{original}"
            if self.facts(inner) is not None:
                taken = self.facts(f"{inner}.{attribute}") is not None
                more = self.whole(f"{inner}.{attribute}") if taken else []
                return self.named(inner, attribute) or more or self.whole(inner)
        return self.named(module, name)

    def _below(self, name: str) -> list[Unit]:
        """Return all units of the modules whose names begin with a string."""
        modules = modules_of(name.split(".")[0])
        return [unit for one in modules if one.startswith(name) for unit in self.whole(one)]
