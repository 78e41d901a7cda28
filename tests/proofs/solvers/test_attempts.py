"""In which ways Z3 is asked about identities, and for how long, where it hesitates."""

from collections.abc import Sequence

import pytest
import z3

from spanproof.prove.questions import Expected, Question
from spanproof.solvers.engines.finding import SolverAnswer
from spanproof.solvers.engines.inprocess import AT_ONCE, BRIEFLY, Z3, FewFirst
from spanproof.solvers.engines.owncontext import OwnContext
from spanproof.symbolic.values.values import IDENTITY_SORT

TIMEOUT = 20.0

f = z3.Function("f", IDENTITY_SORT, z3.IntSort())
i, n = z3.Const("i", IDENTITY_SORT), z3.Int("n")

IDENTITIES = [z3.ForAll([i], f(i) > 0), z3.Not(f(i) > -1)]
NUMBERS = [n > 0, n * n * n == 17]

Attempt = tuple[str, float]


@pytest.fixture
def attempts(monkeypatch: pytest.MonkeyPatch) -> list[Attempt]:
    """Let Z3 be in doubt of everything, and note what it was asked, and for how long."""
    made: list[Attempt] = []

    def alone(
        self: OwnContext, formulas: Sequence[z3.BoolRef], timeout: float, *_: int
    ) -> SolverAnswer:
        made.append(("alone", timeout))
        return SolverAnswer("unknown", 0.0, "too hard")

    def after(
        self: OwnContext, formulas: Sequence[z3.BoolRef], timeout: float, *, few: bool = False
    ) -> SolverAnswer:
        made.append(("few" if few else "after others", timeout))
        return SolverAnswer("unknown", 0.0, "too hard")

    monkeypatch.setattr(OwnContext, "check", alone)
    monkeypatch.setattr(OwnContext, "check_next", after)
    return made


def asked(by: Z3, expected: Expected = "unsat", queries: int = 1) -> str:
    return by.ask(Question("it", IDENTITIES, expected, queries), TIMEOUT).result


def test_a_goal_is_looked_at_among_few_identities_before_much_is_spent(
    attempts: list[Attempt],
) -> None:
    assert asked(Z3()) == "unknown"
    kinds = [kind for kind, _ in attempts]
    assert kinds == ["after others", "few", "alone", "after others", "alone"]
    assert attempts[0][1] == AT_ONCE
    assert attempts[-1] == ("alone", TIMEOUT)


def test_several_goals_at_once_are_not_asked_to_the_last(attempts: list[Attempt]) -> None:
    asked(Z3(), queries=3)
    assert attempts[-1][0] == "after others"


@pytest.mark.parametrize("expected", ["sat", "unsat"])
@pytest.mark.parametrize("by", [Z3, FewFirst])
def test_who_is_asked_briefly_does_not_work_for_long(
    by: type[Z3], expected: Expected, attempts: list[Attempt]
) -> None:
    assert asked(by(briefly=True), expected) == "unknown"
    assert "alone" not in [kind for kind, _ in attempts]
    assert sum(limit for _, limit in attempts) <= BRIEFLY


def test_questions_without_identities_are_asked_briefly_as_well(attempts: list[Attempt]) -> None:
    assert Z3(briefly=True).ask(Question("it", NUMBERS, "unsat"), TIMEOUT).result == "unknown"
    assert len(attempts) == 2
    assert attempts[-1] == ("alone", BRIEFLY)
