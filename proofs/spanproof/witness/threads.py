"""What each thread is in the middle of: its stacks, and the descriptors that it has at hand."""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from itertools import pairwise
from typing import Final

from spanproof.witness.errors import Unreadable
from spanproof.witness.image import ThreadImage
from spanproof.witness.layout import Layout
from spanproof.witness.locating import chain_of_machines
from spanproof.witness.memory import Memory
from spanproof.witness.process import Registers
from spanproof.witness.reader import Addresses

DEEPEST: Final = 64
"""Frames of a stack that are followed."""

TOP_OF_STACK: Final = 4096
"""Bytes of a stack in which a descriptor counts as at hand."""

MOST_THREADS: Final = 1 << 15

RESTORER: Final = "runtime.sigreturn"
"""What a signal handler returns to: the word below an interrupted thread's registers."""

THROW: Final = "runtime.throw"
LEAST_TEXT: Final = 6
MOST_TEXT: Final = 200
"""How long the message of a fatal error may be."""

CALL: Final = 5
CALL_RELATIVE: Final = 0xE8
"""Bytes of a call instruction whose target is told relative to what follows, and its first."""

CONTEXT: Final = 8 + 40
"""From that word to the registers: the word itself, and the head of a ucontext."""


class Functions:
    """The runtime's functions by address; `text` reads the program's file, by its own addresses."""

    def __init__(
        self,
        functions: Sequence[tuple[int, int, str]],
        slide: int,
        text: Callable[[int, int], bytes] = lambda _address, _size: b"",
    ) -> None:
        self._functions = functions
        self._slide = slide
        self._text = text
        self._starts = [start + slide for start, _, _ in functions]
        self.restorers = frozenset(
            start + slide for start, _, name in functions if name.startswith(RESTORER)
        )

    def name(self, pc: int) -> str | None:
        """Return the function that an address lies in."""
        number = bisect_right(self._starts, pc) - 1
        if number < 0:
            return None
        _, size, name = self._functions[number]
        return name if pc - self._starts[number] < max(size, 1) else None

    def is_called(self, pc: int, back: int) -> bool:
        """Tell whether an address is where a call of the function at `pc` returns to."""
        number = bisect_right(self._starts, pc) - 1
        if number < 0 or self.name(back) is None:
            return False
        try:
            call = self._text(back - CALL - self._slide, CALL)
        except OSError:  # the program's file is gone
            return False
        if len(call) != CALL or call[0] != CALL_RELATIVE:
            return False
        return back + int.from_bytes(call[1:], "little", signed=True) == self._starts[number]


