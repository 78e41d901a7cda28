"""Span sets in place of lists, as later versions have them: every order of a small system's steps.

No heap of ours runs these rules; `spanspec autopsy` and `spanspec probe` judge by them.
"""

from collections import Counter, deque
from itertools import product
from typing import Final

from spanproof.prove.assumptions import SMALL_SCOPE
from spanproof.prove.exploration import Ran, explored
from spanproof.simulate.exhaustive.trying import Wrong, promise
from spanspec.sharing.containers.spansets import Entries, entries_hold, swept_set
from spanspec.sharing.steps.setrecords import (
    EXAMINED,
    FILLED,
    FREEING,
    HELD,
    IDLE,
    INSTALLING,
    POPPED,
    PUBLISHED,
    SWEEPING,
    SetSystem,
    first_system,
)
from spanspec.sharing.steps.setsteps import STEPS, is_in_cache
from spanspec.span.sweepgen import is_cached, is_stale, is_swept, needs_sweep

FIRST: Final = 4


CYCLES: Final = 2
"""The sweepgen to begin with, and how many cycles are looked at."""


OWNS: Final = (SWEEPING, EXAMINED, PUBLISHED, FREEING, HELD, INSTALLING)
"""The tasks of a thread that has the span to itself."""


def is_quiet(state: SetSystem) -> bool:
    """Tell whether everybody is between two operations."""
    return all(worker.task == IDLE for worker in state.workers)


def check_sets(state: SetSystem) -> None:
    """Require what holds of a span and of who has it, whatever is under way."""
    it, entries = state.span, state.span.entries
    owners = sum(worker.task in OWNS for worker in state.workers)
    promise(owners <= 1, f"VER-4: {owners} threads have the span to themselves")
    using = sum(worker.holds and worker.task in (IDLE, FILLED) for worker in state.workers)
    promise(using <= 1, "MC-13: two allocate from it")
    counts = (
        entries.partial_swept,
        entries.full_swept,
        entries.partial_unswept,
        entries.full_unswept,
    )
    promise(min(counts) >= 0 and max(counts) <= 1, f"VER-4: {entries.told()}")
    listed = entries.partial_swept + entries.full_swept
    promise(listed == 0 or it.in_use, "VER-4: a span of the page heap is in a swept set")
    odd = it.in_use and not it.large and it.bare and not it.has_free
    promise(not odd, "CEN-12: nothing is allocated, and it is full")
    if is_quiet(state) and it.in_use:
        held = any(worker.holds for worker in state.workers)
        promise(is_in_cache(state), "I-19: cached by its generation, or by a slot, but not both")
        room = it.has_free
        good = entries_hold(state.sweepgen, it.sweepgen, room, it.large, entries)
        promise(good, f"I-19: {entries.told()}")
        partial = room and not it.large
        if is_swept(state.sweepgen, it.sweepgen):
            promise(counts[:2] == (int(partial), int(not partial)), "VER-4: its swept set")
            promise(not held, "MC-13: a span of a set is in a slot")
        elif needs_sweep(state.sweepgen, it.sweepgen):
            here = counts == (0, 0, int(partial), int(not partial))
            promise(here and not held, "VER-4: its unswept set")
        else:
            promise(held and counts[:2] == (0, 0), "VER-4: a cached span is in a set")


def seen(step: str, before: SetSystem, after: SetSystem, thread: int) -> str:
    """Return a word for what a step has done: its name, and the way through it."""
    it, worker = before.span, after.workers[thread]
    match step:
        case "uncache":
            stale = is_stale(before.sweepgen, it.sweepgen)
            return f"uncache-{'stale' if stale else 'room' if it.has_free else 'full'}"
        case "pop_unswept":
            partial = before.span.entries.partial_unswept > after.span.entries.partial_unswept
            kind = "partial" if partial else "full"
            return f"pop_unswept-{kind}-{'keeps' if worker.keeps else 'sweeps'}"
        case "claim":
            return f"claim-{'won' if worker.task == SWEEPING else 'lost'}"
        case "place":
            return f"place-{'held' if worker.task == HELD else 'set'}"
        case "publish":
            return f"publish-{'dead' if worker.task == FREEING else 'alive'}"
        case "create":
            return f"create-{'large' if after.span.large else 'small'}"
        case "push_left":
            return f"push_left-{'partial' if it.has_free else 'full'}"
        case "examine" if not it.large:
            kept = "full" if not after.span.has_free else "kept" if it.has_free else "freed"
            return f"examine-{'dead' if after.span.bare else kept}"
        case "allocate":
            return f"allocate-{'one' if after.span.has_free else 'last'}"
        case "free" | "flush":
            return f"{step}-{'large' if it.large else 'small'}"
    return step


