"""Where the runtime's variables are in a program without symbols: found by their structure.

mheap_ is the only place where the mcentral of each span class says that it is of this class; allp
is the slice whose Ps are numbered and have mcaches with spans; allm is one of the variables that
lead to Ms that have threads of the process; emptymspan is the variable that slots hold most often.
"""

import struct
from collections import Counter
from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from typing import Final

from spanproof.witness.errors import Unreadable, WitnessError
from spanproof.witness.program.executable import Executable, Section
from spanproof.witness.program.layout import Layout
from spanproof.witness.program.memory import TOP, Memory

MOST_PROCS: Final = 4096
LEAST_POINTER: Final = 1 << 12
MOST_SPANS: Final = 1 << 24
LONGEST_CHAIN: Final = 1 << 15
LEAST_OF_SLOTS: Final = 0.9
"""The part of the slots of a P that must hold spans or a variable."""


def chain_of_machines(
    memory: Memory, layout: Layout, first: int, threads: AbstractSet[int]
) -> Iterator[int]:
    """Yield the Ms from one on; none if the chain leads to something else.

    An M that has no thread yet, or is for callbacks from C, has no number; the first one has.

    Raises: Unreadable for memory that was not copied.
    """
    link, own = layout.need("m", "alllink").offset, layout.need("m", "procid")
    found: dict[int, None] = {}
    m = first
    try:
        while m:
            number = memory.number(m + own.offset, min(own.size, 8)) if not m % 8 else -1
            odd = number not in threads and (number or not found)
            if odd or m < LEAST_POINTER or m in found or len(found) >= LONGEST_CHAIN:
                return
            found[m] = None
            m = memory.number(m + link)
    except Unreadable as problem:
        if problem.missing:
            raise
        return
    yield from found