class Stacks:
    """Reads the stacks of threads."""

    def __init__(self, memory: Memory, layout: Layout, functions: Functions) -> None:
        self._memory = memory
        self._layout = layout
        self._functions = functions

    def frames(self, pc: int, sp: int, bp: int) -> Iterator[str]:
        """Yield the runtime's functions on a stack, innermost first, by its frame pointers.

        A function that has no frame, or none yet, is called by one that frame pointers do not show:
        where it returns to is on top of the stack.
        """
        back = self.frameless(pc, sp)
        for _ in range(DEEPEST):
            name = self._functions.name(pc)
            if name is not None:
                yield name
            if back:
                name, back = self._functions.name(back), 0
                if name is not None:
                    yield name
            if not bp or bp % 8:
                return
            try:
                following, pc = self._memory.words(bp, 2)
            except Unreadable:
                return
            if following <= bp and following:
                return
            bp = following

    def frameless(self, pc: int, sp: int) -> int:
        """Return where a function that has no frame of its own returns to; 0 if it has one."""
        try:
            words = self._memory.words(sp & ~7, 2)
        except Unreadable:
            return 0
        return next((word for word in words if self._functions.is_called(pc, word)), 0)

    def top(self, sp: int) -> tuple[int, ...]:
        """Return the words at the top of a stack; fewer if there is less memory."""
        start = sp & ~7
        for size in (TOP_OF_STACK, (-start) % 4096):
            try:
                return tuple(self._memory.words(start, size // 8))
            except Unreadable:
                continue
        return ()

    def contexts(self, registers: Registers) -> Iterator[tuple[int, int, int, tuple[int, ...]]]:
        """Yield pc, sp, bp and registers of a thread, and of what its signal handler interrupted.

        Rules: none of the model; this is how linux/amd64 lays out a signal frame.
        """
        yield registers.pc, registers.sp, registers.bp, registers.all
        words = self.top(registers.sp)
        for place, word in enumerate(words):
            if word in self._functions.restorers:
                try:
                    saved = tuple(self._memory.words((registers.sp & ~7) + 8 * place + CONTEXT, 17))
                except Unreadable:
                    return
                yield saved[16], saved[15], saved[10], saved[:15]
                return

    def scheduled(self, g: int) -> tuple[int, int, int] | None:
        """Return pc, sp and bp at which a goroutine left its stack; None if they are unreadable."""
        places = [self._layout.field("g", f"sched.{name}") for name in ("pc", "sp", "bp")]
        try:
            pc, sp, bp = (self._memory.number(g + p.offset) for p in places if p is not None)
        except (Unreadable, ValueError):
            return None
        return pc, sp, bp


def read_threads(
    memory: Memory,
    layout: Layout,
    addresses: Addresses,
    functions: Functions,
    registers: dict[int, Registers],
    descriptors: AbstractSet[int],
    heap: range,
) -> list[ThreadImage]:
    """Return the Ms, each with what its thread is in the middle of; `heap` are its addresses, and
    its step is the size of a page.

    A stack that cannot be read yields no frames: nothing is shown to be under way by it.
    """
    stacks = Stacks(memory, layout, functions)
    found = [
        read_thread(memory, layout, m) for m in machines_of(memory, layout, addresses, registers)
    ]
    for thread in found:
        known = registers.get(thread.thread)
        if known is not None:
            look_at(memory, layout, addresses, stacks, thread, known, descriptors, heap)
    return found


def machines_of(
    memory: Memory, layout: Layout, addresses: Addresses, registers: Mapping[int, Registers]
) -> Iterator[int]:
    """Yield the Ms: those of allm, or of the variable that has the most of them now."""
    at = addresses.get("allm")
    if at is None:
        chains = [
            list(chain_of_machines(memory, layout, memory.number(one), registers.keys()))
            for one in addresses.machines
        ]
        yield from max(chains, key=len, default=[])
        return
    seen: set[int] = set()
    try:
        m = memory.number(at)
        while m and m not in seen and len(seen) < MOST_THREADS:
            seen.add(m)
            yield m
            m = memory.number(m + layout.need("m", "alllink").offset)
    except Unreadable as problem:
        if problem.missing:
            raise


def read_thread(memory: Memory, layout: Layout, m: int) -> ThreadImage:
    """Return an M without what its thread does.

    Raises: Unreadable.
    """

    def value(*paths: str) -> int:
        field = layout.field("m", *paths)
        return 0 if field is None else memory.number(m + field.offset, field.size)

    return ThreadImage(
        m=m,
        thread=value("procid"),
        p=value("p"),
        mallocing=value("mallocing"),
        locks=value("locks"),
        throwing=value("throwing"),
        dying=value("dying"),
    )


def look_at(
    memory: Memory,
    layout: Layout,
    addresses: Addresses,
    stacks: Stacks,
    thread: ThreadImage,
    registers: Registers,
    descriptors: AbstractSet[int],
    heap: range,
) -> None:
    """Add the frames and the descriptors at hand to a thread."""
    places: list[tuple[int, int, int, tuple[int, ...]]] = list(stacks.contexts(registers))
    curg = layout.field("m", "curg")
    if curg is not None:
        try:
            g = memory.number(thread.m + curg.offset)
        except Unreadable:
            g = 0
        saved = stacks.scheduled(g) if g else None
        if saved is not None and on_system_stack(memory, layout, thread.m, registers.sp):
            places.append((saved[0], saved[1], saved[2], ()))
    frames: list[str] = []
    classes: set[int] = set()
    pages: set[int] = set()
    central, stride = central_range(layout, addresses)
    for pc, sp, bp, words in places:
        for name in stacks.frames(pc, sp, bp):
            if len(frames) < DEEPEST:
                frames.append(name)
        for number, word in enumerate(words):
            if word in descriptors:
                thread.near.setdefault(word, f"register {number}")
            elif word in central:
                classes.add((word - central.start) // stride)
            elif word in heap:
                pages.add(word)
        for number, word in enumerate(stacks.top(sp)):
            if word in descriptors:
                thread.near.setdefault(word, f"stack+{number * 8}")
            elif word in central:
                classes.add((word - central.start) // stride)
            elif word in heap:
                pages.add(word)
        if THROW in frames and not thread.message:
            thread.message = message_on(memory, stacks.top(sp))
    thread.frames = frames
    thread.classes = sorted(classes)
    thread.pages = sorted(pages)


def message_on(memory: Memory, words: Sequence[int]) -> str:
    """Return the first text on a stack that looks like the message of a fatal error, or "".

    The argument of `throw` is a string: an address and a length, one after the other.
    """
    for address, length in pairwise(words):
        if not LEAST_TEXT <= length <= MOST_TEXT or address < 1 << 12:
            continue
        try:
            text = memory.read(address, length).decode("ascii")
        except (Unreadable, UnicodeDecodeError):
            continue
        if (text.isprintable() and " " in text.strip()) or "." in text.strip("."):
            return text
    return ""


def central_range(layout: Layout, addresses: Addresses) -> tuple[range, int]:
    """Return the addresses of all mcentrals, and how far apart they are."""
    array, heap = layout.field("mheap", "central"), addresses.get("mheap_")
    if array is None or heap is None or not array.stride:
        return range(0), 1
    return range(heap + array.offset, heap + array.offset + array.size), array.stride


def on_system_stack(memory: Memory, layout: Layout, m: int, sp: int) -> bool:
    """Tell whether a thread runs on its g0 or gsignal stack: its goroutine's is then saved."""
    low, high = layout.field("g", "stack.lo"), layout.field("g", "stack.hi")
    for name in ("g0", "gsignal"):
        place = layout.field("m", name)
        if place is None or low is None or high is None:
            continue
        try:
            g = memory.number(m + place.offset)
            if g and memory.number(g + low.offset) <= sp < memory.number(g + high.offset):
                return True
        except Unreadable:
            continue
    return False