def is_lost(state: SetSystem) -> bool:
    """Tell whether a span in use can be got at by nobody: it is in no slot, no set, no hand."""
    entries, it = state.span.entries, state.span
    somewhere = (
        entries.partial_swept
        + entries.full_swept
        + entries.partial_unswept
        + entries.full_unswept
        + sum(worker.holds or worker.task != IDLE for worker in state.workers)
    )
    return it.in_use and somewhere == 0


def all_orders(workers: int) -> Ran:
    """Take the steps of some threads in every order."""
    first = first_system(FIRST, workers)
    met: Counter[str] = Counter()
    known, waiting = {first}, deque([first])
    while waiting:
        state = waiting.popleft()
        try:
            check_sets(state)
            promise(not is_lost(state), "VER-4: nobody can find the span any more")
            some = False
            for step, thread in product(STEPS, range(workers)):
                for after in step.take(state, thread):
                    some = True
                    met[step.name] += 1
                    met[seen(step.name, state, after, thread)] += 1
                    check_meaning(step.name, state, after, thread)
                    if after not in known and after.sweepgen <= FIRST + 2 * CYCLES:
                        known.add(after)
                        waiting.append(after)
            promise(some, "VER-4: nothing is possible any more")
        except (Wrong, AssertionError) as problem:
            return Ran(len(known), met, str(problem), str(state))
    return Ran(len(known), met)


def check_meaning(step: str, before: SetSystem, after: SetSystem, thread: int) -> None:
    """Require of a step what it is for."""
    old, new = before.workers[thread], after.workers[thread]
    was, it, sg = before.span, after.span, before.sweepgen
    if step in ("pop_swept", "pop_unswept"):
        moved = sum_of(was.entries) - sum_of(it.entries)
        promise(moved == 1 and not (old.holds and new.keeps), f"VER-4: {step} moves {moved}")
        right = new.task == (HELD if step == "pop_swept" else POPPED)
        promise(right and (step == "pop_unswept" or old.flushed), f"VER-4: {step}")
    elif step in ("push_left", "place_large"):
        promise(sum_of(it.entries) - sum_of(was.entries) == 1, f"VER-4: {step}")
    elif step == "start_cycle":
        turned = Entries(0, 0, was.entries.partial_swept, was.entries.full_swept)
        promise(it.entries == turned and swept_set(sg) != swept_set(after.sweepgen), "SWP-8")
        promise(not any(worker.flushed for worker in after.workers), "MC-12: nobody has flushed")
        promise(all(worker.flushed for worker in before.workers), "MC-12: not all had flushed")
        promise(thread == 0, "SWP-33: another thread than the one that stops the world")
    elif step == "allocate":
        may = was.has_free and old.flushed and is_cached(sg, was.sweepgen) and old.holds
        promise(may and not it.bare and it.in_use, "MAL-10: allocation")
    elif step == "examine":
        promise(it.has_free or not was.has_free, "SWP-24: a sweep takes slots")
        promise(not (it.large and it.has_free and it.bare), "MAL-13: a dead large span has room")
    elif step == "free":
        promise(was.bare and not it.in_use and not old.keeps, "SWP-26: something lives")
    elif step in ("cache", "install"):
        promise(it.has_free and not it.large, "MC-5: no room for who asked")
    elif step == "flush":
        promise(not old.holds, "MC-7: flushed with a span")
    else:
        promise(sum_of(it.entries) >= sum_of(was.entries), f"VER-4: {step} takes it out of a set")


def sum_of(entries: Entries) -> int:
    """Return how many entries there are."""
    return (
        entries.partial_swept + entries.full_swept + entries.partial_unswept + entries.full_unswept
    )


@explored(
    "versions.span-sets",
    "VER-4 SWP-3 SWP-8 SWP-15 SWP-18 SWP-24 SWP-29 CEN-3 CEN-4 CEN-7 CEN-12 CEN-16 MC-4 MC-6 MC-7"
    " MC-12 MC-13 MAL-13 HEAP-26 I-19 I-23",
    needs="uncache-stale uncache-room uncache-full pop_unswept-partial-keeps claim_directly"
    " pop_unswept-full-keeps pop_unswept-partial-sweeps pop_unswept-full-sweeps claim-won"
    " claim-lost place-held place-set publish-dead publish-alive create-large create-small"
    " push_left-full push_left-partial allocate-one allocate-last free-small free-large"
    " flush-small flush-large pop_swept cache install use place_large count_large start_cycle"
    " empty_slot examine-dead examine-full examine-kept examine-freed",
    assumes=(SMALL_SCOPE,),
)
def a_span_is_in_one_set_or_slot() -> Ran:
    """Of one span, two threads and two cycles, every order of the steps of Go 1.15: one thread has
    it to itself, it is in one slot or in the set where it belongs, and can always be found.
    """
    return all_orders(2)
