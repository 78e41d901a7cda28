"""Events in the shape in which they are compared: by kind, with the figures that tell something."""

from typing import Final

from spanproof.fuzz.heapsides import UNTOLD, Event, WholeEvent

UNCOMPARED: Final = frozenset(("k", *UNTOLD))


def as_compared(event: WholeEvent) -> tuple[str, Event]:
    """Return an event by its kind, with the figures that are compared."""
    return str(event["k"]), {key: event[key] for key in event if key not in UNCOMPARED}
