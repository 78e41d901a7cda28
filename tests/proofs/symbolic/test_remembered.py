"""A rule that is called again and again is evaluated once, and nothing that is claimed differs."""

from collections.abc import Sequence
from typing import NamedTuple

import pytest
import z3

from spanproof.prove.proof import Proof
from spanproof.symbolic import translate
from spanproof.symbolic.evaluation.frames import Contract
from spanproof.symbolic.integers import Integers
from spanproof.symbolic.reading.sources import FunctionSource
from spanproof.symbolic.remembered import Remembered
from spanproof.symbolic.translate import Translator
from spanproof.symbolic.values.values import Value
from spanproof.theorems import all_obligations


class Evaluating(Remembered):
    """Remembers nothing."""

    def value(self, source: FunctionSource, arguments: Sequence[Value], path: z3.BoolRef) -> Value:
        """Evaluate the rule."""
        return self._evaluate(source, arguments, path)


@pytest.fixture
def evaluated(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the functions that are evaluated from now on."""
    names: list[str] = []
    returns = Translator._returns

    def noted(
        self: Translator, source: FunctionSource, arguments: Sequence[Value], path: z3.BoolRef
    ) -> object:
        names.append(source.name)
        return returns(self, source, arguments, path)

    monkeypatch.setattr(Translator, "_returns", noted)
    return names


def told(proof: Proof) -> object:
    """Return all that a proof claims and assumes, by the numbers of the terms."""
    return (
        [(one.label, one.given, one.goal.get_id(), one.side) for one in proof.queries],
        [one.get_id() for one in proof.assumptions],
        [(one.label, one.condition.get_id()) for one in proof.witnesses],
        {name: len(made) for name, made in proof.translator.results.items()},
        proof.asserted,
        proof.reached,
    )


@pytest.mark.parametrize(
    "name", ["objects.start", "pages.merge-upper", "span.fast.takes-lowest", "sweepgen.transitions"]
)
def test_a_proof_claims_the_same_terms(
    name: str, evaluated: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    remembering = all_obligations()[name].proof()
    some = len(evaluated)
    monkeypatch.setattr(translate, "Remembered", Evaluating)
    evaluating = all_obligations()[name].proof()
    assert told(remembering) == told(evaluating)
    assert some <= len(evaluated) - some
    if name == "objects.start":
        assert some < (len(evaluated) - some) / 2


def half(number: int) -> int:
    assert number > 0, "it is positive"
    if number > 1:
        return number // 2
    return 0


def halves(number: int, other: int) -> int:
    if other > 7:
        return half(number) + half(number)
    if number > 1:
        return half(number)
    return half(number) + half(number)


def test_claims_are_those_of_the_path_of_each_call(
    evaluated: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    number, other = z3.Ints("number other")

    def translated() -> tuple[list[z3.BoolRef], list[z3.BoolRef], z3.ExprRef]:
        translator = Translator(Integers())
        value = translator.call(halves, number, other)
        assert isinstance(value, z3.ExprRef)
        return [side.goal for side in translator.sides], translator.assumptions, value

    sides, assumptions, value = translated()
    assert evaluated.count("half") == 2  # once as it is met, and once for all
    monkeypatch.setattr(translate, "Remembered", Evaluating)
    others, assumed, directly = translated()
    assert [one.get_id() for one in sides] == [one.get_id() for one in others]
    assert [one.get_id() for one in assumptions] == [one.get_id() for one in assumed]
    solver = z3.Solver()
    # Where `number > 1` is a call's path, too: elsewhere the value is another one.
    solver.add(*assumptions, value != directly)
    assert solver.check() == z3.unsat
    for known, result in (((4, 8), 4), ((5, 0), 2), ((1, 0), 0)):
        at = z3.substitute(value, *zip((number, other), map(z3.IntVal, known), strict=True))
        assert z3.simplify(at).as_long() == result


def stands(number: int) -> int:
    return number + 1


def is_larger(number: int, result: int, bound: int) -> bool:
    return result > number and result < bound


def twice(number: int) -> int:
    return stands(number) + stands(number)


def test_what_a_contract_says_is_said_of_the_values_that_are_named_then() -> None:
    contract = Contract(is_larger, proved_by="nobody")
    name = f"{__name__}.stands"
    translator = Translator(Integers(), contracts={name: contract})
    number, one, other = z3.Ints("number one other")
    assumed = []
    for bound in (one, one, one, other):
        translator.ghosts["bound"] = bound
        before = len(translator.assumptions)
        translator.call(twice, number)
        assumed.append([str(fact) for fact in translator.assumptions[before:]])
    assert assumed[0] == assumed[1] == assumed[2]
    assert all("one" in fact for fact in assumed[2])
    assert all("other" in fact and "one" not in fact for fact in assumed[3])
    assert len(assumed[3]) == 2


class Pair(NamedTuple):
    first: int
    second: int


def is_pair(pair: Pair, flag: bool) -> bool:
    return flag or any(one > pair.first for one in range(pair.second, 1 << 20))


def both(pair: Pair, flag: bool) -> bool:
    return is_pair(pair, flag) and is_pair(pair, flag) and is_pair(pair, flag)


def test_a_rule_that_makes_symbols_is_evaluated_each_time(evaluated: list[str]) -> None:
    translator = Translator(Integers())
    first, second = z3.Ints("first second")
    translator.call(both, Pair(first, second), z3.Bool("flag"))
    assert evaluated.count("is_pair") >= 3
