"""Allocating on a small heap: what is promised of the object, and of what was done on the way.

A promise is stated by what comes of it, in other words than the course that keeps it.
"""

from spanproof.simulate.exhaustive.trying import (
    NotNow,
    Operation,
    Player,
    promise,
    smallest_class,
    unswept,
)
from spanspec.base.constants import PAGE_SIZE
from spanspec.events import heap_events as hev
from spanspec.events import span_events as ev
from spanspec.heap import program
from spanspec.heap.heap import ZERO_BASE, Refused
from spanspec.heap.state.collector import MARK
from spanspec.heap.state.pacing import SweepPace
from spanspec.pages.courses.scavenge import nothing_left

LARGEST_SMALL = 32768


def allocate(size: int, noscan: bool = False, p: int = 0) -> Operation:
    """Allocate an object."""

    def act(player: Player) -> None:
        state = player.state
        if p >= state.procs:
            raise NotNow
        left, pace = len(unswept(player)), state.pace
        inuse, credit = state.pages.stats.pages_in_use, state.progress.reclaim_credit
        address = player.ask(program.Allocate(p, size, noscan))
        if address is None or address == ZERO_BASE:
            promise((address == ZERO_BASE) == (size == 0), "MAL-3: an object of no bytes")
            return
        record = player.span_at(address)
        small = size <= LARGEST_SMALL
        slot = smallest_class(max(size, 1)) if small else -(-size // PAGE_SIZE) * PAGE_SIZE
        if noscan and size < 16:
            slot = 16
            tiny = state.mcaches[state.mcache_of[p]].tiny
            block = tiny.address <= address < tiny.address + 16 or address % 16 == 0
            promise(block, "MAL-6: in no tiny block")
            needed = 8 if size % 8 == 0 else 4 if size % 4 == 0 else 2 if size % 2 == 0 else 1
            promise(address % needed == 0, "MAL-5: a tiny object is not aligned")
        else:
            promise((address - record.base) % record.elemsize == 0, "SPAN-18: inside a slot")
        promise(record.elemsize == slot, f"SC-10: {size} bytes in a slot of {record.elemsize}")
        promise((record.spanclass & 1) == noscan, "CONST-5: of the other kind")
        if state.phase == MARK:
            player.born.add(address)
            slot_number = (address - record.base) // record.elemsize
            word = record.gcmark_bits.word(slot_number >> 6)
            promise(bool(word >> (slot_number & 63) & 1), "MAL-14: not born marked")
        wrong = player.objects.add(address, size)
        promise(wrong is None, f"I-37: {wrong}")
        player.order.append(address)
        if not small and left and credit < record.npages:
            _reclaimed(player, record.npages, inuse)
        _paid(player, pace)
        _grown(player)

    return f"allocate{size}{'n' if noscan else ''}{p or ''}", act


def _reclaimed(player: Player, npages: int, inuse: int) -> None:
    """A heap that is not swept grows by a large object only where nothing dead was left to sweep.

    Rules: SWP-21.
    """
    state = player.state
    grown = state.pages.stats.pages_in_use - inuse
    for span in unswept(player):
        record = state.spans[span]
        dead = record.gcmark_bits.count(record.nelems) == 0
        promise(not dead or grown <= 0, f"SWP-21: {npages} pages, and span {span} is dead")


def _paid(player: Player, pace: SweepPace) -> None:
    """Whoever took a new span has swept for it, or nothing was left to sweep.

    Rules: SWP-19.
    """
    state = player.state
    took = any(isinstance(event, ev.RefillEnds) for event in player.told)
    large = [it for it in player.told if isinstance(it, hev.SpanInUse) and it.large]
    if not (took or large) or not unswept(player) or pace.pages_per_byte == 0:
        return
    owed = int(pace.pages_per_byte * float(state.accounts.heap_live - pace.live_basis))
    owed -= sum(event.npages for event in large)  # it sweeps as many pages itself
    swept = state.progress.pages_swept - pace.swept_basis
    promise(swept >= owed, f"SWP-19: {owed} pages are owed, {swept} swept")


def _grown(player: Player) -> None:
    """Before the heap grew, as much was released as lifts it above its goal, or all there was.

    Rules: SCAV-14 SCAV-15 SCAV-16.
    """
    told = player.told
    needs = [event for event in told if isinstance(event, hev.ScavengeIfNeeded)]
    ended = [event.released for event in told if isinstance(event, hev.ScavengeEnds)]
    wanted = sum(max(0, min(it.size, it.retained + it.size - it.goal)) for it in needs)
    released = sum(ended)
    enough = released >= wanted or nothing_left(player.state.pages)
    promise(enough, f"SCAV-15: {released} bytes were released for growth, of {wanted}")


def new_array() -> Operation:
    """Allocate arrays, and ask for some that no program can have."""

    def act(player: Player) -> None:
        for elemsize, count in ((8, -1), (1 << 40, 1 << 10), (1, (1 << 48) + 1)):
            try:
                player.heap.newarray(elemsize, count)
            except Refused:
                continue
            promise(False, f"MAL-20: an array of {count} elements of {elemsize} bytes")
        player.told.clear()
        address = player.heap.newarray(24, 10)
        size = player.span_at(address).elemsize
        promise(size == 240, f"MAL-20: 10 elements of 24 bytes in {size}")
        wrong = player.objects.add(address, 240)
        promise(wrong is None, f"I-37: {wrong}")
        player.order.append(address)

    return "new-array", act
