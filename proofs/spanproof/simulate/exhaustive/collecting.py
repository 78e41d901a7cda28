"""Cycles and sweeps on a small heap, and what each promises.

A promise is stated by what comes of it, in other words than the course that keeps it.
"""

from collections.abc import Callable

from spanproof.simulate.exhaustive.trying import NotNow, Operation, Player, promise, unswept
from spanspec.base.words import M32
from spanspec.heap import program
from spanspec.heap.state.collector import MARK, OFF
from spanspec.pages.courses.scavenge import nothing_left
from spanspec.span.specials import FINALIZER
from spanspec.span.sweepgen import is_legal_between_cycles

FIRST_TRIGGER = 4 << 20
"""Bytes of a small object at most, and of the heap when its first cycle is due."""


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
