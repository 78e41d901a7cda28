"""Stacks of threads: which functions of the runtime they are in, by frame pointers and symbols."""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple

from spanproof.witness.errors import Unreadable
from spanproof.witness.program.layout import Layout
from spanproof.witness.program.memory import Memory
from spanproof.witness.program.process import Registers

DEEPEST: Final = 64
"""Frames of a stack that are followed."""

TOP_OF_STACK: Final = 4096
"""Bytes of a stack in which a descriptor counts as at hand."""

RESTORER: Final = "runtime.sigreturn"
"""What a signal handler returns to: the word below an interrupted thread's registers."""

CONTEXT: Final = 8 + 40
"""From that word to the registers: the word itself, and the head of a ucontext."""

CALL: Final = 5
CALL_RELATIVE: Final = 0xE8
"""Bytes of a call instruction whose target is told relative to what follows, and its first."""


class FunctionsOfFile(NamedTuple):
    """Functions of a file, by address, size and name; how far it was moved; and what reads it.

    `stubs` are where it calls functions of other files through the linker's table.
    """

    functions: Sequence[tuple[int, int, str]]
    slide: int = 0
    text: Callable[[int, int], bytes] = lambda _address, _size: b""
    stubs: tuple[range, ...] = ()


class Placed(NamedTuple):
    """A function in memory, and the file that it is of."""

    start: int
    size: int
    name: str
    part: FunctionsOfFile


class Functions:
    """The runtime's functions by address, in the program and in its plugins, which have their own.

    A part of them is those of one file, by how much that was moved, and what reads it by its own
    addresses.
    """

    def __init__(self, *parts: FunctionsOfFile) -> None:
        every = (
            Placed(start + part.slide, size, name, part)
            for part in parts
            for start, size, name in part.functions
        )
        self._functions = sorted(every, key=lambda one: one.start)
        self._starts = [one.start for one in self._functions]
        self.restorers = frozenset(
            one.start for one in self._functions if one.name.startswith(RESTORER)
        )

    def at(self, pc: int) -> Placed | None:
        """Return the function that an address lies in."""
        number = bisect_right(self._starts, pc) - 1
        if number < 0:
            return None
        found = self._functions[number]
        return found if pc - found.start < max(found.size, 1) else None

    def name(self, pc: int) -> str | None:
        """Return the name of the function that an address lies in."""
        found = self.at(pc)
        return None if found is None else found.name

    def is_called(self, pc: int, back: int) -> bool:
        """Tell whether an address is where a call of the function at `pc` returns to.

        It may be called, or be about to be, through the linker's table, which leads anywhere.
        """
        caller = self.at(back)
        if caller is None:
            return False
        part, called = caller.part, self.at(pc)
        try:
            call = part.text(back - CALL - part.slide, CALL)
        except OSError:  # the program's file is gone
            return False
        if len(call) != CALL or call[0] != CALL_RELATIVE:
            return False
        target = back + int.from_bytes(call[1:], "little", signed=True)
        if called is not None and target == called.start:
            return True
        return any(target - part.slide in stub for stub in part.stubs)


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
