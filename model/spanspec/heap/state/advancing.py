"""Steps of one part of the heap: of counts, the cycle, Ps, tiny blocks, and mark bits.

Here and in `taking`, which does so where threads share a span, the state of a heap changes.
"""

from typing import cast

from spanspec.base.steps import NotAStep, PartT, Step
from spanspec.base.words import U16, U64
from spanspec.heap.state.accounts import Accounts, ClassCounts
from spanspec.heap.state.allp import AllP
from spanspec.heap.state.collector import Collector
from spanspec.heap.state.pacing import SweepPace, Trigger
from spanspec.heap.state.progress import Progress
from spanspec.heap.state.state import HeapState, Mcache, Mcentral
from spanspec.pages.memory.persistent import GC_BITS_CHUNK
from spanspec.sharing.containers.sweepbuf import Stack, SweepBuffer
from spanspec.span.markbits import NO_SPAN_BITS, TAKE_BITS, BitsArenas, SpanBits, needs_chunk
from spanspec.span.tiny import (
    TinyBlock,
    align_tiny,
    may_replace_tiny_block,
    may_take_tiny,
    replace_tiny_block,
    take_tiny,
)


def became(part: object, step: Step[PartT], chosen: tuple[object, ...]) -> PartT:
    """Return what becomes of a part by a step, which has to be possible.

    Raises: NotAStep if its guard does not hold.
    """
    # One tuple for both calls: to unpack into each, compiled code would make a list every time.
    told = (part,) + chosen  # noqa: RUF005
    if not step.may(*told):
        raise NotAStep(f"{step.name} {chosen} is not possible: {part}")
    return step.take(*told)


def after(part: object, step: Step[PartT], *chosen: object) -> PartT:
    """Return what becomes of a part by a step, which has to be possible.

    Raises: NotAStep if its guard does not hold.
    """
    return became(part, step, chosen)


def advance(
    owner: HeapState | Mcentral | Mcache | SweepBuffer, step: Step[object], *chosen: object
) -> None:
    """Take a step of a part of the heap, which has to be possible; `owner` holds the part.

    Raises: NotAStep if its guard does not hold, or the owner has no such part.
    """
    part = step.part
    if isinstance(owner, Mcache) and part == "refilled":
        owner.refilled = cast(int, became(owner.refilled, step, chosen))
    elif isinstance(owner, Mcache) and part == "tiny":
        owner.tiny = cast(TinyBlock, became(owner.tiny, step, chosen))
    elif isinstance(owner, Mcentral) and part == "counts":
        owner.counts = cast(ClassCounts, became(owner.counts, step, chosen))
    elif isinstance(owner, HeapState) and part == "progress":
        owner.progress = cast(Progress, became(owner.progress, step, chosen))
    elif isinstance(owner, HeapState) and part == "accounts":
        owner.accounts = cast(Accounts, became(owner.accounts, step, chosen))
    elif isinstance(owner, HeapState) and part == "collector":
        owner.collector = cast(Collector, became(owner.collector, step, chosen))
    elif isinstance(owner, HeapState) and part == "allp":
        owner.allp = cast(AllP, became(owner.allp, step, chosen))
    elif isinstance(owner, HeapState) and part == "trigger":
        owner.trigger = cast(Trigger, became(owner.trigger, step, chosen))
    elif isinstance(owner, HeapState) and part == "pace":
        owner.pace = cast(SweepPace, became(owner.pace, step, chosen))
    elif isinstance(owner, HeapState) and part == "bits_arenas":
        owner.bits_arenas = cast(BitsArenas, became(owner.bits_arenas, step, chosen))
    elif isinstance(owner, HeapState) and part == "sweepers":
        owner.sweepers = cast(frozenset[int], became(owner.sweepers, step, chosen))
    elif isinstance(owner, SweepBuffer) and part == "stack":
        owner.stack = cast(Stack, became(owner.stack, step, chosen))
    else:
        raise NotAStep(f"{step.name} is none of {type(owner).__name__}: it has no {part}")


def take_bits(state: HeapState, nelems: U16) -> None:
    """Take fresh bits for a span of so many slots, from an arena of this epoch.

    Rules: SPAN-22 SPAN-24 SPAN-25 T-45.
    """
    if needs_chunk(state.bits_arenas, nelems):
        refused = "T-45: runtime: cannot allocate memory"
        state.pages.metadata.sys_alloc(GC_BITS_CHUNK, "gc_sys", refused)
    advance(state, TAKE_BITS, nelems, state.collector.epoch)


def change_bits(state: HeapState, span: int, step: Step[SpanBits], *chosen: U16) -> None:
    """Take a step of the bits of a span, in the epoch that it is.

    Raises: NotAStep if its guard does not hold.

    Rules: SPAN-27 I-10 I-34.
    """
    before = state.bits_epoch.get(span, NO_SPAN_BITS)
    bits = became(before, step, (state.collector.epoch,) + chosen)  # noqa: RUF005 - see `became`
    if bits.held:
        state.bits_epoch[span] = bits
    else:
        del state.bits_epoch[span]


def hit_tiny_block(mcache: Mcache, size: U64) -> int | None:
    """Place a tiny object in the current block; return its offset, None if it does not fit.

    This and `take_tiny_block` do what `advance` does, by calls that are compiled: a trace may have
    millions of tiny objects.

    Rules: MAL-5 MAL-6 HEAP-40.
    """
    block = mcache.tiny
    if not may_take_tiny(block, size):
        return None
    mcache.tiny = take_tiny(block, size)
    return align_tiny(block.offset, size)


def take_tiny_block(mcache: Mcache, address: U64, size: U64) -> bool:
    """Use a fresh slot as a tiny block; tell whether it is the current one now.

    Rules: MAL-7 MAL-8 MAL-9.

    Raises: NotAStep if the object would have fitted the block that is there.
    """
    block = mcache.tiny
    if not may_replace_tiny_block(block, address, size):
        raise NotAStep(f"replace-tiny-block {address:#x} {size} is not possible: {block}")
    mcache.tiny = replace_tiny_block(block, address, size)
    return mcache.tiny.address == address
