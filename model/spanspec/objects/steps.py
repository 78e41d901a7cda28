"""What may happen to memory and to what lives in it; `may_...` is when.

There is no step of reuse: where a block has died, another may live later.
"""

from msgspec.structs import replace

from spanspec.base.ids import Address
from spanspec.base.words import U64
from spanspec.objects.records import (
    NO_BLOCK,
    NOTHING,
    Block,
    Objects,
    is_aligned,
    is_condemned,
    lives,
    newest,
)


def is_vacant(heap: Objects, start: Address, end: Address) -> bool:
    """Nothing lives in a range of addresses: it may be mapped, cleared or released."""
    return heap.block_at.all_are(start, end, NOTHING)


def provide(heap: Objects, start: Address, end: Address) -> Objects:
    """Make memory usable and zero: the operating system maps it, or the allocator clears it."""
    return replace(
        heap,
        mapped=heap.mapped.set_range(start, end, True),
        written=heap.written.set_range(start, end, False),
    )


def release(heap: Objects, start: Address, end: Address) -> Objects:
    """Give memory back to the operating system."""
    return replace(heap, mapped=heap.mapped.set_range(start, end, False))


def may_malloc(heap: Objects, at: Address, room: U64, size: U64, noscan: bool, zero: bool) -> bool:
    """Nothing lives there, the memory is usable and aligned, and zero if that is promised."""
    end = Address(at + room)
    return (
        at >= 0
        and 1 <= size <= room
        and is_aligned(at, size)
        and is_vacant(heap, at, end)
        and heap.mapped.all_are(at, end, True)
        and (not zero or heap.written.all_are(at, end, False))
    )


def malloc(heap: Objects, at: Address, room: U64, size: U64, noscan: bool, zero: bool) -> Objects:
    """Hand out an object of `size` bytes, in a block of `room` bytes that begins with it."""
    block = Block(room, size, noscan, newest(heap), False)
    return replace(
        heap,
        blocks=heap.blocks.set(at, block),
        block_at=heap.block_at.set_range(at, Address(at + room), at),
    )


def may_place(heap: Objects, block: Address, offset: U64, size: U64) -> bool:
    """Behind the last object of a block is room, and the block is new or marked.

    If it were neither, the next sweep would free what has just been handed out.
    """
    it = heap.blocks[block]
    return (
        it.noscan
        and it.kept == newest(heap)
        and size >= 1
        and it.used <= offset <= offset + size <= it.size
        and is_aligned(Address(block + offset), size)
    )


def place(heap: Objects, block: Address, offset: U64, size: U64) -> Objects:
    """Hand out another object in a block, which lives as long as the block: a tiny one."""
    it = replace(heap.blocks[block], used=offset + size)
    return replace(heap, blocks=heap.blocks.set(block, it))


def is_reachable(heap: Objects, block: Address) -> bool:
    """The program may have a block: it may write to it, free it, or ask for its finalizer."""
    return lives(heap, block) and not is_condemned(heap, block)


def write(heap: Objects, block: Address) -> Objects:
    """Let the program write to a block, anywhere."""
    end = Address(block + heap.blocks[block].size)
    return replace(heap, written=heap.written.set_range(block, end, True))


def set_finalizer(heap: Objects, block: Address, wanted: bool) -> Objects:
    """Let the program be told before a block dies, or not."""
    it = replace(heap.blocks[block], finalizer=wanted)
    return replace(heap, blocks=heap.blocks.set(block, it))


def free(heap: Objects, block: Address) -> Objects:
    """End the life of a block, with all objects in it: its addresses belong to nothing."""
    end = Address(block + heap.blocks[block].size)
    return replace(
        heap,
        blocks=heap.blocks.set(block, NO_BLOCK),
        block_at=heap.block_at.set_range(block, end, NOTHING),
    )


def may_start_marking(heap: Objects) -> bool:
    """No block waits to be freed since the last marking."""
    return not heap.marking and all(not is_condemned(heap, block) for block in heap.blocks)


def start_marking(heap: Objects) -> Objects:
    """Begin to look for what the program can reach."""
    return replace(heap, marking=True)


def may_mark(heap: Objects, block: Address) -> bool:
    """Marking is under way, and the block lives: free memory is never marked."""
    return heap.marking and lives(heap, block)


def mark(heap: Objects, block: Address) -> Objects:
    """Note that the program can reach a block: it lives through this cycle."""
    it = replace(heap.blocks[block], kept=newest(heap))
    return replace(heap, blocks=heap.blocks.set(block, it))


def may_end_marking(heap: Objects) -> bool:
    """Marking is under way."""
    return heap.marking


def end_marking(heap: Objects) -> Objects:
    """Let marking be over: what it left out is condemned, and dies some time later."""
    return replace(heap, cycle=heap.cycle + 1, marking=False)


def may_die(heap: Objects, block: Address) -> bool:
    """The block is condemned, and has no finalizer: the collector may `free` it."""
    return is_condemned(heap, block) and not heap.blocks[block].finalizer


def may_resurrect(heap: Objects, block: Address) -> bool:
    """The block is condemned, and has a finalizer."""
    return is_condemned(heap, block) and heap.blocks[block].finalizer


def resurrect(heap: Objects, block: Address) -> Objects:
    """Queue the finalizer of a block, which lives through this cycle for it."""
    it = replace(heap.blocks[block], kept=heap.cycle, finalizer=False)
    return replace(heap, blocks=heap.blocks.set(block, it))
