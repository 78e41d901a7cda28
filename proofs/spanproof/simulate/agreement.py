"""Two systems that took the same steps in different orders: at rest, both share the same."""

from collections.abc import Iterable, Iterator
from typing import Final

from msgspec.structs import replace

from spanspec.base.ids import SlotId, SpanId, ThreadId
from spanspec.sharing.tables.records import UNUSED, SharedSpan, Sharing
from spanspec.span.listing import NOWHERE

GHOSTS: Final = {
    "owner": ThreadId(0),
    "popper": ThreadId(0),
    "pusher": ThreadId(0),
    "cacher": SlotId(0),
}
"""Fields of a span that are for the argument only: threads have other identities elsewhere."""


def disagreements(
    one: Sharing, other: Sharing, spans: Iterable[SpanId] | None = None
) -> Iterator[str]:
    """Yield in words where two systems at rest differ, no thread of which is in an operation.

    With `spans`, these alone are looked at, and the sweepgen.

    Rules: SWP-2 SWP-3 SWP-8 MC-1 MC-7 CEN-1.
    """
    if one.sweepgen != other.sweepgen:
        yield f"sweepgen: {one.sweepgen}, not {other.sweepgen}"
    for span in sorted({*one.spans, *other.spans}) if spans is None else spans:
        ours, theirs = essence(one.spans[span]), essence(other.spans[span])
        if ours != theirs:
            yield f"span {span - 1}: {ours}, not {theirs}"
    if spans is not None:
        return
    for slot in sorted({*one.slots, *other.slots}):
        if one.slots[slot] != other.slots[slot]:
            yield f"cache slot: {one.slots[slot]}, not {other.slots[slot]}"
    for proc in sorted({*one.procs, *other.procs}):
        flush_gen, seen = one.procs[proc].flush_gen, other.procs[proc].flush_gen
        if flush_gen != seen:
            yield f"mcache {proc}: flushGen {flush_gen}, not {seen}"


def essence(it: SharedSpan) -> SharedSpan:
    """Return a span without its ghosts; one that is not in use has only its generation."""
    if not it.in_use:
        return replace(UNUSED, sweepgen=it.sweepgen)
    central = it.spanclass if it.place == NOWHERE else it.central
    return replace(it, central=central, **GHOSTS)
