"""Events in the shape in which they are compared: by kind, with the figures that tell something."""

from spanproof.fuzz.heapsides import UNTOLD, Event


def as_compared(figures: dict[str, object]) -> tuple[str, Event]:
    """Return an event by its kind; what is not compared is taken out of its figures."""
    kind = str(figures.pop("k"))
    for untold in UNTOLD:
        figures.pop(untold, None)
    return kind, figures


def since(events: list[dict[str, object]], told: int) -> list[tuple[str, Event]]:
    """Return the events behind the first so many, as they are compared."""
    return [as_compared(events[at]) for at in range(told, len(events))]
