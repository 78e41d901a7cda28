"""Long programs on a terminal: how they begin and end."""

import re
from itertools import takewhile
from typing import Final

STEP: Final = re.compile(r" *\d+\. ")

LONGEST: Final = 60
"""Steps that are all shown; the programs that a malloc is given have thousands."""

FIRST: Final = 5
LAST: Final = 25
"""Steps that are shown of a longer one."""


def abridged(text: str) -> str:
    """Return a program, and what it comes to, with the middle of its steps left out if it is long.

    Its first line tells what the program starts with.
    """
    head, *lines = text.split("\n")
    steps = sum(1 for _ in takewhile(STEP.match, lines))
    if steps <= LONGEST:
        return text
    left_out = f"     ... {steps - FIRST - LAST} steps; what --save writes has them"
    return "\n".join([head, *lines[:FIRST], left_out, *lines[steps - LAST :]])
