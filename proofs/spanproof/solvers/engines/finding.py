"""What a solver finds about a question, and what decides questions."""

from typing import NamedTuple, Protocol

import z3

from spanproof.prove.questions import Question
from spanproof.solvers.engines.reply import Result


class SolverAnswer(NamedTuple):
    """The answer to a question, with the seconds that the solver took.

    `reason` says why there is no answer, `script` is the text that was asked if the answer is not
    the wanted one, `model` what Z3 found. `outside` means that the solver lacks the theories.
    """

    result: Result
    seconds: float
    reason: str = ""
    script: str = ""
    model: z3.ModelRef | None = None
    outside: bool = False


class Decider(Protocol):
    """Something that decides questions."""

    name: str

    def ask(self, question: Question, timeout: float) -> SolverAnswer:
        """Decide one question; each use of a solver takes at most so many seconds."""
        ...
