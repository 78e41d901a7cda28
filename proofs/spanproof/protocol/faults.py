"""What an implementation does instead of answering as agreed."""

from collections.abc import Sequence


class Broken(Exception):
    """It did not answer as agreed; the message says what it did, as the end of a sentence."""


class Declined(Exception):
    """It refused what the rules forbid, as it should; the message says why.

    `events` are those of what it had to do before it could tell.
    """

    def __init__(
        self, why: str, reason: str = "", events: Sequence[tuple[str, dict[str, object]]] = ()
    ) -> None:
        super().__init__(why)
        self.reason = reason
        self.events = events


class CannotStart(Exception):
    """It cannot be started or used at all; the message is one line that says why."""
