"""What a program may do on a small heap, and what each operation promises.

A promise is stated by what comes of it, in other words than the course that keeps it.
"""

from collections.abc import Callable

from spanproof.simulate.exhaustive.trying import (
    NotNow,
    Operation,
    Player,
    promise,
    smallest_class,
)
from spanspec.base.constants import PAGE_SIZE
from spanspec.base.words import M32
from spanspec.events import heap_events as hev
from spanspec.events import span_events as ev
from spanspec.heap import program
from spanspec.heap.heap import ZERO_BASE, Refused
from spanspec.heap.state.collector import MARK, OFF
from spanspec.heap.state.pacing import SweepPace
from spanspec.pages.courses.pagealloc import Purpose
from spanspec.pages.courses.scavenge import nothing_left
from spanspec.span.specials import FINALIZER, SpecialKind
from spanspec.span.sweepgen import is_legal_between_cycles, needs_sweep

LARGEST_SMALL = 32768
FIRST_TRIGGER = 4 << 20
"""Bytes of a small object at most, and of the heap when its first cycle is due."""


def unswept(player: Player) -> list[int]:
    """Return the spans in use that nobody has swept in this cycle."""
    state = player.state
    return [span for span in state.spans if needs_sweep(state.sweepgen, state.generation(span))]


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


def cycle(name: str, lives: Callable[[int], bool], p: int = 0) -> Operation:
    """Run a cycle in which the objects live of whose number in the program something is told."""

    def act(player: Player) -> None:
        begin(p)[1](player)
        for number, address in enumerate(player.order):
            if lives(number):
                mark(player, address)
        end(p)[1](player)

    return name, act


def mark(player: Player, address: int) -> None:
    """Mark an object that a program has."""
    player.ask(program.MarkObject(0, address))
    player.marked.add(address)
    promise(player.heap.is_allocated(address), "SPAN-21: what was marked is no object")


def begin(p: int = 0) -> Operation:
    """Begin to mark."""

    def act(player: Player) -> None:
        state = player.state
        before = state.cycle
        player.ask(program.StartCycle(p))
        player.born, player.marked = set(), set()
        promise(state.phase == MARK and state.cycle == before + 1, "SWP-32: no cycle has begun")
        promise(not unswept(player), "SWP-40: unswept while marking")

    return "begin-cycle", act


def end(p: int = 0) -> Operation:
    """End marking; what has no mark is forgotten by the program."""

    def act(player: Player) -> None:
        state, before = player.state, player.state.sweepgen
        if state.phase != MARK:
            raise NotNow
        alive = sum(it.gcmark_bits.count(it.nelems) * it.elemsize for it in state.spans.values())
        heap, spans = state.pages, len(state.spans)
        inuse = heap.stats.pages_in_use
        player.live_bytes = alive + _looked_through(player)
        player.objects.keep(player.marked | player.born)
        player.order = [one for one in player.order if one in player.objects.sizes]
        player.ask(program.FinishCycle(p))
        promise(state.phase == OFF, "SWP-34: the cycle has not ended")
        promise(state.sweepgen == (before + 2) & M32, "SWP-35: the sweepgen has not risen by 2")
        for mcache in state.mcaches:
            flushed = state.flush_gen(mcache) == state.sweepgen
            promise(flushed and not state.cached_spans(mcache), "SWP-37: an mcache is not flushed")
        promise(
            state.progress.pages_to_sweep == inuse,
            f"SWP-20: {spans} spans are to be swept, not all",
        )

    return "end-cycle", act


def _looked_through(player: Player) -> int:
    """Return the bytes of the objects that have a finalizer: marking looks through each of them."""
    state = player.state
    return sum(
        state.spans[span].elemsize
        for span, specials in state.specials.items()
        for special in specials
        if special.kind == FINALIZER
    )


def sweep_one(p: int = 0) -> Operation:
    """Sweep one span."""

    def act(player: Player) -> None:
        state = player.state
        before, inuse = unswept(player), state.pages.stats.pages_in_use
        freed = player.ask(program.SweepOne(p))
        promise((freed is None) == (not before), "SWP-15: nothing was left, or something")
        promise(state.sweepdone or freed is not None, "SWP-15: sweepdone is not set")
        gone = inuse - state.pages.stats.pages_in_use
        promise(gone == (freed or 0), f"SWP-15: {gone} pages went back, told are {freed}")
        promise(len(unswept(player)) < len(before) or not before, "SWP-15: nothing was swept")

    return "sweep-one", act


def finish_sweeping(p: int = 0) -> Operation:
    """Sweep all that is left."""

    def act(player: Player) -> None:
        state = player.state
        inuse = state.pages.stats.pages_in_use
        freed = player.ask(program.FinishSweeping(p))
        promise(not unswept(player) and state.sweepdone, "SWP-38: something is unswept")
        promise(inuse - state.pages.stats.pages_in_use == freed, "SWP-38: pages freed")
        for span, record in state.spans.items():
            promise(span == span and record.alloc_count > 0, "SWP-26: a dead span is in use")

    return "finish-sweeping", act


def have_swept(which: int = 0) -> Operation:
    """Have the span of one of the program's objects swept."""

    def act(player: Player) -> None:
        if not player.order:
            raise NotNow
        address = player.order[which % len(player.order)]
        player.ask(program.EnsureSwept(0, address))
        state, span = player.state, player.heap.span_of(address)
        swept = is_legal_between_cycles(state.sweepgen, state.generation(span))
        promise(swept, "SWP-18: the span is not swept")

    return "have-swept", act


