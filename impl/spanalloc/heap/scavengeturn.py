"""One turn of the background scavenger."""

from spanalloc.base.errors import MadviseFailed, OsFailed
from spanalloc.central.state import HeapState
from spanalloc.pages.scavenge import scavenge
from spanalloc.span.mcache import Mcache


def scavenge_turn(state: HeapState, who: Mcache, now: int) -> int:
    """Return what is due at a time, and settle when the next turn is (SCAV-17).

    Returns the bytes returned.

    Raises: MadviseFailed, OsFailed; the next turn is later then, as after one without success.
    """
    with state.pages.lock:
        state.line.wake(now)
        # The line is changed under the lock of the page heap.
        state.pages.lock.expect()
        free = state.pages.free
        retained: int = free.retained()
        wanted = state.line.due(retained, now)
        try:
            released = scavenge(free, who, wanted, "bg") if wanted > 0 else 0
        except (MadviseFailed, OsFailed):
            state.line.turn_ends(retained, wanted, 0, now)
            raise
        state.line.turn_ends(retained, wanted, released, now)
        return released
