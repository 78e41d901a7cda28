"""Z3 in this process: it decides the terms themselves, and its models can be read."""

import time
from collections.abc import Sequence

import z3

from spanproof.questions import Question
from spanproof.smallscope import has_quantifier, in_small_scope
from spanproof.solvers.finding import Finding


class Z3:
    """Z3, which decides first."""

    name = "z3"

    def ask(self, question: Question, timeout: float) -> Finding:
        """Decide a question.

        Where quantifiers make Z3 give up, a model of few identities is looked for.
        """
        finding = check(question.formulas, timeout)
        if finding.result == "unknown" and has_quantifier(question.formulas):
            few = check(in_small_scope(question.formulas), timeout)
            spent = finding.seconds + few.seconds
            better = few if few.result == "sat" else finding
            return better._replace(seconds=spent)
        return finding


def check(formulas: Sequence[z3.BoolRef], timeout: float) -> Finding:
    """Let Z3 decide formulas as they are."""
    solver = z3.Solver()
    solver.set("timeout", max(1, round(timeout * 1000)))
    solver.add(*formulas)
    started = time.perf_counter()
    result = solver.check()
    spent = time.perf_counter() - started
    if result == z3.sat:
        return Finding("sat", spent, model=solver.model())
    if result == z3.unsat:
        return Finding("unsat", spent)
    return Finding("unknown", spent, solver.reason_unknown())