def take_manual(npages: int = 4, purpose: Purpose = "stack") -> Operation:
    """Take a manual span."""

    def act(player: Player) -> None:
        state = player.state
        fits = [run for run in state.pages.free.in_order() if run.npages >= npages]
        span = player.ask(program.TakeManual(0, npages, purpose))
        if span is None:
            return
        run = state.pages.runs[span]
        promise(run.npages == npages, f"HEAP-13: {run.npages} pages, asked for were {npages}")
        lowest = min((one.base for one in fits), default=run.base)
        promise(run.base == lowest, f"I-40: {run.base:#x} was taken, the lowest is {lowest:#x}")
        player.manual.append(span)

    return f"take{npages}{purpose}", act


def free_manual(which: int = 0) -> Operation:
    """Give back a manual span, the oldest or the newest."""

    def act(player: Player) -> None:
        if not player.manual:
            raise NotNow
        span = player.manual.pop(which)
        player.ask(program.FreeManual(0, span))

    return f"free{'oldest' if which == 0 else 'newest'}", act


def scavenge_all() -> Operation:
    """Release all that is free."""

    def act(player: Player) -> None:
        player.ask(program.ScavengeAll(0))
        promise(nothing_left(player.state.pages), "SCAV-13: a whole free page is left")

    return "scavenge-all", act


def scavenge_later(nanoseconds: int) -> Operation:
    """Let time pass, in which the background scavenger works."""

    def act(player: Player) -> None:
        stats = player.state.pages.stats
        player.ask(program.ScavengeLater(0, nanoseconds))
        promise(player.state.pages.stats.heap_released >= stats.heap_released, "SCAV-6: taken back")

    return f"later{nanoseconds}", act


def set_procs(procs: int) -> Operation:
    """Set the number of Ps."""

    def act(player: Player) -> None:
        state = player.state
        player.ask(program.SetProcs(0, procs))
        there = sorted(p for p in state.mcache_of if p >= 0)
        promise(there == list(range(procs)), f"MC-14: Ps with an mcache are {there}")
        used = {state.mcache_of[p] for p in there}
        promise(used == set(state.mcaches) and len(used) == procs, "MC-10: mcaches and Ps differ")
        promise(state.mcache_ids.in_use // 1736 == procs, "MC-10: an mcache is not given back")

    return f"procs{procs}", act


def flush() -> Operation:
    """Flush all mcaches, as ReadMemStats does."""

    def act(player: Player) -> None:
        player.ask(program.FlushMcaches(0))
        state = player.state
        promise(not any(map(state.cached_spans, state.mcaches)), "MC-9: an mcache has a span")
        tiny = [mcache.tiny.address for mcache in state.mcaches.values()]
        promise(not any(tiny), "MC-6: a tiny block is kept")

    return "flush", act


def add_special(kind: SpecialKind, which: int = -1) -> Operation:
    """Give one of the program's objects a special record."""

    def act(player: Player) -> None:
        if not player.order:
            raise NotNow
        address = player.order[which]
        player.ask(program.AddSpecial(0, address, kind))
        promise(kind in kinds_at(player, address), f"SWP-24: no {kind} is there")

    return f"add-{kind}", act


def remove_finalizer(which: int = -1) -> Operation:
    """Take the finalizer of one of the program's objects away."""

    def act(player: Player) -> None:
        if not player.order:
            raise NotNow
        address = player.order[which]
        before = kinds_at(player, address)
        player.ask(program.RemoveFinalizer(0, address))
        left = kinds_at(player, address)
        promise(
            left == before - {"finalizer"}, f"SWP-24: {sorted(left)} are left of {sorted(before)}"
        )

    return "remove-finalizer", act


def run_finalizers() -> Operation:
    """Run what is due."""

    def act(player: Player) -> None:
        player.ask(program.RunFinalizers(0))
        promise(not player.state.finalizers, "SWP-24: a finalizer is still due")

    return "run-finalizers", act


def kinds_at(player: Player, address: int) -> set[str]:
    """Return the kinds of the records of the object at an address."""
    state, span = player.state, player.heap.span_of(address)
    offset = address - state.spans[span].base
    names = {1: "finalizer", 2: "profile"}
    return {names[it.kind] for it in state.specials.get(span, ()) if it.offset == offset}


def collect() -> Operation:
    """Run a whole cycle in which the first object lives, and all is swept."""

    def act(player: Player) -> None:
        state = player.state
        live = player.order[:1]
        inuse = state.pages.stats.pages_in_use
        due, there = player.heap.cycle_is_due, state.accounts.heap_live
        trigger = FIRST_TRIGGER if state.cycle == 0 else player.heap.trigger
        promise(due == (there >= trigger), f"MAL-18: due at {trigger}, there are {there}")
        _keeps(player, live)
        freed = player.heap.gc(live)
        promise(not unswept(player) and state.sweepdone, "SWP-38: something is unswept")
        gone = inuse - state.pages.stats.pages_in_use
        promise(0 <= freed <= gone, f"SWP-38: {freed} pages were freed, {gone} are")

    return "gc", act


def free_os_memory() -> Operation:
    """Run a whole cycle, and release all that is free."""

    def act(player: Player) -> None:
        live = player.order[:1]
        _keeps(player, live)
        player.heap.free_os_memory(live)
        promise(not unswept(player), "SWP-38: something is unswept")
        promise(nothing_left(player.state.pages), "SCAV-13: a whole free page is left")

    return "free-os-memory", act


def _keeps(player: Player, live: list[int]) -> None:
    """Note which objects the coming cycle leaves; their slots are what is live then."""
    player.objects.keep(set(live))
    player.order = live
    player.live_bytes = sum(player.span_at(address).elemsize for address in live)


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
