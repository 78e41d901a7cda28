"""Functions with a loop that is cut at an invariant, and calls that are replaced by a contract.

Their terms have unknown parts. So it is asked of a solver, for known inputs: where every side
condition follows from what is assumed before it, Python returns a value, and nothing that is
assumed excludes it. Some of the invariants and variants are wrong, so that a side condition has to
fail. That a function keeps to its contract, raises nothing, and returns what the arithmetic holds,
is the claim of another proof; where that proof would fail, nothing is compared.
"""

from collections.abc import Callable
from random import Random
from types import ModuleType
from typing import Final, NamedTuple, cast

import z3

from spanproof.selftest.inside import FunctionWriter
from spanproof.selftest.judge import Problem, SelftestOutcome, evaluated, imported_function, may_be
from spanproof.symbolic.evaluation.frames import Contract, LoopInvariant
from spanproof.symbolic.text.errors import UnsupportedConstruct
from spanproof.symbolic.translate import Translator
from spanproof.symbolic.values.arithmetic import Arithmetic
from spanproof.symbolic.values.values import Value

MILLISECONDS: Final = 400
"""The time of one question; no answer counts as a side condition that fails."""

INPUTS: Final = 3


class Looping(NamedTuple):
    """A function of two numbers, `n` below 6 and `a`, with what its proof states of it."""

    name: str
    text: str
    loops: tuple[str, str] | None
    contract: tuple[str, str] | None


def looping(random: Random, name: str, arithmetic: Arithmetic) -> Looping:
    """Write a function with a loop, or one that calls a rule with a contract."""
    if random.random() < 0.4:
        return _with_contract(random, name, arithmetic)
    start, step = random.choice((0, 0, 1)), random.choice((0, 1, 2, 3))
    body = [f"s = s + {step}", "i += 1"]
    if random.random() < 0.3:
        body.insert(0, f"assert i < {random.choice(('n', '9', '2'))}, 'T-0'")
    if random.random() < 0.3:
        body.insert(
            random.randrange(2), f"if i == {random.randrange(4)}:\n            return s + i"
        )
    if random.random() < 0.3:
        body.insert(0, "t = s + 1")
        body[-2:-2] = ["s = t - 1"]
    total = f"s == a + {step} * (i - {start})" if start else f"s == a + {step} * i"
    sure = f"{start} <= i and (i <= n or i == {start}) and {total}"
    invariant = random.choice((sure, sure, sure, "s == a", "i < n", "True", total, f"i == {start}"))
    variant = random.choice(("n - i if i < n else 0",) * 4 + ("i", "7"))
    text = "\n".join(
        [
            f"def {name}(n, a):",
            f"    i = {start}",
            "    s = a",
            "    while i < n:",
            *(f"        {line}" for line in body),
            f"    return {random.choice(('s', 's + i', 'i', '(s, i < n)'))}",
            f"def {name}_invariant(n, a, i, s):",
            f"    return {invariant}",
            f"def {name}_variant(n, i):",
            f"    return {variant}",
            "",
        ]
    )
    return Looping(name, text, (f"{name}_invariant", f"{name}_variant"), None)


def _with_contract(random: Random, name: str, arithmetic: Arithmetic) -> Looping:
    helper = FunctionWriter(random, f"{name}_told", arithmetic).function(leaf=True)
    again = helper.text.replace(f"def {name}_told(", f"def {name}_again(", 1)
    says = random.choice((f"result == {name}_again(a, b)", "True"))
    text = "\n".join(
        [
            helper.text,
            again,
            f"def {name}_contract(a, b, result):",
            f"    return {says}",
            f"def {name}(n, a):",
            f"    c = {name}_told(n, a)",
            f"    if a > {random.randrange(4)}:",
            f"        return {name}_told(a, n)",
            f"    return {random.choice(('c', 'c & 7', '(c, c == n)'))}",
            "",
        ]
    )
    return Looping(name, text, None, (f"{name}_told", f"{name}_contract"))


