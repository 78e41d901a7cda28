"""Which events a trace gives as inputs: what the program, the scheduler or the clock decides."""

from typing import Final, cast

from spanspec.events import heap_events as hev
from spanspec.events import span_events as ev
from spanspec.events.fields import EventBase


def is_input(event: EventBase) -> bool:
    """Tell whether an event is itself the decision that the model has to be told.

    Its figures are still held against the model as far as they follow from it.
    """
    kind = type(event)
    if kind not in MAY_BE_INPUT:
        return False
    if kind is hev.HeapFrees:
        return cast(hev.HeapFrees, event).state == 2
    if kind is hev.ScavengeBegins:
        return cast(hev.ScavengeBegins, event).by == "bg"
    return True


MAY_BE_INPUT: Final = frozenset((ev.ProcResize, hev.SpanManual, hev.HeapFrees, hev.ScavengeBegins))
"""Kinds of events of which some are inputs."""
