"""The page heap: runs of pages are allocated, freed, and asked of the operating system."""

from errno import ENOMEM
from typing import Final, final

from mypy_extensions import i64

from spanalloc.base.errors import HeapError, MadviseFailed, MmapFailed, OsFailed, OutOfMemory
from spanalloc.base.mutex import Mutex
from spanalloc.base.pagesizes import ARENA_BYTES, PAGE_SHIFT, round_up
from spanalloc.base.recorder import Recorder, page_number
from spanalloc.pages.freespans import FreeSpans
from spanalloc.pages.pagemap import HeapArena, page_of
from spanalloc.pages.scavenge import scavenge_for_growth
from spanalloc.pages.system import ADDRESS_SPACE, System
from spanalloc.span.mcache import Mcache
from spanalloc.span.span import FREE, IN_USE, Span

TABLES: Final = 1 << 19
"""Bytes, and some to spare, that the tables of an arena take."""


@final
class Hint:
    """Where to ask for the next arena, upwards or downwards from an address (AR-1)."""

    def __init__(self, address: i64, down: bool) -> None:
        self.address: i64 = address
        self.down = down


def first_hints() -> list[Hint]:
    """Return the 128 hints that a heap begins with, the last to be tried first."""
    return [Hint((number << 40) | (0xC0 << 32), False) for number in range(0x7F, -1, -1)]


