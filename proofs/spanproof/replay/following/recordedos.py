"""The operating system of a recorded process: it gave arenas where the trace says."""

from spanproof.replay.following.witness import TraceWitness
from spanspec.base.constants import HEAP_ARENA_BYTES, PAGE_SIZE
from spanspec.base.words import M64, U64
from spanspec.events.heap_events import ArenaMapped
from spanspec.pages.memory.arena import GrantingOs
from spanspec.pages.pageheap import page_address
from spanspec.pages.tables.runs import round_down


class RecordedOs(GrantingOs):
    """Answers a reservation by the event at hand, and grants everything else: the trace goes on."""

    def __init__(self, witness: TraceWitness) -> None:
        super().__init__()
        self._witness = witness

    def reserve(self, address: U64, size: U64) -> U64:
        """Grant a reservation if that is where the trace says that an arena was mapped.

        Without an address, grant the place that the trace tells: all of it was kept, or it lay so
        that the arenas begin there.
        """
        event = self._witness.event
        if not isinstance(event, ArenaMapped):
            return 0
        mapped = page_address(event.base_page) & M64
        if address != 0:
            return address if address == mapped else 0
        if event.npages * PAGE_SIZE == size:
            return mapped
        return round_down(mapped, HEAP_ARENA_BYTES) - HEAP_ARENA_BYTES + PAGE_SIZE
