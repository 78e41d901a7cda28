"""Why an operation is refused: one set of reasons for both sides, whatever words they use.

A reason contains what is at issue where there is something to name: the slot and its span.
"""

import re
from typing import Final, NamedTuple

NO_P: Final = "no such P"
PHASE: Final = "the wrong phase of the cycle"
ARGUMENT: Final = "an argument out of range"
NO_OBJECT: Final = "no object there"
BAD_POINTER: Final = "a bad pointer"
NOT_FIRST: Final = "not the first byte of an object"
HAS_ONE: Final = "has one already"
NOT_MANUAL: Final = "no manual span begins there"
FREE: Final = "a free slot"
NOTHING_ALIVE: Final = "nothing was alive before"

RULES: Final[dict[str, tuple[str, ...]]] = {
    NO_P: ("CONC-9",),
    PHASE: ("I-25", "SWP-32"),
    ARGUMENT: ("MAL-1",),
    NO_OBJECT: ("SPAN-19", "T-40", "T-41"),
    BAD_POINTER: ("T-85",),
    NOT_FIRST: ("SWP-24",),
    HAS_ONE: ("SWP-24", "T-42"),
    NOT_MANUAL: ("HEAP-27",),
    FREE: ("I-4", "SPAN-8"),
    NOTHING_ALIVE: ("SWP-20", "T-90"),
}
"""The rules that a refusal rests on."""


def free_slot(slot: int, base: int) -> str:
    """Return the reason that an address is in a free slot."""
    return f"{FREE} of a span: slot {slot} of the span at {base:#x}"


def are_alike(expected: str, seen: str) -> bool:
    """Tell whether two sides refuse for one reason; who gives none ("") is believed to have it."""
    return "" in (expected, seen) or expected == seen


def rules_of(reason: str) -> tuple[str, ...]:
    """Return the rules of a reason."""
    return RULES.get(reason.partition(" of a span")[0], RULES.get(reason, ()))


class Wording(NamedTuple):
    """How a side says a reason: what its message contains."""

    pattern: re.Pattern[str]
    reason: str


def wordings(table: dict[str, str]) -> tuple[Wording, ...]:
    """Return the wordings of a side, from patterns to reasons."""
    return tuple(Wording(re.compile(pattern), reason) for pattern, reason in table.items())


def reason_in(text: str, known: tuple[Wording, ...]) -> str:
    """Return the reason that a message gives; one that is not known is a reason of its own."""
    found = next((one for one in known if one.pattern.search(text)), None)
    if found is None:
        return f"unknown: {text}"
    if found.reason != FREE:
        return found.reason
    slot, base = re.search(r"slot (\d+)", text), re.search(r"span (?:at )?(0x[0-9a-f]+)", text)
    if slot is None or base is None:
        return f"{FREE} of a span, which is not named: {text}"
    return free_slot(int(slot[1]), int(base[1], 16))
