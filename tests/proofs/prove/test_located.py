"""Which of the claims that are asked together is the one at fault."""

import z3

from spanproof.decide.prover import decide
from spanproof.prove.proof import Obligation, Proof
from spanproof.prove.questions import Question
from spanproof.solvers.engines.finding import SolverAnswer
from spanproof.solvers.engines.inprocess import Z3
from spanproof.symbolic.integers import Integers

AT = z3.Function("at", z3.IntSort(), z3.IntSort())


def eight_claims(p: Proof) -> None:
    place = z3.Int("place")
    p.assume(z3.ForAll([place], AT(place) >= 0))
    for index in range(8):
        p.show(f"claim {index}", AT(z3.IntVal(index)) >= (1 if index == 5 else 0))
    p.possible("any")


CLAIM = Obligation("test", ("I-3",), "eight claims", Integers(), eight_claims, {}, {})


class Counting(Z3):
    """Z3, and how many claims it was asked about at once."""

    def __init__(self, *, tells: bool) -> None:
        super().__init__()
        self.tells = tells
        self.asked: list[int] = []

    def ask(self, question: Question, timeout: float) -> SolverAnswer:
        """Decide a question; `tells` says whether the model is shown."""
        self.asked.append(question.queries)
        finding = super().ask(question, timeout)
        return finding if self.tells else finding._replace(model=None)


def test_what_refutes_many_claims_tells_which_is_at_fault() -> None:
    solver = Counting(tells=True)
    verdict = decide(CLAIM, decider=solver)
    assert (verdict.answer, verdict.failed) == ("refuted", "claim 5")
    assert solver.asked == [8]


def test_without_a_model_claims_are_asked_in_halves_until_one_is_left() -> None:
    solver = Counting(tells=False)
    verdict = decide(CLAIM, decider=solver)
    assert (verdict.answer, verdict.failed) == ("refuted", "claim 5")
    assert solver.asked == [8, 4, 4, 2, 1, 1]
