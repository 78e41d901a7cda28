"""What a solver says to a script, and what a solver is to the rest of the prover."""

from typing import Literal, NamedTuple, Protocol

from spanproof.solvers.questions.smtlib import Features

Result = Literal["sat", "unsat", "unknown"]


class SolverReply(NamedTuple):
    """An answer, and why there is none if it is `unknown`."""

    result: Result
    reason: str = ""


class TextSolver(Protocol):
    """A solver that reads SMT-LIB 2."""

    name: str

    def reads(self, features: Features) -> bool:
        """Tell whether the solver has the theories that a question makes use of."""
        ...

    def ask(self, script: str, timeout: float, *, saturate: bool = False) -> SolverReply:
        """Decide a script of one `check-sat`, in at most so many seconds.

        `saturate` makes the solver try all instances of a quantifier: better at refuting, and
        useless where a model is to be found.
        """
        ...
