"""Maps from identities to records: one small interface for systems of arbitrarily many spans.

The interpreter passes any mapping with these operations: one that is updated in place, or one that
persists (`sharing.tables.finite.Finite`). The prover passes functions from identity to value. A
system rule therefore has one text. Where a table is updated in place, what was read from it before
is what it was, and what it is read as afterwards is what it is: a rule that reads a table after it
replaced it would mean two things, and is refused by the prover.
"""

from collections.abc import Iterator
from typing import Protocol, Self, TypeVar

from spanspec.base.ids import Address

KeyT = TypeVar("KeyT")
Value = TypeVar("Value")


class Table(Protocol[KeyT, Value]):
    """A total or partial map from identities to immutable records."""

    def __getitem__(self, key: KeyT) -> Value:
        """Return the record of `key`."""
        ...

    def __iter__(self) -> Iterator[KeyT]:
        """Iterate over the identities that exist."""
        ...

    def set(self, key: KeyT, value: Value) -> Self:
        """Return the table in which `key` has the record `value` and all else is as before."""
        ...


class AddressMap(Protocol[Value]):
    """A total map from addresses to values, the same over whole runs of them."""

    def __getitem__(self, key: Address) -> Value:
        """Return the value at an address."""
        ...

    def __iter__(self) -> Iterator[Address]:
        """Iterate over addresses, among them one of each page that was ever in a run."""
        ...

    def all_are(self, start: Address, end: Address, value: Value) -> bool:
        """Tell whether every address from `start` up to, not including, `end` has a value."""
        ...

    def set_range(self, start: Address, end: Address, value: Value) -> Self:
        """Return the map with a value at every address from `start` up to, not including, `end`."""
        ...
