"""What each thread is in the middle of: its stacks, and the descriptors that it has at hand."""

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from itertools import pairwise
from typing import Final

from spanproof.witness.errors import Unreadable
from spanproof.witness.program.layout import Layout
from spanproof.witness.program.locating import chain_of_machines
from spanproof.witness.program.memory import Memory
from spanproof.witness.program.process import Registers
from spanproof.witness.reading.image import ThreadImage
from spanproof.witness.reading.reader import Addresses
from spanproof.witness.reading.stacks import DEEPEST, Functions, Stacks

MOST_THREADS: Final = 1 << 15

THROW: Final = "runtime.throw"
LEAST_TEXT: Final = 6
MOST_TEXT: Final = 200
"""How long the message of a fatal error may be."""


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
