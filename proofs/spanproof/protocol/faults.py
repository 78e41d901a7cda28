"""What an implementation does instead of answering as agreed."""


class Broken(Exception):
    """It did not answer as agreed; the message says what it did, as the end of a sentence."""


class Declined(Exception):
    """It refused what the rules forbid, as it should; the message says why."""

    def __init__(self, why: str, reason: str = "") -> None:
        super().__init__(why)
        self.reason = reason


class CannotStart(Exception):
    """It cannot be started or used at all; the message is one line that says why."""
