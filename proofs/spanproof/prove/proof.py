"""What an obligation is, and how its claims compose with those of others.

An obligation is a function that receives a `Proof`: it makes symbols, assumes hypotheses, calls
the model's own functions on them, and shows goals. Its docstring is the claim.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import z3

from spanproof.prove.assumptions import LAID_OUT, Assumption
from spanproof.prove.claims import Claims
from spanproof.prove.generality import generality
from spanproof.prove.lemmas import (
    Lemma,
    Reached,
    ShownOfSteps,
    Stated,
    provers_of,
    taken,
)
from spanproof.prove.references import rests_on
from spanproof.symbolic.evaluation.frames import Contract, Loop
from spanproof.symbolic.reading.dependence import identity_of
from spanproof.symbolic.reading.ranges import in_ranges
from spanproof.symbolic.reading.sources import SourceTree
from spanproof.symbolic.values.arithmetic import Arithmetic, Scalar
from spanproof.symbolic.values.construct import (
    TRUE,
    conjunction,
    disjunction,
    implication,
    simplifies_to,
)
from spanproof.symbolic.values.merge import as_bool, scalar_of
from spanproof.symbolic.values.records import part_at, same
from spanproof.symbolic.values.values import Value
from spanspec.base.words import U16


class Established(NamedTuple):
    """Of which values something was established, and where; and which of them are narrow."""

    values: tuple[Value, ...]
    given: z3.BoolRef | None
    narrow: tuple[tuple[str, int], ...]


class Proof(Claims):
    """A proof under construction: claims, and how they compose with those of other obligations."""

    def __init__(
        self,
        arithmetic: Arithmetic,
        sources: SourceTree | None = None,
        loops: Mapping[str, Loop] | None = None,
        contracts: Mapping[str, Contract] | None = None,
        lemmas: tuple[Lemma | Reached, ...] = (),
        assumes: tuple[Assumption, ...] = (),
    ) -> None:
        super().__init__(arithmetic, sources, loops, contracts)
        self._lemmas = lemmas
        self._assumes = assumes
        self.established: list[Stated] = []
        self.used: list[Lemma | Reached] = []
        self.among: list[str] = []
        self._cases: dict[tuple[Lemma | Contract, tuple[object, ...]], list[Established]] = {}

    def take_for_granted(self, assumption: Assumption) -> None:
        """Say that what is built takes an assumption for granted.

        Raises: ValueError if the obligation does not say so.
        """
        if assumption not in self._assumes:
            raise ValueError(f"{assumption.id} is taken for granted, and the obligation hides it")

    def suppose(self, stated: Lemma | Contract, *values: Value) -> None:
        """Assume what a lemma or a contract is given, in the obligation that proves it."""
        if isinstance(stated, Lemma):
            given = stated.given
        else:
            given = () if stated.requires is None else (stated.requires,)
        for rule in given:
            self.conclude(self.holds(rule, *taken(rule, values)))

    def establish(
        self,
        stated: Lemma | Contract,
        *values: Value,
        given: z3.BoolRef | None = None,
        among: str = "",
    ) -> None:
        """Add the conclusion of a lemma, or what a contract ensures, as a goal.

        The values are arbitrary ones; or a case, of which the goal `among` says that with others
        like it none is left out. Where `given` holds here and there only, that this is so
        everywhere is claimed as well (`complete`).

        Raises: ValueError if something was assumed besides its own hypotheses, or if the values are
        a special case: who uses it is not asked for that.
        """
        if self._own_hypotheses:
            raise ValueError("a lemma is proved from what it is given, and from nothing else")
        rule = stated.then if isinstance(stated, Lemma) else stated.ensures
        label = f"the lemma {rule.__name__}"
        if isinstance(stated, Contract):
            label = f"the contract {rule.__name__}"
            self._keeps(stated, values)
            # Who uses it assumes so of the result, and is asked for the ranges of the arguments.
            result = self._result_of(stated, values)
            where = given
            if stated.fits is not None:
                fits = self.holds(stated.fits, *taken(stated.fits, values))
                where = fits if given is None else conjunction(given, fits)
            self._fit(rule, values, where, label, only=result)
        values = tuple(taken(rule, values))
        self.note_established(stated, values, given, among)
        if given is None:
            self.show(label, self.holds(rule, *values))
        else:
            self.show(label, self.implied(given, rule, *values))
        self.established.append(stated)

    def note_established(
        self,
        stated: Lemma | Contract,
        values: Sequence[Value],
        given: z3.BoolRef | None,
        among: str,
    ) -> None:
        """Note of which values something is established, and that they stand for all."""
        rule = stated.then if isinstance(stated, Lemma) else stated.ensures
        kinds = self._translator.kinds_of(rule)
        if isinstance(stated, Contract):  # the result, and what has a name, are not asked for
            values = values[: list(kinds).index(self._result_of(stated, values))]
        found = generality(self._translator.symbols, kinds, values)
        if found.special and not among:
            raise ValueError(f"{rule.__name__} is established of a special case: {found.special}")
        if among:
            self.among.append(among)
        cases = self._cases.setdefault((stated, tuple(map(identity_of, values))), [])
        cases.append(Established(tuple(values), given, () if among else found.narrow))

    def complete(self) -> None:
        """Claim that what was established of cases was established of all.

        Of a number that was taken to be narrow that is so if the hypotheses exclude larger ones.
        """
        for (stated, _), cases in self._cases.items():
            rule = stated.then if isinstance(stated, Lemma) else stated.ensures
            values, narrow = cases[0].values, cases[0].narrow
            ways = [case.given for case in cases]
            if None not in ways:
                hypotheses = self._hypotheses(stated, values)
                all_ways = disjunction(*(as_bool(way) for way in ways))
                claim = implication(hypotheses, all_ways)
                if not simplifies_to(claim, True):
                    self.show(f"{rule.__name__} is established wherever it is given", claim)
            if narrow:
                kinds = list(self._translator.kinds_of(rule).items())[: len(values)]
                wide = {name: self.fresh(kind, f"any_{name}") for name, kind in kinds}
                hypotheses = self._hypotheses(stated, tuple(wide.values()))
                for part, bits in narrow:
                    name, _, inside = part.partition(".")
                    number = scalar_of(part_at(wide[name], inside))
                    compare = self.arithmetic.compare
                    low = as_bool(compare(">=", number, Scalar(0)))
                    high = as_bool(compare("<", number, Scalar(1 << bits)))
                    label = f"{rule.__name__} is established of every {part} that is given"
                    self.show(label, conjunction(low, high), given=hypotheses)

    def _hypotheses(self, stated: Lemma | Contract, values: Sequence[Value]) -> z3.BoolRef:
        """Return what who uses a lemma or a contract is asked for."""
        if isinstance(stated, Lemma):
            given = stated.given
        else:
            given = () if stated.requires is None else (stated.requires,)
        asked = TRUE
        for rule in given:
            holds = as_bool(self.call_given(asked, rule, *taken(rule, values)))
            asked = conjunction(asked, holds)
        return asked

    def _keeps(self, contract: Contract, values: Sequence[Value]) -> None:
        """Add as goals that the parts of a result are those of the arguments that they should be.

        They are compared as what they are to the translator, for a bitmap has no term.
        """
        if not contract.keeps:
            return
        names = list(self._translator.kinds_of(contract.ensures))
        result = values[names.index(self._result_of(contract, values))]
        for place, origin in contract.keeps:
            name, _, inside = origin.partition(".")
            kept = same(part_at(result, place), part_at(values[names.index(name)], inside))
            self.show(f"the contract keeps {place}", kept)

    def _fit(
        self,
        rule: Callable[..., object],
        values: Sequence[Value],
        given: z3.BoolRef | None,
        label: str,
        only: str | None = None,
    ) -> None:
        """Add as goals that values are in the ranges of a rule's parameters, or `only` one is."""
        known = self._translator.symbols.in_range
        kinds = self._translator.kinds_of(rule)
        for (name, kind), value in zip(kinds.items(), values, strict=False):
            if only is not None and name != only:
                continue
            for claim in in_ranges(self.arithmetic, kind, value, known):
                self.show(f"{label} has {name} in its range", claim, given)

    def _result_of(self, contract: Contract, values: Sequence[Value]) -> str:
        """Return the parameter of `ensures` that is the result: the one behind the arguments.

        Raises: ValueError if a value behind it is not the one that the obligation has named: who
        uses the contract is given it for any value that bears the name there.
        """
        names = list(self._translator.kinds_of(contract.ensures))[: len(values)]
        place = self._arguments_of(contract)
        if place is None:
            return [name for name in names if name not in self.named][-1]
        for name, value in list(zip(names, values, strict=True))[place + 1 :]:
            if name not in self.named or not same(self.named[name], value):
                raise ValueError(f"{contract.ensures.__name__} is stated of {name}: name it first")
        return names[place]

    def _arguments_of(self, contract: Contract) -> int | None:
        """Return how many arguments the function has that a contract stands for.

        Nothing says so of a contract that requires nothing, and that no obligation uses.
        """
        if contract.requires is not None:
            return len(self._translator.sources.function(contract.requires).tree.args.args)
        for one in REGISTRY.values():
            for function, stated in one.contracts.items():
                if stated is contract:
                    module, _, name = function.rpartition(".")
                    return len(self._translator.sources.module(module).functions[name].args.args)
        return None

    def use(
        self,
        lemma: Lemma,
        *values: Value,
        given: z3.BoolRef | None = None,
        every: Callable[[z3.ExprRef], Iterable[z3.BoolRef]] = lambda slot: (),
    ) -> None:
        """Claim a lemma's hypotheses of some values, wherever `given` holds; then assume its
        conclusion of them there.

        `every` has what is known of an arbitrary slot; what the lemma is given of every slot has
        to follow from it.

        Raises: ValueError if the obligation does not say that it uses the lemma.
        """
        if lemma not in self._lemmas:
            raise ValueError(f"{lemma.name} is used, and not among the lemmas of the obligation")
        path = TRUE if given is None else given
        # It was shown of values of these types.
        self._fit(lemma.then, values, path, f"{lemma.proved_by}")
        for rule in lemma.given:
            needed = self.implied(path, rule, *taken(rule, values))
            self.show(f"{lemma.proved_by} is given {rule.__name__}", needed)
        for rule in lemma.every:
            slot = self.number(U16, "any_slot")
            known = conjunction(path, *every(slot))
            needed = self.implied(known, rule, *taken(rule, (*values, slot))[:-1], slot)
            self.show(f"{lemma.proved_by} is given {rule.__name__} of every slot", needed)
        self.conclude(self.implied(path, lemma.then, *taken(lemma.then, values)))
        self.used.append(lemma)

    def shows(self, stated: ShownOfSteps, *values: Value, given: z3.BoolRef | None = None) -> None:
        """Add what others build on as a goal, under the hypotheses that this obligation has."""
        path = TRUE if given is None else given
        values = tuple(taken(stated.then, values))
        self.show(stated.name.replace("_", " "), self.implied(path, stated.then, *values))
        self.established.append(stated)

    def rely(self, stated: Reached, *values: Value, given: z3.BoolRef | None = None) -> None:
        """Assume, wherever `given` holds, what other obligations show of every step or state.

        Raises: ValueError if the obligation does not say that it builds on it.
        """
        if stated not in self._lemmas:
            raise ValueError(f"{stated.name} is built on, and not among the lemmas")
        path = TRUE if given is None else given
        self._fit(stated.then, values, path, stated.name)
        self.conclude(self.implied(path, stated.then, *taken(stated.then, values)))
        self.used.append(stated)


