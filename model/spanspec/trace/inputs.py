"""Which events a trace gives as inputs: what the program, the scheduler or the clock decides."""

from spanspec.events import heap_events as hev
from spanspec.events import span_events as ev
from spanspec.events.fields import EventBase


def is_input(event: EventBase) -> bool:
    """Tell whether an event is itself the decision that the model has to be told.

    Its figures are still held against the model as far as they follow from it.
    """
    if isinstance(event, ev.ProcResize | hev.SpanManual):
        return True
    if isinstance(event, hev.HeapFrees):
        return event.state == 2
    if isinstance(event, hev.ScavengeBegins):
        return event.by == "bg"
    return False
