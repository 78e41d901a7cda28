"""The abstract allocator, driven at random and compared with a list of plain ranges."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from spanspec.base.ids import Address
from spanspec.objects import steps
from spanspec.objects.invariant import objects_hold
from spanspec.objects.memory import Blocks, no_objects
from spanspec.objects.records import NOTHING, is_aligned, is_condemned, lives

END = 96
PLACES = st.integers(0, END - 1).map(Address)


class AbstractAllocator(RuleBasedStateMachine):
    """Every step that is possible, in a memory of few bytes; what must follow is told apart."""

    def __init__(self) -> None:
        super().__init__()
        self.heap = no_objects()
        self.objects: dict[int, tuple[int, int]] = {}
        self.zero: set[int] = set()
        self.marked: set[int] = set()

    def room(self, start: int, end: int) -> bool:
        return all(end <= at or at + size <= start for at, (_, size) in self.objects.items())

    @rule(start=PLACES, size=st.integers(1, END))
    def provide(self, start: Address, size: int) -> None:
        end = Address(min(start + size, END))
        free = all(self.heap.block_at[Address(at)] == NOTHING for at in range(start, end))
        assert steps.is_vacant(self.heap, start, end) == free
        if free:
            self.heap = steps.provide(self.heap, start, end)
            self.zero |= set(range(start, end))

    @rule(start=PLACES, size=st.integers(1, 16))
    def release(self, start: Address, size: int) -> None:
        end = Address(start + size)
        if steps.is_vacant(self.heap, start, end):
            self.heap = steps.release(self.heap, start, end)
            self.zero -= set(range(start, end))

    @rule(
        at=PLACES,
        room=st.integers(1, 24),
        size=st.integers(1, 24),
        noscan=st.booleans(),
        zero=st.booleans(),
    )
    def malloc(self, at: Address, room: int, size: int, noscan: bool, zero: bool) -> None:
        if not steps.may_malloc(self.heap, at, room, size, noscan, zero):
            return
        assert size <= room
        assert is_aligned(at, size)
        assert self.room(at, at + size)
        assert not zero or set(range(at, at + room)) <= self.zero
        self.heap = steps.malloc(self.heap, at, room, size, noscan, zero)
        self.objects[at] = (at, size)
        if self.heap.marking:
            self.marked.add(at)

    @precondition(lambda self: self.objects)
    @rule(data=st.data(), offset=st.integers(0, 23), size=st.integers(1, 15))
    def place(self, data: st.DataObject, offset: int, size: int) -> None:
        block = self.some_block(data)
        if steps.may_place(self.heap, block, offset, size):
            assert self.room(block + offset, block + offset + size)
            self.heap = steps.place(self.heap, block, offset, size)
            self.objects[block + offset] = (block, size)

    def some_block(self, data: st.DataObject) -> Address:
        return Address(data.draw(st.sampled_from(sorted({at for at, _ in self.objects.values()}))))

    @precondition(lambda self: self.objects)
    @rule(data=st.data(), finalizer=st.booleans())
    def use(self, data: st.DataObject, finalizer: bool) -> None:
        block = self.some_block(data)
        if steps.is_reachable(self.heap, block):
            self.heap = steps.set_finalizer(steps.write(self.heap, block), block, finalizer)
            self.zero -= set(range(block, block + self.heap.blocks[block].size))

    @precondition(lambda self: self.objects)
    @rule(data=st.data())
    def free(self, data: st.DataObject) -> None:
        block = self.some_block(data)
        if steps.is_reachable(self.heap, block):
            self.bury(block)

    def bury(self, block: Address) -> None:
        self.heap = steps.free(self.heap, block)
        self.objects = {at: one for at, one in self.objects.items() if one[0] != block}
        self.marked.discard(block)

    @rule()
    def start_marking(self) -> None:
        if steps.may_start_marking(self.heap):
            self.heap = steps.start_marking(self.heap)
            self.marked = set()

    @precondition(lambda self: self.objects)
    @rule(data=st.data())
    def mark(self, data: st.DataObject) -> None:
        block = self.some_block(data)
        if steps.may_mark(self.heap, block):
            self.heap = steps.mark(self.heap, block)
            self.marked.add(block)

    @rule()
    def end_marking(self) -> None:
        if steps.may_end_marking(self.heap):
            self.heap = steps.end_marking(self.heap)
            due = {at for at in self.heap.blocks if is_condemned(self.heap, at)}
            assert due == {at for at, _ in self.objects.values()} - self.marked

    @precondition(lambda self: self.objects)
    @rule(data=st.data())
    def sweep(self, data: st.DataObject) -> None:
        block = self.some_block(data)
        assert not (steps.may_die(self.heap, block) and steps.may_resurrect(self.heap, block))
        if steps.may_resurrect(self.heap, block):
            self.heap = steps.resurrect(self.heap, block)
            assert steps.is_reachable(self.heap, block)
        elif steps.may_die(self.heap, block):
            self.bury(block)

    @invariant()
    def it_is_sound(self) -> None:
        assert objects_hold(self.heap)
        assert set(self.heap.blocks) == {block for block, _ in self.objects.values()}
        for at, (block, size) in self.objects.items():
            assert lives(self.heap, Address(block))
            for inside in (at, at + size - 1):
                assert self.heap.block_at[Address(inside)] == block
                assert self.heap.mapped[Address(inside)]


AbstractAllocator.TestCase.settings = settings(
    max_examples=25, stateful_step_count=40, deadline=None
)
TestAbstractAllocator = AbstractAllocator.TestCase


def test_a_table_of_blocks_holds_what_lives() -> None:
    heap = steps.provide(no_objects(), Address(0), Address(64))
    heap = steps.malloc(heap, Address(16), 16, 3, True, True)
    assert isinstance(heap.blocks, Blocks)
    assert (len(heap.blocks), heap.block_at[Address(31)]) == (1, 16)
    assert steps.may_place(heap, Address(16), 4, 12)
    assert not steps.may_place(heap, Address(16), 2, 2), "the first object reaches there"
    assert not steps.may_place(heap, Address(16), 6, 4), "not aligned"
    heap = steps.start_marking(heap)
    assert not steps.may_place(heap, Address(16), 4, 12), "it would die with an unmarked block"
    heap = steps.end_marking(heap)
    assert not steps.may_start_marking(heap)
    assert steps.may_die(heap, Address(16))
    heap = steps.free(heap, Address(16))
    assert (list(heap.blocks), heap.block_at[Address(16)]) == ([], NOTHING)
    assert steps.may_malloc(heap, Address(16), 24, 24, False, True)
    assert not steps.may_malloc(heap, Address(8), 24, 24, False, True), "not aligned to 16"
