"""A stream of requests, as a program makes them, and serving it inside compiled code."""

from typing import Final, final

from librt.vecs import append, vec
from mypy_extensions import i64

from spanalloc.base.errors import BadRequest
from spanalloc.heap.cycle import mark_object
from spanalloc.heap.heap import Heap

DROP: Final = -1
CYCLE: Final = -2

LARGEST: Final = 1 << 47
"""Bytes that a request of a stream can have at most."""


@final
class Stream:
    """Requests in order. What a slot holds is alive; slots are numbered from 0.

    A request is a code and a slot: `size` * 4 + 2 for noscan + 1 for zeroed, or DROP, or CYCLE.
    """

    def __init__(self) -> None:
        self.codes = vec[i64]()
        self.slots = vec[i64]()
        self.highest: i64 = -1

    def allocate(self, slot: int, size: int, noscan: bool = False, zero: bool = True) -> None:
        """Add: allocate an object, and put it into a slot; what was there is dropped.

        Raises: BadRequest for a negative slot, or a size outside 1..2^47.
        """
        if not 1 <= size <= LARGEST:
            raise BadRequest(f"a size of {size} bytes")
        self.add(size * 4 + (2 if noscan else 0) + (1 if zero else 0), slot)

    def drop(self, slot: int) -> None:
        """Add: let go of what is in a slot.

        Raises: BadRequest for a negative slot.
        """
        self.add(DROP, slot)

    def cycle(self) -> None:
        """Add: run a cycle in which alive is what the slots hold."""
        self.add(CYCLE, 0)

    def add(self, code: int, slot: int) -> None:
        """Add a request by its code.

        Raises: BadRequest for a negative slot.
        """
        if not 0 <= slot < 1 << 40:
            raise BadRequest(f"slot {slot}; they are numbered from 0")
        self.codes = append(self.codes, code)
        self.slots = append(self.slots, slot)
        self.highest = max(self.highest, slot)

    def __len__(self) -> int:
        """Return the number of requests."""
        return len(self.codes)


def replay_stream(heap: Heap, stream: Stream, p: int = 0) -> int:
    """Serve all requests of a stream on a P of a heap, and return their number.

    Raises: whatever `Heap.malloc`, `start_cycle` and `finish` raise; the heap is as the requests
        so far left it.
    """
    return serve(heap, stream, p)


def serve(heap: Heap, stream: Stream, p: i64) -> i64:
    """Serve a stream; what `replay_stream` does, in machine integers."""
    codes = stream.codes
    slots = stream.slots
    held = vec[i64]([0] * int(stream.highest + 1))
    count = len(codes)
    at: i64 = 0
    while at < count:
        code = codes[at]
        slot = slots[at]
        at += 1
        if code >= 0:
            held[slot] = heap.malloc(code >> 2, code & 2 != 0, code & 1 != 0, p)
        elif code == DROP:
            held[slot] = 0
        else:
            heap.start_cycle(p)
            for one in range(len(held)):
                if held[one] != 0:
                    mark_object(heap.state, held[one])
            heap.finish((), p)
    return count