class Locator:
    """Looks for the runtime's variables in the writable sections of a program."""

    def __init__(
        self,
        memory: Memory,
        executable: Executable,
        layout: Layout,
        slide: int,
        threads: AbstractSet[int] = frozenset(),
    ) -> None:
        self._memory = memory
        self._threads = threads
        self._layout = layout
        self._path = executable.path
        self._sections = [
            Section(one.name, one.address + slide, one.size // 8 * 8)
            for one in executable.writable
            if one.size >= 8
        ]
        self._data = [(one, bytes(self._bytes(one))) for one in self._sections]

    def _bytes(self, section: Section) -> bytes:
        """Return the bytes of a section; zeros where there is no memory."""
        try:
            return self._memory.read(section.address, section.size)
        except Unreadable:
            return bytes(section.size)

    def words(self) -> Iterator[tuple[int, int]]:
        """Yield address and value of each word that may be a pointer."""
        for section, data in self._data:
            for place, (word,) in enumerate(struct.iter_unpack("<Q", data)):
                if LEAST_POINTER < word < TOP and word % 8 == 0:
                    yield section.address + 8 * place, word

    def value(self, address: int, size: int = 8) -> int:
        """Return a number, or -1 where there is no memory."""
        try:
            return self._memory.number(address, min(size, 8))
        except Unreadable:
            return -1

    def heap(self) -> int:
        """Return the address of mheap_.

        Raises: WitnessError if there is none, or more than one.
        """
        array = self._layout.need("mheap", "central")
        inner = self._layout.need("mheap", "central[].mcentral").offset
        first = array.offset + inner + self._layout.need("mcentral", "spanclass").offset
        want, stride = bytes(range(array.length)), array.stride
        found = []
        for section, data in self._data:
            last = len(data) - first - stride * (array.length - 1)
            for at in range(0, max(last, 0), 8):
                place = at + first
                quick = data[place + stride] == 1 and data[place + 2 * stride] == 2
                if quick and data[place : place + stride * array.length : stride] == want:
                    found.append(section.address + at)
        if len(found) != 1:
            raise WitnessError(
                f"{self._path}: the heap is found {len(found)} times by its structure; the layout "
                "is that of another Go, or the program has not begun"
            )
        return found[0]

    def spans(self, heap: int) -> frozenset[int]:
        """Return the descriptors of all spans.

        Raises: WitnessError if the heap has no such list.
        """
        field = self._layout.need("mheap", "allspans")
        try:
            array, length, capacity = self._memory.words(heap + field.offset, 3)
            if 0 < length <= capacity < MOST_SPANS:
                return frozenset(self._memory.words(array, length))
        except Unreadable:
            pass
        raise WitnessError(f"{self._path}: the heap has no list of spans; the layout does not fit")

    def slots(self, proc: int) -> list[int]:
        """Return the slots of a P's mcache; none if it has none."""
        field, alloc = self._layout.need("p", "mcache"), self._layout.need("mcache", "alloc")
        mcache = self.value(proc + field.offset)
        if mcache < LEAST_POINTER or mcache % 8:
            return []
        try:
            return list(self._memory.words(mcache + alloc.offset, alloc.length))
        except Unreadable:
            return []

    def procs(self, spans: AbstractSet[int]) -> tuple[int, list[int]]:
        """Return the address of allp, and its Ps.

        Raises: WitnessError if there is none.
        """
        own = self._layout.need("p", "id")
        best: tuple[int, float, int, list[int]] = (0, 0.0, 0, [])
        for at, array in self.words():
            length, capacity = self.value(at + 8), self.value(at + 16)
            if not 1 <= length <= capacity <= MOST_PROCS or self.is_of_machine(at):
                continue
            procs = [self.value(array + 8 * n) for n in range(length)]
            if all(p > LEAST_POINTER and self.value(p + own.offset, own.size) == n
                   for n, p in enumerate(procs)):  # fmt: skip
                slots = [slot for proc in procs for slot in self.slots(proc)]
                good = sum(slot in spans or self.is_variable(slot) for slot in slots)
                if slots and good >= LEAST_OF_SLOTS * len(slots):
                    # All Ps, rather than the few of them that something else may list: a program
                    # that runs while it is read has slots with spans that are not known yet.
                    best = max(best, (length, good / len(slots), at, procs))
        if not best[2]:
            raise WitnessError(f"{self._path}: no Ps are found; the layout is that of another Go")
        return best[2], best[3]

    def is_of_machine(self, at: int) -> bool:
        """Tell whether a slice is an M's own copy of allp, which it has for a moment only."""
        own, copy = self._layout.field("m", "procid"), self._layout.field("m", "allpSnapshot")
        if own is None or copy is None:
            return False
        return self.value(at - copy.offset + own.offset, own.size) in self._threads

    def is_variable(self, address: int) -> bool:
        """Tell whether an address lies in a writable section."""
        return any(one.address <= address < one.address + one.size for one in self._sections)

    def empty_span(self, procs: Iterable[int]) -> int | None:
        """Return the address of emptymspan, if a slot holds it."""
        slots = Counter(slot for proc in procs for slot in self.slots(proc))
        return next((slot for slot, _ in slots.most_common() if self.is_variable(slot)), None)

    def machines(self) -> list[int]:
        """Return the variables that lead to Ms, the longest chain first.

        Idle Ms and such have variables, too, whose chain is that of allm as long as the newest M is
        one of them; at another moment it is shorter. allm has all Ms at any moment.
        """
        found = []
        for at, first in self.words():
            number = sum(
                1 for _ in chain_of_machines(self._memory, self._layout, first, self._threads)
            )
            if number:
                found.append((number, at))
        return [at for _, at in sorted(found, reverse=True)]


def located(
    memory: Memory,
    executable: Executable,
    layout: Layout,
    slide: int,
    threads: AbstractSet[int],
) -> tuple[dict[str, int], list[int]]:
    """Return the addresses of the variables that are found, by name, and those that lead to Ms.

    Raises: WitnessError if the heap or its Ps are not found.
    """
    locator = Locator(memory, executable, layout, slide, threads)
    heap = locator.heap()
    at, procs = locator.procs(locator.spans(heap))
    found = {"runtime.mheap_": heap, "runtime.allp": at}
    empty = locator.empty_span(procs)
    if empty is not None:
        found["runtime.emptymspan"] = empty
    return found, locator.machines()
