"""What callers may pass where an integer is wanted."""

from operator import index
from typing import SupportsIndex

from mypy_extensions import i64

from spanalloc.base.errors import BadRequest, BadType

MOST_PROCS = 1 << 12
"""Ps that a heap can have: four times what the runtime allowed before it had no bound."""


def whole(value: object, what: str) -> int:
    """Return an integer, whatever form of one it has.

    Raises: BadType if it is none.
    """
    if isinstance(value, int):
        return value
    if isinstance(value, SupportsIndex):
        return index(value)
    raise BadType(f"{what} is an integer, not {described(value)}")


def described(value: object) -> str:
    """Return what an argument is, in few words, whatever its own words for it."""
    try:
        return repr(value)[:80]
    except Exception:
        return f"a {type(value).__name__}"


def proc_count(value: SupportsIndex) -> i64:
    """Return a number of Ps.

    Raises: BadType; BadRequest if no heap can have so many.
    """
    procs = whole(value, "a number of Ps")
    if not 1 <= procs <= MOST_PROCS:
        raise BadRequest(f"{procs} Ps; a heap has at least 1, and at most {MOST_PROCS}")
    return procs
