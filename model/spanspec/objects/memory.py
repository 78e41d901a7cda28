"""The tables of an abstract allocator that runs: they are updated in place."""

from collections.abc import Iterator
from typing import Generic, Self, TypeVar

from spanspec.base.ids import Address
from spanspec.base.intervals import Intervals
from spanspec.objects.records import NO_BLOCK, NOTHING, Block, Objects

ValueT = TypeVar("ValueT")


class Addresses(Generic[ValueT]):
    """A value for each address, alike neighbours as one interval: an `AddressMap`."""

    def __init__(self, value: ValueT) -> None:
        self._values: Intervals[ValueT] = Intervals(value)

    def __getitem__(self, address: Address) -> ValueT:
        """Return the value at an address."""
        return self._values.at(address)

    def __iter__(self) -> Iterator[Address]:
        """Iterate over the first address of each interval."""
        return (Address(start) for start in self._values.starts() if start >= 0)

    def all_are(self, start: Address, end: Address, value: ValueT) -> bool:
        """Tell whether every address from `start` up to, not including, `end` has a value."""
        return self._values.all_are(start, end, value)

    def set_range(self, start: Address, end: Address, value: ValueT) -> Self:
        """Give every address from `start` up to, not including, `end` a value."""
        self._values.set(start, end, value)
        return self


class Blocks:
    """The blocks that live, by their first address."""

    def __init__(self) -> None:
        self._blocks: dict[Address, Block] = {}

    def __getitem__(self, key: Address) -> Block:
        """Return the block that begins at an address, or NO_BLOCK."""
        return self._blocks.get(key, NO_BLOCK)

    def __iter__(self) -> Iterator[Address]:
        """Iterate over the addresses at which blocks begin."""
        return iter(tuple(self._blocks))

    def __len__(self) -> int:
        """Return the number of blocks that live."""
        return len(self._blocks)

    def set(self, key: Address, value: Block) -> Self:
        """Let a block begin at an address, or none."""
        if value.size:
            self._blocks[key] = value
        else:
            self._blocks.pop(key, None)
        return self


def no_objects(*, mapped: bool = False) -> Objects:
    """Return a heap in which nothing lives; `mapped` tells whether all memory is usable."""
    return Objects(1, False, Blocks(), Addresses(NOTHING), Addresses(mapped), Addresses(not mapped))