@final
class PageHeap:
    """All pages, under one lock (HEAP-1); `free` has those in no use.

    `arena_base` and `arena_end` bound what is left of the last arenas (curArena). What can fail of
    a growth, and what the operating system may refuse, comes before anything is changed.
    """

    def __init__(self, system: System, trace: Recorder | None, lock: Mutex) -> None:
        self.os = system
        self.trace = trace
        self.lock = lock
        self.free = FreeSpans(system, trace, lock)
        self.hints = first_hints()
        self.arena_base: i64 = 0
        self.arena_end: i64 = 0
        self.pages_in_use: i64 = 0
        self.largealloc: i64 = 0
        self.nlargealloc: i64 = 0

    # --- allocation ------------------------------------------------------------------------------

    def take(self, who: Mcache, npages: i64) -> Span | None:
        """Take the lowest run of pages that is long enough; None if there is no more memory.

        The heap is locked. The caller says what the span is used for (HEAP-13).

        Raises: OutOfMemory, MmapFailed, MadviseFailed, OsFailed; nothing is taken then.
        """
        self.lock.expect()
        free = self.free
        found = free.runs.first_fit(npages)
        if found is None:
            if not self.grow(who, npages):
                return None
            found = free.runs.first_fit(npages)
            if found is None:
                raise HeapError("T-29: grew heap, but no adequate free span found")
        if found.scavenged:
            self.os.used(found.base, npages << PAGE_SHIFT)
        chosen_pages = found.npages
        free.heap_released -= free.released_bytes(found)
        span = found
        was_scavenged = found.scavenged
        if chosen_pages == npages:
            free.runs.remove(found)
        else:
            span = free.new_descriptor(found.base, npages)
            span.needzero = found.needzero
            if was_scavenged:
                free.runs.remove(found)
                found.npages -= npages
                found.base += npages << PAGE_SHIFT
                rest = free.released_bytes(found)
                if rest > 0:
                    free.heap_released += rest
                else:
                    found.scavenged = False
                free.runs.insert(found)
            else:
                free.runs.cut(found, npages)
            free.pages.enter_ends(found)
        span.scavenged = False
        free.pages.enter_all(span)
        free.heap_idle -= npages << PAGE_SHIFT
        if self.trace is not None:
            split = chosen_pages > npages
            self.trace.event(
                "ha",
                who.p,
                who.thread,
                {
                    "n": npages,
                    "fs": found.ident,
                    "fb": page_number(span.base),
                    "fn": chosen_pages,
                    "s": span.ident,
                    "b": page_number(span.base),
                    "split": int(split),
                    "sc": int(was_scavenged),
                    "rsc": int(split and found.scavenged),
                    "nz": span.needzero,
                },
            )
        return span

    def use(self, span: Span, sg: i64, spanclass: i64, size: i64) -> None:
        """Put a taken span into use for objects of a class; `size` > 0 for a large one (HEAP-22).

        The heap is locked, and the span in the sweep buffer already.
        """
        self.lock.expect()
        free = self.free
        free.heap_inuse += span.npages << PAGE_SHIFT
        span.sweepgen = sg
        span.state = IN_USE
        # Before anybody can come upon it by an address: what the descriptor has of a former span
        # (HEAP-14) is of other slots.
        span.init_slots(spanclass, span.base + size if size > 0 else 0)
        arena = free.pages.arena_at(span.base)
        arena.in_use[page_of(span.base)] = 1
        self.pages_in_use += span.npages
        if size > 0:
            self.nlargealloc += 1
            self.largealloc += span.elemsize

    def looked_up(self, arena: HeapArena, page: i64) -> Span | None:
        """Return what the table has for a page; while the heap is locked nobody can free it."""
        self.lock.expect()
        return arena.spans[page]

    def take_manual(self, who: Mcache, npages: i64, purpose: str) -> Span | None:
        """Take pages to be managed by hand (HEAP-24).

        Raises: MmapFailed, MadviseFailed.
        """
        with self.lock:
            span = self.take(who, npages)
            if span is None:
                return None
            span.make_manual()
            size = npages << PAGE_SHIFT
            self.free.heap_sys -= size
            if purpose == "stack":
                self.free.stacks_inuse += size
            else:
                self.free.gc_manual += size
            if self.trace is not None:
                self.trace.event(
                    "ma",
                    who.p,
                    who.thread,
                    {
                        "for": purpose,
                        "nz": span.needzero,
                        "s": span.ident,
                        "b": page_number(span.base),
                        "np": npages,
                    },
                )
            return span

    # --- freeing ---------------------------------------------------------------------------------

    def free_span(self, who: Mcache, span: Span, sg: i64) -> None:
        """Free a swept span in which nothing is allocated (HEAP-26, HEAP-28).

        Raises: HeapError if it is not such a span (T-34).
        """
        with self.lock:
            if span.state != IN_USE or span.alloc_count != 0 or span.sweepgen != sg:
                raise HeapError(
                    f"T-34: span {int(span.base):#x} freed in state {span.state} with "
                    f"{span.alloc_count} objects and sweepgen {span.sweepgen} of {sg}"
                )
            self.pages_in_use -= span.npages
            arena = self.free.pages.arena_at(span.base)
            arena.in_use[page_of(span.base)] = 0
            self.free.heap_inuse -= span.npages << PAGE_SHIFT
            self.give_back(who, span)

    def free_manual(self, who: Mcache, span: Span, purpose: str) -> None:
        """Free a span that is managed by hand (HEAP-27)."""
        with self.lock:
            span.needzero = 1
            size = span.npages << PAGE_SHIFT
            if purpose == "stack":
                self.free.stacks_inuse -= size
            else:
                self.free.gc_manual -= size
            self.free.heap_sys += size
            self.give_back(who, span)

    def give_back(self, who: Mcache, span: Span) -> None:
        """Put a span into the free set; the heap is locked."""
        self.lock.expect()
        if self.trace is not None:
            self.trace.event(
                "hf",
                who.p,
                who.thread,
                {
                    "stt": span.state,
                    "nz": span.needzero,
                    "s": span.ident,
                    "b": page_number(span.base),
                    "np": span.npages,
                    "g": span.sweepgen,
                },
            )
        self.free.heap_idle += span.npages << PAGE_SHIFT
        span.state = FREE
        self.free.add(span, who)

    # --- growth ----------------------------------------------------------------------------------

    def grow(self, who: Mcache, npages: i64) -> bool:
        """Add free pages at the end of the current arena, or from a new one (HEAP-17).

        Returns False if the operating system has none.

        Raises: OutOfMemory, MmapFailed, OsFailed, with nothing changed; MadviseFailed, or OsFailed
            of a call that is to return memory, although the heap has grown.
        """
        ask = npages << PAGE_SHIFT
        physical = self.os.sizes.physical
        if self.trace is not None:
            self.trace.event("gr", who.p, who.thread, {"n": npages, **self.current_arena()})
        end = round_up(self.arena_base + ask, physical)
        problem: HeapError | None = None
        if end > self.arena_end:
            base, size = self.reserve_arenas(ask)
            if size == 0:
                return False
            contiguous = base == self.arena_end
            if self.trace is not None:
                self.trace.event(
                    "ga",
                    who.p,
                    who.thread,
                    {
                        "b": page_number(base),
                        "np": size >> PAGE_SHIFT,
                        "ask": ask,
                        "contig": int(contiguous),
                    },
                )
            if contiguous:
                self.arena_end += size
            else:
                rest_base, rest_end = self.arena_base, self.arena_end
                self.arena_base, self.arena_end = base, base + size
                if rest_base != rest_end:
                    problem = self.add_grown(who, rest_base, rest_end - rest_base)
            self.free.heap_released += size
            self.free.heap_idle += size
            end = round_up(self.arena_base + ask, physical)
        base = self.arena_base
        self.arena_base = end
        if self.trace is not None:
            self.trace.event(
                "gd",
                who.p,
                who.thread,
                {"n": npages, **self.current_arena(), "v": page_number(base)},
            )
        problem = self.add_grown(who, base, end - base) or problem
        if problem is not None:
            raise problem
        return True

    def add_grown(self, who: Mcache, base: i64, size: i64) -> HeapError | None:
        """Turn fresh memory into a free span; it counts as scavenged (HEAP-19).

        Returns what went wrong when memory was to be given back for it.
        """
        free = self.free
        problem: HeapError | None = None
        try:
            scavenge_for_growth(free, who, size)
        except (MadviseFailed, OsFailed) as failed:
            problem = failed
        span = free.new_descriptor(base, size >> PAGE_SHIFT)
        free.pages.enter_all(span)
        span.state = FREE
        span.scavenged = True
        if self.trace is not None:
            self.trace.event(
                "gs",
                who.p,
                who.thread,
                {"s": span.ident, "b": page_number(base), "np": span.npages},
            )
        free.add(span, who)
        return problem

    def current_arena(self) -> dict[str, object]:
        """Return the bounds of the current arena as a trace has them."""
        if self.arena_end == 0:
            return {"cb": None, "ce": None}
        return {"cb": page_number(self.arena_base), "ce": page_number(self.arena_end)}

    def reserve_arenas(self, ask: i64) -> tuple[i64, i64]:
        """Reserve and map whole arenas; return where, and how many bytes, 0 if refused (AR-4).

        Raises: OutOfMemory, MmapFailed, OsFailed; the reservation is given back, and its hint is
            not used up.
        """
        size = round_up(ask, ARENA_BYTES)
        base: i64 = 0
        used: Hint | None = None
        while self.hints and used is None:
            hint = self.hints[len(self.hints) - 1]
            wanted = hint.address - size if hint.down else hint.address
            found: i64 = 0
            if wanted >= 0 and wanted + size <= ADDRESS_SPACE:
                found = self.os.reserve(wanted, size)
            if found == wanted:
                if found == 0:
                    # The runtime takes the refusal for the address, and cannot map what is there.
                    raise MmapFailed(ENOMEM, f"T-79: {int(size)} bytes at address 0 are refused")
                base, used = found, hint
            else:
                if found != 0:
                    self.os.release(found, size)
                self.hints.pop()
        if used is None:
            anywhere, length = self.os.reserve_aligned(size, ARENA_BYTES)
            if length == 0:
                return 0, 0
            base, size = anywhere, length & ~(ARENA_BYTES - 1)
        self.os.map(base, size)
        try:
            arenas = self.arenas_for(base, size)
            self.free.runs.make_room(len(self.free.pages.all) + len(arenas))
            hints = [Hint(base, True), Hint(base + size, False)] if used is None else []
            self.os.hold(base, size)
        except OsFailed:
            self.os.release(base, size)
            raise
        except MemoryError as problem:
            self.os.release(base, size)
            raise OutOfMemory(f"no memory for the tables of {int(size)} bytes") from problem
        self.hints += hints
        if used is not None:
            used.address = base if used.down else base + size
        self.free.heap_sys += size
        for arena in arenas:
            self.free.runs.arena_added(self.free.pages.add(arena))
        return base, size

    def arenas_for(self, base: i64, size: i64) -> list[HeapArena]:
        """Return new arenas, which are still to be entered into the map (AR-5)."""
        arenas: list[HeapArena] = []
        at = base
        while at < base + size:
            # Compiled code does not survive that a table cannot be had: ask for the room first.
            bytearray(TABLES)
            arenas.append(HeapArena(at, self.os.view(at, ARENA_BYTES)))
            at += ARENA_BYTES
        return arenas
