"""The operating system of a recorded process: it gave arenas where the trace says."""

from spanspec.arena import Willing
from spanspec.pageheap import page_address
from spanspec.pages import round_down
from spanspec.trace.heap_events import ArenaMapped
from spanspec.trace.witness import Witness
from spanspec.words import M64, U64


class RecordedOs(Willing):
    """Answers a reservation by the event at hand, and grants everything else: the trace goes on."""

    def __init__(self, witness: Witness) -> None:
        super().__init__()
        self._witness = witness

    def reserve(self, address: U64, size: U64) -> U64:
        """Grant a reservation if that is where the trace says that an arena was mapped."""
        return address if address == self._mapped_at() else 0

    def reserve_aligned(self, size: U64, align: U64) -> U64:
        """Grant the place that the trace tells."""
        return round_down(self._mapped_at(), align)

    def _mapped_at(self) -> U64:
        event = self._witness.event
        return page_address(event.base_page) & M64 if isinstance(event, ArenaMapped) else 0
