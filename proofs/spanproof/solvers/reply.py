"""What a solver says to a script, and what a solver is to the rest of the prover."""

from importlib.metadata import PackageNotFoundError, version
from typing import Final, Literal, NamedTuple, Protocol

from spanproof.solvers.smtlib import Features

Result = Literal["sat", "unsat", "unknown"]

DISTRIBUTIONS: Final = {"z3": "z3-solver", "cvc5": "cvc5", "bitwuzla": "bitwuzla"}
"""The solvers by name, each with the distribution that it comes in.

Z3 comes first: it decides in this process, without the way through text.
"""

NAMES: Final = tuple(DISTRIBUTIONS)


class SolverMissing(Exception):
    """A solver is not installed; the message says what to install."""


def installed_version(name: str) -> str:
    """Return the version of a solver.

    Raises: SolverMissing if it is not installed.
    """
    try:
        return version(DISTRIBUTIONS[name])
    except PackageNotFoundError:
        raise SolverMissing(
            f"{name} is not installed: pip install 'spanspec[solvers]', or {DISTRIBUTIONS[name]}"
        ) from None


class Reply(NamedTuple):
    """An answer, and why there is none if it is `unknown`."""

    result: Result
    reason: str = ""


class TextSolver(Protocol):
    """A solver that reads SMT-LIB 2."""

    name: str

    def reads(self, features: Features) -> bool:
        """Tell whether the solver has the theories that a question makes use of."""
        ...

    def ask(self, script: str, timeout: float, *, saturate: bool = False) -> Reply:
        """Decide a script of one `check-sat`, in at most so many seconds.

        `saturate` makes the solver try all instances of a quantifier: better at refuting, and
        useless where a model is to be found.
        """
        ...
