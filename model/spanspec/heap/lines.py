"""The lines on which a heap that runs on its own tells its steps, one after another."""

from spanspec.events.fields import EventBase
from spanspec.events.span_events import SHARES_BOUND


class Lines:
    """How many steps were told; `bound` is the first line at which the coming one can be.

    A step that was announced by the one before has happened just after that one.
    """

    def __init__(self) -> None:
        self.told = 0
        self.bound = 1

    def tell(self, event: EventBase) -> None:
        """Note that a step was told, on a line of its own."""
        self.told += 1
        if type(event) not in SHARES_BOUND:
            self.bound = self.told + 1
