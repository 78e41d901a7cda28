"""What else a small heap keeps: manual spans, mcaches and Ps, special records, and memory that is
released.

A promise is stated by what comes of it, in other words than the course that keeps it.
"""

from spanproof.simulate.exhaustive.trying import NotNow, Operation, Player, promise
from spanspec.events.heap_events import Purpose
from spanspec.heap import program
from spanspec.pages.courses.scavenge import nothing_left
from spanspec.span.specials import SpecialKind


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