def judge_looping(
    case: Looping, module: ModuleType, arithmetic: Arithmetic, random: Random
) -> SelftestOutcome:
    """Compare what is assumed and asked of a function's term with what Python does."""
    function = imported_function(module, case.name)
    n, a = (z3.Const(name, arithmetic.sort) for name in ("n", "a"))
    translator = Translator(arithmetic, None, *_stated(case, module))
    try:
        term = translator.call(function, n, a)
    except UnsupportedConstruct as refusal:
        return SelftestOutcome(refusal.what, 0, 0, None)
    agreed = claimed = 0
    for _ in range(INPUTS):
        given = random.randrange(6), random.choice((0, 1, 2, 5, 100))
        known = [n == arithmetic.const(given[0]), a == arithmetic.const(given[1])]
        if not _all_conditions_follow(translator, known):
            claimed += 1
            continue
        if not _contract_is_kept(case, module, given, arithmetic):
            claimed += 1
            continue
        expected: object
        try:
            expected = function(*given)
            possible = _allows(translator, known, term, expected, arithmetic)
        except Exception as problem:
            expected, possible = f"{type(problem).__name__}: {problem}", False
        if not possible:
            told = Problem(
                case.name,
                case.text,
                arithmetic.name,
                f"n = {given[0]}, a = {given[1]}",
                str(expected),
                "all conditions hold, and this is excluded",
            )
            return SelftestOutcome(None, agreed, claimed, told)
        agreed += 1
    return SelftestOutcome(None, agreed, claimed, None)


def _contract_is_kept(
    case: Looping, module: ModuleType, given: tuple[int, int], arithmetic: Arithmetic
) -> bool:
    """Tell whether all is well with the calls that a contract stands in for, if there is one.

    That is what the proof of the contract claims: no side condition of theirs fails.
    """
    if case.contract is None:
        return True
    told = imported_function(module, case.contract[0])
    calls: list[tuple[int, int]] = []

    def noting(a: int, b: int) -> object:
        calls.append((a, b))
        return told(a, b)

    vars(module)[case.contract[0]] = noting
    try:
        imported_function(module, case.name)(*given)
    except Exception:
        return False
    finally:
        vars(module)[case.contract[0]] = told
    return all(_raises_nothing(told, call, arithmetic) for call in calls)


def _raises_nothing(
    function: Callable[..., object], call: tuple[int, int], arithmetic: Arithmetic
) -> bool:
    translator = Translator(arithmetic)
    try:
        translator.call(function, *(cast(Value, arithmetic.const(one)) for one in call))
    except UnsupportedConstruct:
        return False
    sides = z3.And(*(side.goal for side in translator.sides), z3.BoolVal(True))
    return bool(z3.is_true(evaluated(sides, ())))


def _stated(
    case: Looping, module: ModuleType
) -> tuple[dict[str, LoopInvariant], dict[str, Contract]]:
    """Return the invariants and the contracts that a case states."""

    def rule(name: str) -> Callable[..., bool]:
        return cast(Callable[..., bool], imported_function(module, name))

    loops = {}
    if case.loops is not None:
        invariant, variant = case.loops
        measure = cast(Callable[..., int], imported_function(module, variant))
        loops[f"{module.__name__}.{case.name}"] = LoopInvariant(rule(invariant), measure)
    contracts = {}
    if case.contract is not None:
        told, contract = case.contract
        contracts[f"{module.__name__}.{told}"] = Contract(rule(contract))
    return loops, contracts


def _solver() -> z3.Solver:
    solver = z3.Solver()
    solver.set("timeout", MILLISECONDS)
    return solver


def _all_conditions_follow(translator: Translator, known: list[z3.BoolRef]) -> bool:
    for side in translator.sides:
        solver = _solver()
        solver.add(*translator.assumptions[: side.given], *known, z3.Not(side.goal))
        if solver.check() != z3.unsat:
            return False
    return True


def _allows(
    translator: Translator,
    known: list[z3.BoolRef],
    term: object,
    expected: object,
    arithmetic: Arithmetic,
) -> bool:
    """Tell whether a value is among those that the assumptions leave; no answer counts as yes."""
    solver = _solver()
    solver.add(*translator.assumptions, *known)
    return may_be(solver, term, expected, arithmetic)
