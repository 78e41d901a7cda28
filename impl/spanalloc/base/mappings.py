"""Memory that stays until nobody can look at it any more.

A view of memory is a buffer that Python exports. What is made of it, a slice, a cast, or an array
of another library, keeps what exports it, and that keeps the mapping here. The last of them that
goes unmaps it.
"""

import ctypes
from collections.abc import Callable
from typing import Final
from weakref import ref

Unmap = Callable[[int, int], int]
"""Unmaps a range; returns 0, or an errno."""


class Mapping:
    """A mapped range of addresses, unmapped when the last reference to this goes."""

    __slots__ = ("__weakref__", "_failures", "_unmap", "address", "size")

    def __init__(self, address: int, size: int, unmap: Unmap, failures: list[int]) -> None:
        self.address: Final = address
        self.size: Final = size
        self._unmap: Final = unmap
        self._failures: Final = failures

    def __del__(self) -> None:
        """Unmap the range; a failure is left where `Mappings.release` looks for it."""
        problem = self._unmap(self.address, self.size)
        if problem != 0:
            self._failures.append(problem)


class Mappings:
    """The mappings of one process, by address."""

    def __init__(self, unmap: Unmap) -> None:
        self._unmap: Final = unmap
        self._failures: Final[list[int]] = []
        self._known: Final[dict[int, Mapping]] = {}

    def add(self, address: int, size: int) -> None:
        """Note that a range is mapped."""
        self._known[address] = Mapping(address, size, self._unmap, self._failures)

    def release(self, address: int, size: int) -> int:
        """Unmap a range, at once or with the last view of it; return 0, or an errno."""
        mapping = self._known.get(address)
        if mapping is None or mapping.size != size:
            return self._unmap(address, size)
        del self._known[address]
        viewed = ref(mapping)
        del mapping
        return self._failures.pop() if viewed() is None and self._failures else 0

    def view(self, address: int, size: int) -> memoryview:
        """Return a range as bytes that can be written; what it lies in stays mapped meanwhile."""
        exporter = (ctypes.c_char * size).from_address(address)
        # An array of ctypes is a Python object: an attribute of it lives as long as it does.
        exporter.mappings = [  # type: ignore[attr-defined]
            one
            for one in list(self._known.values())
            if one.address < address + size and address < one.address + one.size
        ]
        return memoryview(exporter).cast("B")
