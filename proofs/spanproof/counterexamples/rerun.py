"""An obligation on plain values: its rules are run in Python, its claims looked at.

The obligation's own text decides what is run and claimed, as in the proof; only the symbols are
replaced by the values of a counterexample. Where the proof cuts a loop or uses a contract, Python
runs the code itself; what the proof looks up inside (`results_of`, `at_loop`) is taken from the
counterexample.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple, NewType

import z3
from librt.vecs import vec
from mypy_extensions import i64

from spanproof.counterexamples.changed_sources import Running
from spanproof.counterexamples.concrete import NotConcrete, from_json, known, plain
from spanproof.prove.claims import Case
from spanproof.prove.lemmas import Lemma
from spanproof.prove.proof import Obligation, Proof
from spanproof.solvers.engines.inprocess import check
from spanproof.symbolic.evaluation.frames import Contract
from spanproof.symbolic.reading.sources import SourceTree
from spanproof.symbolic.text.errors import UnsupportedConstruct
from spanproof.symbolic.values.merge import as_bool
from spanproof.symbolic.values.values import Value

DECIDING: Final = 0.4
"""Seconds of an idle machine for which way a rule takes; all its arguments are constants."""


class Called(NamedTuple):
    """A rule that was run: its name, its arguments and what it yielded, all plain.

    `at` is the file and line of its definition; `for_claim` says that the claim at fault, and no
    other, asks for it.
    """

    rule: str
    arguments: tuple[Value, ...]
    result: Value
    at: str = ""
    for_claim: bool = False


class Rerun(Proof):
    """An obligation under way on plain values."""

    def __init__(
        self,
        claim: Obligation,
        sources: SourceTree,
        symbols: Mapping[str, object],
        looked_up: Mapping[str, object],
        failed: str = "",
    ) -> None:
        super().__init__(claim.arithmetic, sources, claim.loops, claim.contracts, claim.lemmas)
        self._tree = sources
        self._running = Running(sources)
        self._values = symbols
        self._seen = looked_up
        self._named: dict[str, Value] = {}
        self.calls: list[Called] = []
        self._failed = failed
        self._shown = 0
        self._over = False
        self.claims: list[str] = []
        self.false_claims: list[str] = []
        self.unmet: list[str] = []

    def fresh(self, kind: object, name: str) -> Value:
        """Return the value that the counterexample has for a symbol."""
        if name not in self._values:
            raise NotConcrete(f"the counterexample has no {name}")
        chosen = from_json(kind, self._values[name])
        self.symbols[name] = chosen
        return z3.IntVal(chosen) if isinstance(kind, NewType) else known(chosen, self.arithmetic)

    @property
    def named(self) -> Mapping[str, Value]:
        """The values that loop invariants and contracts may mention, by name."""
        return self._named

    def name(self, name: str, value: Value) -> None:
        """Keep a value that loop invariants and contracts may mention."""
        self._named[name] = value

    def call(self, rule: Callable[..., object], *arguments: Value) -> Value:
        """Run a rule, and return what it yields."""
        return known(self._run(rule, arguments), self.arithmetic)

    def implied(
        self, given: z3.BoolRef, rule: Callable[..., bool], *arguments: Value
    ) -> z3.BoolRef:
        """Return `given implies rule(...)`; the rule is run only where `given` holds."""
        if z3.is_false(z3.simplify(given)):
            return z3.BoolVal(True)
        return self.holds(rule, *arguments)

    def integer_given(
        self, given: z3.BoolRef, rule: Callable[..., int], *arguments: Value
    ) -> z3.ExprRef:
        """Return the integer that a rule yields where `given` holds; 0 elsewhere."""
        if z3.is_false(z3.simplify(given)):
            return self.arithmetic.const(0)
        return self.integer(rule, *arguments)

    def cases(self, rule: Callable[..., object], *arguments: Value) -> list[Case]:
        """Return each way through a rule; on the one that is taken, what it yields."""
        result = known(self._run(rule, arguments), self.arithmetic)
        ways = Proof(self.arithmetic, self._tree, self._loops, self._contracts)
        for name, value in self._named.items():
            ways.name(name, value)
        try:
            found = ways.cases(rule, *arguments)
            return [Case(_decided(way.path, ways.assumptions), result) for way in found]
        except (NotConcrete, UnsupportedConstruct):  # a loop goes on from a state that is unknown
            return [Case(z3.BoolVal(True), result)]

    def results_of(self, rule: Callable[..., object]) -> list[Value]:
        """Return what the counterexample has for the results of a rule."""
        name = f"{rule.__module__}.{rule.__name__}#"
        kind = self._translator.kind_of_result(rule)
        found = [value for key, value in self._seen.items() if key.startswith(name)]
        return [known(from_json(kind, value), self.arithmetic) for value in found]

    def at_loop(self, rule: Callable[..., object], variable: str) -> z3.ExprRef:
        """Return what the counterexample has for a variable at a loop."""
        value = self._seen[f"{rule.__module__}.{rule.__name__}.{variable}"]
        return self.arithmetic.const(int(str(value)))

    def conclude(self, *facts: z3.BoolRef | bool) -> None:
        """Note the hypotheses and conclusions that the values do not meet."""
        for fact in facts:
            if not z3.is_true(z3.simplify(as_bool(fact))):
                last = self.calls[-1].rule if self.calls else "a range"
                self.unmet.append(last)

    def show(self, label: str, goal: z3.BoolRef | bool, given: z3.BoolRef | None = None) -> None:
        """Note a claim that is false of the values."""
        claim = as_bool(goal) if given is None else z3.Implies(given, as_bool(goal))
        self.claims.append(label)
        if z3.is_false(z3.simplify(claim)) and not self.unmet:
            self.false_claims.append(label)
            if label == self._failed and not self._over:
                self._note_the_last()
        self._shown = len(self.calls)

    def _note_the_last(self) -> None:
        """Note which calls were made for the claim at fault; what comes later is of no use."""
        for place in range(len(self.calls) - 1, self._shown - 1, -1):
            if not isinstance(self.calls[place].result, bool):
                break
            self.calls[place] = self.calls[place]._replace(for_claim=True)
        self._over = True

    def lemma(self, label: str, goal: z3.BoolRef | bool, given: z3.BoolRef | None = None) -> None:
        """Note a claim that is false of the values; it is no hypothesis of theirs."""
        self.show(label, goal, given)

    def possible(self, label: str, condition: z3.BoolRef | bool = True) -> None:
        """Ask nothing: the values are one situation."""

    def note_established(
        self,
        stated: Lemma | Contract,
        values: Sequence[Value],
        given: z3.BoolRef | None,
        among: str,
    ) -> None:
        """Ask nothing: the values are special ones."""

    def _run(self, rule: Callable[..., object], arguments: tuple[Value, ...]) -> Value:
        given = tuple(plain(argument, self.arithmetic) for argument in arguments)
        passed = (vec[i64](one) if isinstance(one, list) else one for one in given)
        try:
            result = self._running.function(rule)(*passed)
        except Exception as problem:
            raise RuleFails(rule.__name__, problem) from problem
        if not self._over:
            source = self._tree.function(rule)
            at = f"{source.path}:{source.tree.lineno}"
            self.calls.append(Called(rule.__name__, given, result, at))
        return result


def _decided(path: z3.BoolRef, assumptions: list[z3.BoolRef]) -> z3.BoolRef:
    """Return whether a way is taken, as a constant where the contracts on it determine that."""
    plainly = z3.simplify(path)
    if z3.is_true(plainly) or z3.is_false(plainly):
        return plainly
    for answer, excluded in ((False, path), (True, z3.Not(path))):
        if check([*assumptions, excluded], DECIDING).result == "unsat":
            return z3.BoolVal(answer)
    return plainly


class RuleFails(Exception):
    """A rule raises an exception when it runs."""

    def __init__(self, rule: str, problem: Exception) -> None:
        says = (str(problem) or type(problem).__name__).splitlines()[0]
        fatal = isinstance(problem, AssertionError)
        super().__init__(f"{rule} {'meets a fatal check' if fatal else 'raises'}: {says}")


class Reran(NamedTuple):
    """What came of running a counterexample.

    `violated` has the claims that are false of the values, or the fatal check that failed;
    `reproduced` says whether the claim at fault is among them and every hypothesis is met;
    `why_not` says why it is not.
    """

    reproduced: bool
    violated: tuple[str, ...]
    symbols: Mapping[str, Value]
    calls: tuple[Called, ...]
    why_not: str = ""


def rerun(
    claim: Obligation,
    failed: str,
    symbols: Mapping[str, object],
    looked_up: Mapping[str, object],
    sources: SourceTree | None = None,
) -> Reran:
    """Run an obligation on the values of a counterexample; `failed` is the claim at fault."""
    run = Rerun(claim, sources or SourceTree(), symbols, looked_up, failed)
    problem = ""
    try:
        claim.build(run)
    except RuleFails as fails:
        problem = str(fails)
        if not run.unmet:
            run.false_claims.append(problem)
    except Exception as other:
        problem = f"{type(other).__name__}: {other}"
    if run.unmet:
        problem = f"Python sees a hypothesis about {run.unmet[0]} that does not hold"
    # What the code relies on (an index in range, a loop's invariant) is no claim of its own in
    # Python: it shows as an exception, or as a claim that is false in the end.
    of_its_own = failed in run.claims
    reproduced = failed in run.false_claims or (not of_its_own and bool(run.false_claims))
    problem = problem or _why_all_is_well(claim, failed)
    why_not = "" if reproduced else problem
    return Reran(reproduced, tuple(run.false_claims), run.symbols, tuple(run.calls), why_not)


def _why_all_is_well(claim: Obligation, failed: str) -> str:
    """Return why Python sees nothing wrong with values that refute an obligation."""
    if "exactly" in failed:
        return "Python's integers do not overflow; in machine words the result is another"
    if claim.loops:
        return "a state at the loop is at fault, to which these values do not lead"
    return "each claim holds of these values when the rules run in Python"
