"""What holds after every step of the abstract allocator, whoever takes it."""

from spanspec.base.ids import Address
from spanspec.objects.records import NOTHING, Objects, lives, newest


def address_has_its_block(heap: Objects, address: Address) -> bool:
    """An address belongs to a block that lives and contains it, or to nothing."""
    block = heap.block_at[address]
    return block == NOTHING or (
        lives(heap, block) and block <= address < block + heap.blocks[block].size
    )


def block_has_its_address(heap: Objects, block: Address, address: Address) -> bool:
    """Every address in a block belongs to it: so no two blocks have an address in common."""
    inside = block <= address < block + heap.blocks[block].size
    return not inside or heap.block_at[address] == block


def living_is_mapped(heap: Objects, address: Address) -> bool:
    """What lives, lives in usable memory."""
    return heap.block_at[address] == NOTHING or heap.mapped[address]


def block_is_sound(heap: Objects, block: Address) -> bool:
    """A block has an address and its objects lie in it; the future has not kept it yet."""
    it = heap.blocks[block]
    return it.used <= it.size and it.kept <= newest(heap) and (block >= 0 or not lives(heap, block))


def objects_hold(heap: Objects) -> bool:
    """Tell whether the heap is sound: the inductive invariant of the abstract allocator.

    For whoever takes its steps on finite tables; the proofs name its parts one by one.
    """
    return (
        all(address_has_its_block(heap, address) for address in heap.block_at)
        and all(living_is_mapped(heap, address) for address in heap.block_at)
        and all(
            all(block_has_its_address(heap, block, address) for address in heap.block_at)
            for block in heap.blocks
        )
        and all(block_is_sound(heap, block) for block in heap.blocks)
    )