class Obligation(NamedTuple):
    """A named claim, the rules it rests on, and how it is proved.

    `assumes` has what it takes for granted besides `assumptions.EVERYWHERE`.
    """

    id: str
    rules: tuple[str, ...]
    claim: str
    arithmetic: Arithmetic
    build: Callable[[Proof], None]
    loops: Mapping[str, Loop]
    contracts: Mapping[str, Contract]
    assumes: tuple[Assumption, ...] = ()
    lemmas: tuple[Lemma | Reached, ...] = ()

    @property
    def module(self) -> str:
        """Where it is claimed."""
        return self.build.__module__

    @property
    def uses(self) -> tuple[str, ...]:
        """The obligations whose claims this one builds on, as lemmas and as contracts."""
        stated: list[Stated] = [*self.lemmas, *self.contracts.values()]
        return tuple(dict.fromkeys(name for one in stated for name in provers_of(one)))

    def proof(self, sources: SourceTree | None = None) -> Proof:
        """Build the proof from the present sources, or from changed ones.

        Raises: UnsupportedConstruct if a rule leaves the translatable subset; Circular if it rests
        on itself.
        """
        if self.uses:
            known = {name: claim.uses for name, claim in REGISTRY.items()}
            rests_on(self.id, {**known, self.id: self.uses})
        stated = (self.loops, self.contracts, self.lemmas, self.assumes)
        proof = Proof(self.arithmetic, sources, *stated)
        self.build(proof)
        proof.complete()
        return proof


