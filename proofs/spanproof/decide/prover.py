"""Deciding obligations: goals must be implied, witnesses possible; unknown is a failure."""

import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import z3

from spanproof.counterexamples.description import near
from spanproof.counterexamples.from_model import explained
from spanproof.decide.verdict import DEFAULT_TIMEOUT, Answer, Verdict
from spanproof.prove.claims import Query
from spanproof.prove.composition import gap
from spanproof.prove.proof import Obligation, Proof
from spanproof.prove.questions import Question, joint_queries, jointly, question_of, witnesses
from spanproof.solvers.engines.finding import Decider, SolverAnswer
from spanproof.solvers.engines.inprocess import Z3
from spanproof.solvers.questions.smtlib import NotPortable
from spanproof.symbolic.reading.sources import SourceTree
from spanproof.symbolic.text.errors import UnsupportedConstruct
from spanproof.symbolic.values.terms import within

READ = ("spanspec", "spanalloc")
"""The packages that proofs are about."""

JOINT_TIMEOUT = 4.0
"""Seconds for several queries at once; what takes longer is asked in halves."""


class _Failure(NamedTuple):
    """A question that did not get the answer that the proof needs."""

    question: Question
    finding: SolverAnswer

    @property
    def answer(self) -> Answer:
        """What the failure makes of the obligation."""
        if self.finding.outside:
            return "outside"
        if self.finding.result == "unknown":
            return "unknown"
        return "refuted" if self.question.expected == "unsat" else "vacuous"

    @property
    def detail(self) -> str:
        """Where it is asked, and why there is no answer, or not the needed one."""
        reason = self.finding.reason
        if self.finding.result == "unsat":
            reason = "the hypotheses exclude this situation"
        where = f"claimed at {near(self.question.at)}" if self.question.at else ""
        return "\n".join(filter(None, (where, reason)))


class _Examination:
    """The questions of one proof, asked one after the other until one fails."""

    def __init__(
        self, proof: Proof, decider: Decider, timeout: float, locate: bool, briefly: bool
    ) -> None:
        self._proof = proof
        self._decider = decider
        self._timeout = timeout
        self._locate = locate
        self._briefly = briefly
        self.seconds = 0.0

    def failure(self) -> _Failure | None:
        """Return the first query that is not implied, else the first impossible witness."""
        return next(self._failures(), None)

    def _failures(self) -> Iterator[_Failure]:
        for question, queries in joint_queries(self._proof):
            yield from self._failures_among(question, queries)
        for question in witnesses(self._proof):
            failure = self._asked(question)
            if failure is not None:
                yield failure

    def _failures_among(self, question: Question, queries: Sequence[Query]) -> Iterator[_Failure]:
        """Yield failures of single queries: of a joint question that fails, the first one that what
        refutes it objects to, or else those that are found by asking in halves.
        """
        final = len(queries) == 1 or not self._locate
        budget = self._timeout if final else min(self._timeout, JOINT_TIMEOUT)
        failure = self._asked(question, budget)
        if failure is None:
            return
        if final or failure.finding.outside or (self._briefly and failure.answer == "unknown"):
            yield failure
            return
        wrong = _first_false(failure, queries)
        if wrong is not None:
            yield failure._replace(question=question_of(self._proof, wrong))
            return
        middle = len(queries) // 2
        for half in (queries[:middle], queries[middle:]):
            yield from self._failures_among(jointly(self._proof, half), half)

    def _asked(self, question: Question, timeout: float | None = None) -> _Failure | None:
        finding = self._decider.ask(question, timeout or self._timeout)
        self.seconds += finding.seconds
        return None if finding.result == question.expected else _Failure(question, finding)


def _first_false(failure: _Failure, queries: Sequence[Query]) -> Query | None:
    """Return the first of the queries of a joint question that what the solver found objects to.

    What it found meets all that these may assume, which is the same, so it objects to each whose
    goal is false in it. None is returned if it does not tell, as of a goal with quantifiers.
    """
    model = failure.finding.model
    if model is None or failure.answer != "refuted":
        return None
    goals = ((query, within(model.ctx, query.goal)) for query in queries)
    told = (query for query, goal in goals if z3.is_false(model.eval(goal, True)))
    return next(told, None)


def decide(
    claim: Obligation,
    sources: SourceTree | None = None,
    timeout: float = DEFAULT_TIMEOUT,
    decider: Decider | None = None,
    *,
    explain: bool = True,
    briefly: bool = False,
) -> Verdict:
    """Decide an obligation, with Z3 unless told otherwise, on the present or on changed sources.

    `explain` tells whether the claim at fault is looked for, and its counterexample put into words
    and run in Python; if not, only the answer is of interest. `briefly`: Z3 is not asked for long,
    and the first question that stays open ends it.
    """
    started = time.perf_counter()
    read = sources or SourceTree()
    try:
        proof = claim.proof(read)
        missing = gap(claim, proof)
        if missing:
            return _untranslatable(claim, read, started, missing, "composition")
        decider = decider or Z3(briefly=briefly)
        examination = _Examination(proof, decider, timeout, explain, briefly)
        failure = examination.failure()
    except NotPortable as problem:
        detail = f"{decider.name if decider else 'z3'}: {problem}"
        return _untranslatable(claim, read, started, detail)
    except Exception as problem:
        # A rule outside the subset names file and line; a changed rule may fail in any way.
        kind = "" if isinstance(problem, UnsupportedConstruct) else f"{type(problem).__name__}: "
        return _untranslatable(claim, read, started, f"{kind}{problem}")
    queries = len(proof.queries) + len(proof.witnesses)
    around = time.perf_counter() - started - examination.seconds
    verdict = Verdict(claim.id, "proved", queries, examination.seconds, around, reads=_read(read))
    if failure is not None:
        detail, counterexample = failure.detail, None
        if explain and failure.finding.model is not None and failure.answer == "refuted":
            detail, counterexample = explained(
                claim, proof, failure.question, failure.finding.model, sources
            )
        return verdict._replace(
            answer=failure.answer,
            failed=failure.question.label,
            detail=detail,
            script=failure.finding.script,
            counterexample=counterexample,
        )
    if not proof.witnesses:
        code = claim.build.__code__
        where = near(f"{code.co_filename}:{code.co_firstlineno}")
        detail = f"claimed at {where}\nthe obligation states no situation to be met"
        return verdict._replace(answer="vacuous", failed="no witness", detail=detail)
    return verdict


def _untranslatable(
    claim: Obligation,
    sources: SourceTree,
    started: float,
    detail: str,
    failed: str = "translation",
) -> Verdict:
    spent = time.perf_counter() - started
    reads = _read(sources)
    return Verdict(claim.id, "untranslatable", 0, 0.0, spent, failed, detail, reads=reads)


def _read(sources: SourceTree) -> tuple[str, ...]:
    """Return the functions of the model and of the implementation that were read."""
    return tuple(sorted(one for one in sources.reached if one.split(".")[0] in READ))
