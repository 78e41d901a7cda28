"""Memory of another program: read in chunks, which are kept, with holes where there is none."""

from abc import ABC, abstractmethod
from typing import Final

from spanproof.witness.errors import Unreadable

CHUNK: Final = 1 << 16
"""Bytes that are read at once."""

PAGE: Final = 1 << 12
"""The unit in which memory exists or does not."""

TOP: Final = 1 << 47
"""The end of a program's addresses on linux/amd64."""

LARGEST: Final = 1 << 26
"""The most that one read may ask for; a larger one comes from a damaged size."""


class Memory(ABC):
    """Bytes by address. What was read once is kept, so that all of it is of one moment."""

    def __init__(self) -> None:
        self.chunks: dict[int, bytes] = {}
        self.holes: dict[int, frozenset[int]] = {}

    @abstractmethod
    def fetch(self, address: int, size: int) -> bytes:
        """Return bytes at an address, fewer or none where memory ends. Raises nothing."""

    def read(self, address: int, size: int) -> bytes:
        """Return `size` bytes at an address.

        Raises: Unreadable.
        """
        if not 0 <= address < TOP or size < 0 or size > LARGEST:
            raise Unreadable(address)
        index, offset = address >> 16, address & (CHUNK - 1)
        if offset + size <= CHUNK and index not in self.holes:
            chunk = self.chunks.get(index)
            if chunk is not None:
                return chunk[offset : offset + size]
        return self._gather(address, size)

    def _gather(self, address: int, size: int) -> bytes:
        pieces = []
        while size > 0:
            index, offset = address >> 16, address & (CHUNK - 1)
            if index not in self.chunks:
                self.load(index)
            count = min(size, CHUNK - offset)
            holes = self.holes.get(index)
            if holes and not holes.isdisjoint(
                range(offset // PAGE, (offset + count - 1) // PAGE + 1)
            ):
                raise Unreadable(address, self.is_missing(index))
            pieces.append(self.chunks[index][offset : offset + count])
            address += count
            size -= count
        return b"".join(pieces)

    def load(self, index: int) -> None:
        """Read one chunk, and note which of its pages are not there."""
        data = self.fetch(index * CHUNK, CHUNK)
        if len(data) == CHUNK:
            self.chunks[index] = data
            self.holes.pop(index, None)
            return
        pages, holes = [], []
        for number in range(CHUNK // PAGE):
            page = self.fetch(index * CHUNK + number * PAGE, PAGE)
            if len(page) < PAGE:
                holes.append(number)
            pages.append(page.ljust(PAGE, b"\0"))
        self.chunks[index] = b"".join(pages)
        self.holes[index] = frozenset(holes)

    def is_missing(self, index: int) -> bool:
        """Tell whether a chunk was not copied, though it may exist."""
        return False

    def number(self, address: int, size: int = 8) -> int:
        """Return an unsigned number, little-endian.

        Raises: Unreadable.
        """
        return int.from_bytes(self.read(address, size), "little")

    def words(self, address: int, count: int) -> memoryview:
        """Return `count` 64-bit words.

        Raises: Unreadable.
        """
        return memoryview(self.read(address, count * 8)).cast("Q")


class Copied(Memory):
    """What was copied while a process stood still, and nothing else."""

    def __init__(self, chunks: dict[int, bytes], holes: dict[int, frozenset[int]]) -> None:
        super().__init__()
        self.chunks = chunks
        self.holes = holes
        self.missing: set[int] = set()

    def fetch(self, address: int, size: int) -> bytes:
        """Note that the chunk is missing."""
        self.missing.add(address // CHUNK)
        return b""

    def is_missing(self, index: int) -> bool:
        """Tell whether a chunk was not copied."""
        return index in self.missing


class OverwrittenMemory(Memory):
    """Another memory in which some bytes were overwritten, to see what is noticed."""

    def __init__(self, base: Memory) -> None:
        super().__init__()
        self.chunks = dict(base.chunks)
        self.holes = dict(base.holes)
        self._base = base

    def fetch(self, address: int, size: int) -> bytes:
        """Return the bytes of the other memory."""
        return self._base.fetch(address, size)

    def overwrite(self, address: int, data: bytes) -> None:
        """Put other bytes at an address.

        Raises: Unreadable.
        """
        self.read(address, len(data))
        for place, value in enumerate(data, address):
            index, offset = place >> 16, place & (CHUNK - 1)
            chunk = bytearray(self.chunks[index])
            chunk[offset] = value
            self.chunks[index] = bytes(chunk)