REGISTRY: dict[str, Obligation] = {}
"""All obligations by id, filled as the modules of `spanproof.theorems` are imported."""


def obligation(
    id: str,
    rules: str,
    arithmetic: Arithmetic,
    *,
    loops: Mapping[str, Loop] | None = None,
    contracts: Mapping[str, Contract] | None = None,
    assumes: tuple[Assumption, ...] = (),
    lemmas: tuple[Lemma | Reached, ...] = (),
) -> Callable[[Callable[[Proof], None]], Callable[[Proof], None]]:
    """Register a function as an obligation; its docstring's first paragraph is the claim.

    `rules` are rule ids separated by spaces; `assumes` has what is taken for granted besides what
    every obligation rests on; `lemmas` are those of other obligations that the proof uses.

    Raises: ValueError if the id is taken or the claim missing.
    """

    def register(build: Callable[[Proof], None]) -> Callable[[Proof], None]:
        claim = " ".join((build.__doc__ or "").split("\n\n")[0].split())
        if id in REGISTRY or not claim:
            raise ValueError(f"obligation {id!r} is registered twice, or has no claim")
        if not all(contract.proved_by for contract in (contracts or {}).values()):
            raise ValueError(f"obligation {id!r} has a contract that no obligation proves")
        cited = tuple(rules.split())
        partly = any(contract.fits is not None for contract in (contracts or {}).values())
        granted = (*assumes, LAID_OUT) if partly else assumes
        REGISTRY[id] = Obligation(
            id, cited, claim, arithmetic, build, loops or {}, contracts or {}, granted, lemmas
        )
        return build

    return register
