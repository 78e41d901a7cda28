"""Deciding obligations: goals must be implied, witnesses possible; unknown is a failure."""

import time
from itertools import groupby
from typing import Literal, NamedTuple

import z3

from spanproof.proof import Obligation, Proof, Query
from spanproof.smallscope import has_quantifier, in_small_scope
from spanproof.symbolic.errors import UnsupportedConstruct
from spanproof.symbolic.sources import SourceTree

Answer = Literal["proved", "refuted", "vacuous", "unknown", "untranslatable"]

DEFAULT_TIMEOUT = 20.0
"""Seconds a solver may take for one query."""


class Verdict(NamedTuple):
    """What became of an obligation.

    `failed` names the query or witness at fault, `detail` shows the counterexample; both are
    empty for a proved one. Times are seconds: in the solver, and building the terms.
    """

    obligation: str
    answer: Answer
    queries: int
    solver_seconds: float
    build_seconds: float
    failed: str = ""
    detail: str = ""

    @property
    def proved(self) -> bool:
        """Whether every goal is implied and every witness possible."""
        return self.answer == "proved"


def decide(
    claim: Obligation, sources: SourceTree | None = None, timeout: float = DEFAULT_TIMEOUT
) -> Verdict:
    """Decide an obligation with Z3, on the present sources or on changed ones."""
    started = time.perf_counter()
    try:
        proof = claim.proof(sources)
    except Exception as problem:
        # A rule outside the subset names file and line; a changed rule may fail in any way.
        kind = "" if isinstance(problem, UnsupportedConstruct) else f"{type(problem).__name__}: "
        spent = time.perf_counter() - started
        detail = f"{kind}{problem}"
        return Verdict(claim.id, "untranslatable", 0, 0.0, spent, "translation", detail)
    build_seconds = time.perf_counter() - started
    answer, failed, detail, seconds = _ask(proof, timeout)
    queries = len(proof.queries) + len(proof.witnesses)
    return Verdict(claim.id, answer, queries, seconds, build_seconds, failed, detail)


def _solver(timeout: float) -> z3.Solver:
    solver = z3.Solver()
    solver.set("timeout", int(timeout * 1000))
    return solver


class _Failure(NamedTuple):
    """A query that is not implied: the solver's answer, and a model or the reason in words."""

    query: Query
    result: z3.CheckSatResult
    shown: str


def _ask(proof: Proof, timeout: float) -> tuple[Answer, str, str, float]:
    """Ask every query and witness until one fails; return it with the solver's seconds."""
    started = time.perf_counter()
    failure = _first_failure(proof, timeout)
    if failure is not None:
        answer: Answer = "refuted" if failure.result == z3.sat else "unknown"
        return answer, failure.query.label, failure.shown, time.perf_counter() - started
    if not proof.witnesses:
        return "vacuous", "no witness", "the obligation states no situation to be met", 0.0
    for witness in proof.witnesses:
        result, shown = _check([*proof.assumptions, witness.condition], timeout)
        spent = time.perf_counter() - started
        if result == z3.unsat:
            return "vacuous", witness.label, "the hypotheses exclude this situation", spent
        if result != z3.sat:
            return "unknown", witness.label, shown, spent
    return "proved", "", "", time.perf_counter() - started


def _first_failure(proof: Proof, timeout: float) -> _Failure | None:
    """Return the first query that the assumptions before it do not imply.

    Side conditions under the same assumptions are asked together first: most are easy, and
    starting a solver costs more than deciding one.
    """
    for (given, side), group in groupby(proof.queries, key=lambda query: (query.given, query.side)):
        members, known = list(group), proof.assumptions[:given]
        if side and len(members) > 1:
            together = z3.And(*(query.goal for query in members))
            if _check([*known, z3.Not(together)], timeout)[0] == z3.unsat:
                continue
        for query in members:
            result, shown = _check([*known, z3.Not(query.goal)], timeout)
            if result != z3.unsat:
                return _Failure(query, result, shown)
    return None


def _check(formulas: list[z3.BoolRef], timeout: float) -> tuple[z3.CheckSatResult, str]:
    """Decide formulas; return the answer, and a model or the reason in words.

    Where quantifiers make the solver give up, a model of few identities is looked for.
    """
    solver = _solver(timeout)
    solver.add(*formulas)
    result = solver.check()
    if result == z3.unknown and has_quantifier(formulas):
        small = _solver(timeout)
        small.add(*in_small_scope(formulas))
        if small.check() == z3.sat:
            solver, result = small, z3.sat
    if result == z3.sat:
        return result, counterexample(solver.model())
    return result, solver.reason_unknown() if result == z3.unknown else ""


def counterexample(model: z3.ModelRef) -> str:
    """Return a model's constants as `name = value`, in name order, solver-made names left out."""
    shown = []
    for declaration in sorted(model.decls(), key=str):
        if declaration.arity() == 0 and "!" not in declaration.name():
            shown.append(f"{declaration.name()} = {_plain(model[declaration])}")
    return ", ".join(shown)


def _plain(value: z3.ExprRef) -> str:
    if z3.is_bv_value(value):
        number = value.as_long()
        return str(number) if number < 1 << 16 else hex(number)
    return str(value)
