"""What is watched in a trace, a span or a page, and the record of its life."""

import re
from collections.abc import Sequence
from typing import Final, Literal, NamedTuple

Thing = Literal["span", "page"]

LETTERS: Final[dict[str, Thing]] = {"s": "span", "b": "page"}
"""What is watched, by the key that stands for it in a trace."""

NEVER_SEEN: Final = "never seen"
"""The state of a page that no span has had, and of a descriptor that was never used."""


class WatchedThing(NamedTuple):
    """What is watched: a span by its descriptor, or a page by its number."""

    thing: Thing
    number: int

    def __str__(self) -> str:
        return f"{self.thing} {self.number}"


def subject(text: str) -> WatchedThing:
    """Return what a text such as `s=17` or `b=403` asks to watch.

    Raises: ValueError if it is neither.
    """
    found = re.fullmatch(r"([sb])=(\d{1,9})", text, re.ASCII)
    if found is None:
        raise ValueError(f"watch s=NUMBER for a span or b=NUMBER for a page, not {text!r}")
    return WatchedThing(LETTERS[found[1]], int(found[2]))


class View(NamedTuple):
    """What can be seen of a span at a moment; for a page, of the span that it belongs to.

    `pages` are its first and last page; `sweepgen` is relative to the heap's; `list` is the central
    list that it is in; `cached_by` is the P whose cache has it. What does not apply is None.
    """

    state: str
    span: int | None = None
    pages: str | None = None
    scavenged: bool | None = None
    needzero: int | None = None
    purpose: str | None = None
    spanclass: int | None = None
    sweepgen: str | None = None
    freeindex: int | None = None
    alloc_count: int | None = None
    nelems: int | None = None
    list: str | None = None
    cached_by: int | None = None


class HistoryEntry(NamedTuple):
    """A line of a life: an event, or the allocations from `line` to `last`, in words.

    `events` counts them; `kind` is that of the event, or `m` for allocations.
    """

    line: int
    last: int
    events: int
    kind: str
    what: str
    before: View
    after: View


class History(NamedTuple):
    """All that happened to what was watched, in order."""

    subject: WatchedThing
    entries: Sequence[HistoryEntry]
