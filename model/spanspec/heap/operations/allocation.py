"""Allocation, as the program asks for it (rules MAL-1 to MAL-14)."""

from spanspec.base.constants import MAX_SMALL_SIZE, PAGE_SIZE
from spanspec.base.ids import NOBODY
from spanspec.base.words import M64
from spanspec.heap.courses.course import Course
from spanspec.heap.courses.malloc import MAX_ALLOC, mallocgc
from spanspec.heap.operations.refusals import OutOfMemory, require
from spanspec.heap.program import Allocate, Input
from spanspec.heap.state.state import HeapState
from spanspec.pages.pageheap import Actor


def allocate(state: HeapState, actor: Actor, request: Input) -> Course[int | None]:
    """Allocate an object; return its address.

    Raises: Refused for a size that is no number of bytes; OutOfMemory.

    Rules: MAL-1 MAL-11 T-21 T-22 T-52.
    """
    assert isinstance(request, Allocate)
    size = request.size
    require(0 <= size <= M64, f"a size of {size} bytes")
    if size + PAGE_SIZE > M64:
        raise OutOfMemory(f"T-21: out of memory: {size} bytes are too many")
    check = "T-22" if size > MAX_SMALL_SIZE else "T-52"
    refused = f"{check}: out of memory: no span for {size} bytes"
    if size > MAX_ALLOC:
        # No system can grant it. The runtime finds that out only after it has swept for it.
        raise OutOfMemory(refused)
    address = yield from mallocgc(state, actor, size, request.noscan, request.zero)
    if address == NOBODY:
        raise OutOfMemory(refused)
    return address
