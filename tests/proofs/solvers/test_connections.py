"""Hypotheses without which a goal is asked for first, and what is asked when that is not enough."""

from collections.abc import Sequence

import pytest
import z3

from spanproof.prove.questions import Expected, Question
from spanproof.prove.smallscope import in_small_scope
from spanproof.solvers.engines import inprocess
from spanproof.solvers.engines.finding import SolverAnswer
from spanproof.solvers.engines.inprocess import AT_HAND, IN_VAIN, Z3
from spanproof.solvers.engines.owncontext import OwnContext
from spanproof.solvers.questions.connections import Connections
from spanproof.symbolic.values.values import IDENTITY_SORT

A, B, C, D = z3.BitVecs("a b c d", 64)
TIMEOUT = 10.0


def asked(solver: Z3, *formulas: z3.BoolRef, expected: Expected = "unsat") -> str:
    return solver.ask(Question("it", list(formulas), expected), TIMEOUT).result


def test_what_shares_an_unknown_with_the_goal_or_with_what_does_is_near() -> None:
    function = z3.Function("f", z3.BitVecSort(64), z3.BitVecSort(64))
    far, near, nearer, goal = function(D) == C, A == B, z3.ULT(B, 5), A == 3
    kept = Connections().with_last([nearer, far, near, goal])
    assert [one.sexpr() for one in kept] == [one.sexpr() for one in (nearer, near, goal)]
    assert len(Connections().with_last([far, near, function(A) == 3])) == 3
    bound = z3.BitVec("bound", 64)
    assert len(Connections().with_last([z3.ForAll([bound], bound < A), goal])) == 2
    # What is false of nothing is false of everything.
    assert len(Connections().with_last([z3.BoolVal(False), far, goal])) == 2


def test_hypotheses_that_exclude_each_other_far_from_the_goal_are_not_passed_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(inprocess, "IN_VAIN", 0)
    apart = z3.ULT(A, B), z3.ULT(B, A)
    assert asked(Z3(), *apart, C == 3) == "unsat"
    assert asked(Z3(), apart[0], C == 3) == "sat"
    assert asked(Z3(), *apart, C == 3, expected="sat") == "unsat"


def test_only_what_is_near_is_written_out_where_that_is_enough(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sizes: list[int] = []
    check = OwnContext.check

    def counted(
        self: OwnContext, formulas: Sequence[z3.BoolRef], timeout: float, seed: int = 0
    ) -> SolverAnswer:
        sizes.append(len(formulas))
        return check(self, formulas, timeout, seed)

    monkeypatch.setattr(OwnContext, "check", counted)
    monkeypatch.setattr(inprocess, "IN_VAIN", 0)
    assert asked(Z3(), C * C == D, z3.ULT(A, B), z3.UGE(A, B)) == "unsat"
    assert sizes == [2]


def test_what_is_at_hand_is_asked_until_that_was_in_vain(monkeypatch: pytest.MonkeyPatch) -> None:
    budgets: list[float] = []

    def gives_up(
        self: OwnContext, formulas: Sequence[z3.BoolRef], timeout: float, *, few: bool = False
    ) -> SolverAnswer:
        budgets.append(timeout)
        return SolverAnswer("unknown", 0.0)

    monkeypatch.setattr(OwnContext, "check_next", gives_up)
    solver = Z3()
    for number in range(IN_VAIN + 2):
        assert asked(solver, number == A, number + 1 == A) == "unsat"
        assert asked(solver, number == A) == "sat"
    assert budgets == [AT_HAND] * IN_VAIN


def test_the_goal_stays_the_last_among_few_identities() -> None:
    symbol, other = z3.Const("one", IDENTITY_SORT), z3.Const("other", IDENTITY_SORT)
    bound = z3.Const("bound", IDENTITY_SORT)
    hypothesis = z3.ForAll([bound], bound != symbol)
    written = in_small_scope([hypothesis, symbol == other])
    assert written[-1].eq(symbol == other)
    assert len(written) == 4


def test_questions_among_few_identities_have_a_solver_of_their_own() -> None:
    context = OwnContext()
    symbol = z3.Const("one", IDENTITY_SORT)
    for goal, result in ((symbol == 1, "sat"), (symbol == 7, "unsat")):
        few = [symbol < 4, goal]
        assert context.check_next(few, TIMEOUT, few=True).result == result
        assert context.check_next([symbol > 5, goal], TIMEOUT).result != result


def test_quantifiers_of_any_kind_are_told_from_none(monkeypatch: pytest.MonkeyPatch) -> None:
    shares: list[float] = []
    check_next = OwnContext.check_next

    def noted(
        self: OwnContext, formulas: Sequence[z3.BoolRef], timeout: float, *, few: bool = False
    ) -> SolverAnswer:
        shares.append(timeout / TIMEOUT)
        return check_next(self, formulas, timeout, few=few)

    monkeypatch.setattr(OwnContext, "check_next", noted)
    number = z3.Int("number")
    assert asked(Z3(), number > 3, number < 3) == "unsat"
    flags = z3.Bool("flag"), z3.Function("holds", z3.BoolSort(), z3.BoolSort())
    every = z3.ForAll([flags[0]], flags[1](flags[0]))
    assert asked(Z3(), every, z3.Not(flags[1](number > 3))) == "unsat"
    assert shares == [inprocess.NEXT_NUMBERS, inprocess.NEXT]
