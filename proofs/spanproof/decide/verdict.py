"""What became of an obligation. This module needs no solver, so that reports load quickly."""

from typing import Literal, NamedTuple

from spanproof.counterexamples.saved import Counterexample

Answer = Literal[
    "proved",
    "refuted",
    "vacuous",
    "unknown",
    "untranslatable",
    "outside",
    "inapplicable",
    "unfounded",
    "unasked",
]
"""`unfounded`: proved as far as it goes, but an obligation that it rests on is not.
`unasked`: it was not asked, or rests on what was not, for others fail; see `enough`.
`inapplicable`: the mutant's place is not there, so there was nothing to decide.
`outside`: the solver has no counterpart of the integers or quantifiers in the question.
"""

DEFAULT_TIMEOUT = 20.0
"""Seconds of an idle machine that a solver may work on one question; see `solvers.limits`."""


class Verdict(NamedTuple):
    """What became of an obligation.

    `failed` names the query or witness at fault, `detail` shows the counterexample or the reason,
    `counterexample` has its values, `script` what another solver than Z3 was asked; all are empty
    for a proved one. Times are seconds: inside the solver, and around it, building terms.
    `reads` has the functions of the model and the implementation whose source was read.
    """

    obligation: str
    answer: Answer
    queries: int
    solver_seconds: float
    build_seconds: float
    failed: str = ""
    detail: str = ""
    script: str = ""
    counterexample: Counterexample | None = None
    reads: tuple[str, ...] = ()

    @property
    def proved(self) -> bool:
        """Whether every goal is implied and every witness possible."""
        return self.answer == "proved"
