"""What every part of the reading needs: addresses, fields, and what is done where nothing is."""

from typing import Final, NamedTuple

from spanproof.witness.errors import Unreadable, WitnessError
from spanproof.witness.program.dwarf import Field
from spanproof.witness.program.layout import Layout
from spanproof.witness.program.memory import Memory
from spanproof.witness.reading.image import UnreadPart

MOST_LISTED: Final = 1 << 16
"""Entries of a set or list; more of them come from a damaged count."""


class Addresses(NamedTuple):
    """Where the variables of the runtime are; one that is not known is missing.

    `machines` are variables that lead to Ms, where it is not known which of them is allm.
    """

    at: dict[str, int]
    machines: tuple[int, ...] = ()

    def get(self, name: str) -> int | None:
        """Return the address of a variable of the package runtime."""
        return self.at.get(f"runtime.{name}")

    def need(self, name: str) -> int:
        """Return the address of a variable without which nothing can be read.

        Raises: WitnessError if it is not known.
        """
        found = self.get(name)
        if found is None:
            raise WitnessError(f"runtime.{name} is not found: the program has no symbol for it")
        return found


class Reader:
    """Reads the parts of one image. What cannot be read is noted in `broken`, and left out.

    A miss of memory that was not copied is not damage: it is raised.
    """

    def __init__(self, memory: Memory, layout: Layout, addresses: Addresses) -> None:
        self.memory = memory
        self.layout = layout
        self.addresses = addresses
        self.heap = addresses.need("mheap_")
        self.broken: list[UnreadPart] = []
        self.unknown: list[str] = []
        self.most_listed = MOST_LISTED

    def attempt(self, rule: str, what: str, descriptor: int = 0) -> "Attempt":
        """Return a context in which an unreadable address is noted as broken."""
        return Attempt(self, rule, what, descriptor)

    def value(self, base: int, field: Field) -> int:
        """Return the number in a field.

        Raises: Unreadable.
        """
        return self.memory.number(base + field.offset, min(field.size, 8))

    def heap_value(self, *paths: str) -> int | None:
        """Return a number of mheap_, or None if it has no such field."""
        field = self.layout.field("mheap", *paths)
        return None if field is None else self.value(self.heap, field)

    def slice_of(self, base: int, field: Field, most: int) -> tuple[int, int, int]:
        """Return address, length and capacity of a slice.

        Raises: Unreadable if its length cannot be one.
        """
        array, length, capacity = self.memory.words(base + field.offset, 3)
        if not length <= capacity or length > most:
            raise Unreadable(array)
        return array, length, capacity


class Attempt:
    """A part of the reading that may fail."""

    def __init__(self, reader: Reader, rule: str, what: str, descriptor: int) -> None:
        self._reader = reader
        self._broken = UnreadPart(rule, what, descriptor)

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(self, kind: object, problem: BaseException | None, trace: object) -> bool:
        """Note an address that cannot be read; everything else goes on."""
        if not isinstance(problem, Unreadable) or problem.missing:
            return False
        self._broken.what += f" (at {problem.address:#x})"
        self._reader.broken.append(self._broken)
        return True
