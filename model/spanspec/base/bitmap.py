"""Bitmaps of a span: one small interface, used by every rule that reads allocBits or mark bits.

The interpreter passes `Bits`; the prover passes uninterpreted functions with the same three
observations. Bit i belongs to slot i; bits are stored little-endian, so bit i is bit i % 8 of
byte i // 8 and bit i % 64 of word i // 64 (SPAN-21).
"""

from typing import Final, Protocol, Self

from spanspec.base.records import Record
from spanspec.base.words import M64, U16, U64


class Bitmap(Protocol):
    """An immutable sequence of bits, all zero beyond its last set bit."""

    def bit(self, index: U16) -> bool:
        """Tell whether bit `index` is set."""
        ...

    def word(self, index: U16) -> U64:
        """Return bits 64*index .. 64*index+63 as one word, lowest bit first (SPAN-11)."""
        ...

    def count(self, end: U16) -> U16:
        """Return how many of the bits 0 .. end-1 are set (SPAN-20)."""
        ...

    def with_bit(self, index: U16) -> Self:
        """Return the bitmap with bit `index` set as well (SPAN-21)."""
        ...


class Bits(Record, frozen=True):
    """A bitmap held in one Python integer: `value` is the sum of 2**i over the set bits i."""

    value: int

    def bit(self, index: U16) -> bool:
        """Tell whether bit `index` is set."""
        return (self.value >> index) & 1 == 1

    def word(self, index: U16) -> U64:
        """Return bits 64*index .. 64*index+63 as one word, lowest bit first."""
        return (self.value >> (index << 6)) & M64

    def count(self, end: U16) -> U16:
        """Return how many of the bits 0 .. end-1 are set."""
        return (self.value & ((1 << end) - 1)).bit_count()

    def with_bit(self, index: U16) -> "Bits":
        """Return the bitmap with bit `index` set as well."""
        return Bits(self.value | (1 << index))

    @classmethod
    def from_hex(cls, text: str) -> "Bits":
        """Read bytes in hexadecimal, slot 0 in the lowest bit of the first byte.

        Raises: ValueError if the text is not a whole number of hexadecimal bytes.
        """
        return cls(int.from_bytes(bytes.fromhex(text), "little"))

    @classmethod
    def of(cls, *slots: int) -> "Bits":
        """Return the bitmap in which exactly the given slots are set."""
        return cls(sum(1 << slot for slot in set(slots)))


NO_BITS: Final = Bits(0)
"""Freshly obtained, zeroed bits (SPAN-22)."""


def hexadecimal(bits: Bitmap, nelems: int) -> str:
    """Return a bitmap of so many slots as bytes in hexadecimal, slot 0 in the lowest bit.

    Raises: OverflowError if a bit behind the last of these bytes is set.
    """
    # What runs has no other bitmaps. Word by word, as a protocol would have it, a span of 1024
    # slots would take sixteen calls, for each sweep that is told.
    assert isinstance(bits, Bits), "only bits that are known can be written down"
    return bits.value.to_bytes((nelems + 7) // 8, "little").hex()
