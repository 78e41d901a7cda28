"""What a call costs when nothing is done: the compiled method that a malloc is held against."""

from typing import final


@final
class Nothing:
    """Has the method of a heap, and no heap behind it."""

    def malloc(self, size: int, noscan: bool = False, zero: bool = True, p: int = 0) -> int:
        """Return the size."""
        return size

    def address(self, size: int, noscan: bool = False, zero: bool = True, p: int = 0) -> int:
        """Return a number as large as an address, which Python has to make an object of."""
        return 0xC0_0000_0000 + size
