"""The solvers by name, and whether they are installed; none is loaded for this."""

from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Final

DISTRIBUTIONS: Final = {"z3": "z3-solver", "cvc5": "cvc5", "bitwuzla": "bitwuzla"}
"""The solvers by name, each with the distribution that it comes in.

Z3 comes first: it decides in this process, without the way through text.
"""

NAMES: Final = tuple(DISTRIBUTIONS)


class SolverMissing(Exception):
    """A solver is not installed; the message says what to install."""


@cache
def installed_version(name: str) -> str:
    """Return the version of a solver; it is looked for once, and asked for with each question.

    Raises: SolverMissing if it is not installed.
    """
    try:
        return version(DISTRIBUTIONS[name])
    except PackageNotFoundError:
        raise SolverMissing(
            f"{name} is not installed: pip install 'spanspec[solvers]', or {DISTRIBUTIONS[name]}"
        ) from None
