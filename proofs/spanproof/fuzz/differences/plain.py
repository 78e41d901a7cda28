"""Values of an implementation as plain text: whatever they are, and whatever their methods do."""

from typing import Final

from spanproof.protocol.faults import Broken, Declined

LONGEST: Final = 1_000
LINES: Final = 12
"""Characters and lines of a text that are shown."""


def plain(value: object) -> str:
    """Return a value as text that can be printed and saved, on as few lines as it has.

    A value may be anything: one whose `__str__` raises, or a number of a million digits.
    """
    try:
        text = value if isinstance(value, str) else str(value)
        return _printable("".join(text[: LONGEST + 1]))
    except BaseException as problem:
        return f"an object of type {_type_of(value)}, whose text raises {_type_of(problem)}"


def said_by(problem: BaseException) -> str:
    """Return in words that something was raised, with what it says; or that a message says so."""
    text = plain(problem)
    if isinstance(problem, Declined):
        return f"refuses: {text}"
    if isinstance(problem, Broken):
        return text
    return f"raises {_type_of(problem)}{f': {text}' if text else ''}"


def _type_of(value: object) -> str:
    return _printable(type.__getattribute__(type(value), "__name__"))


def _printable(text: str) -> str:
    """Write out what is no character of a text, and leave out the end of a very long one."""
    lines = text[:LONGEST].encode("utf-8", "backslashreplace").decode().split("\n")
    shown = "\n".join(
        "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in line)
        for line in lines[:LINES]
    )
    return f"{shown} ..." if len(text) > LONGEST or len(lines) > LINES else shown
