"""Which states a span has in the middle of an operation: derived from the model's steps.

The steps of the model are taken in every order by two threads on one span. Each state that is
reached shows something of the span: what a snapshot shows, too. What is shown while a thread is in
the middle of a task is a legal sight of that task; what is never shown is damage, however busy the
program is.
"""

import ast
import textwrap
from collections.abc import Callable
from functools import cache
from typing import Final, NamedTuple

from msgspec.structs import replace

from spanspec.base.constants import MAX_OBJECTS_PER_SPAN
from spanspec.base.ids import SpanId
from spanspec.base.words import M32
from spanspec.rules.book import modules
from spanspec.sharing.containers.spansets import Entries
from spanspec.sharing.steps.setrecords import IDLE, SetSystem, first_system
from spanspec.sharing.steps.setsteps import STEPS as SET_STEPS
from spanspec.sharing.steps.steps import enabled
from spanspec.sharing.tables import finite
from spanspec.sharing.tables.finite import Size
from spanspec.sharing.tables.records import NO_SPAN, Sharing
from spanspec.span.alloccache import (
    next_free_fast,
    next_free_index,
    refill_alloc_cache,
    window_at,
)
from spanspec.span.mspan import (
    Mspan,
    bounds_hold,
    count_alloc,
    count_is_exact,
    marked_and_free,
)

FIRST: Final = 4
"""The sweepgen at which the steps begin."""

CYCLES: Final = 3
"""How many cycles are looked at: after two, nothing new is shown."""


class SpanView(NamedTuple):
    """What a snapshot shows of a span in use.

    `ahead` is its generation relative to the heap's; `bare`: nothing is counted as allocated;
    `holders`: in how many cache slots it is; `places`: in which lists, or how often in which sets.
    """

    large: bool
    ahead: int
    has_free: bool
    bare: bool
    holders: int
    places: tuple[int, ...]


Tasks = tuple[int, ...]
"""The tasks of the threads that are in the middle of something with the span."""


def relative(sg: int, generation: int) -> int:
    """Return how far a generation is ahead of the heap's."""
    ahead = (generation - sg) & M32
    return ahead - (1 << 32) if ahead >= 1 << 31 else ahead


def places_in_sets(entries: Entries) -> tuple[int, ...]:
    """Return the entries that count: those in unswept sets may be left over."""
    return entries.partial_swept, entries.full_swept, entries.partial_unswept, entries.full_unswept


class ReachedSets(NamedTuple):
    """What is reached by taking all steps in every order.

    `views`: each sight that a span in use may show, and in the middle of which tasks. `steps_at`:
    the definitions of the steps that lead into a task or out of it; `steps_into`: into it only.
    """

    views: dict[SpanView, frozenset[Tasks]]
    steps_at: dict[int, frozenset[str]]
    steps_into: dict[int, frozenset[str]]


class Around:
    """The steps around each task, while they are found."""

    def __init__(self) -> None:
        self.at: dict[int, set[str]] = {}
        self.into: dict[int, set[str]] = {}

    def note(self, before: int, after: int, step: str) -> None:
        """Note that a step leads a thread from one task to another."""
        if before != after:
            self.at.setdefault(before, set()).add(step)
            self.at.setdefault(after, set()).add(step)
            self.into.setdefault(after, set()).add(step)


@cache
def reached_with_sets() -> ReachedSets:
    """Return what is reached with span sets."""
    start = first_system(FIRST, 2)
    seen, waiting = {start}, [start]
    found: dict[SpanView, set[Tasks]] = {}
    around = Around()
    while waiting:
        state = waiting.pop()
        view, tasks = view_of_sets(state)
        if state.span.in_use:
            found.setdefault(view, set()).add(tasks)
        for step in SET_STEPS:
            for thread, worker in enumerate(state.workers):
                for after in step.take(state, thread):
                    name = f"sharing.steps.setsteps.{step.name}"
                    around.note(worker.task, after.workers[thread].task, name)
                    if after not in seen and after.sweepgen <= FIRST + 2 * CYCLES:
                        seen.add(after)
                        waiting.append(after)
    return reached(found, around)


def reached(found: dict[SpanView, set[Tasks]], around: Around) -> ReachedSets:
    """Return what was reached, unchangeable."""
    return ReachedSets(
        {view: frozenset(tasks) for view, tasks in found.items()},
        {task: frozenset(steps) for task, steps in around.at.items()},
        {task: frozenset(steps) for task, steps in around.into.items()},
    )


def view_of_sets(state: SetSystem) -> tuple[SpanView, Tasks]:
    """Return what a system shows of its span, and which tasks are under way."""
    it = state.span
    view = SpanView(
        it.large,
        relative(state.sweepgen, it.sweepgen),
        it.has_free,
        it.bare,
        sum(worker.holds for worker in state.workers),
        places_in_sets(it.entries),
    )
    return view, tuple(sorted(w.task for w in state.workers if w.task != IDLE))


def writes(function: Callable[..., object]) -> tuple[str, ...]:
    """Return the fields that a rule writes, in the order in which its source names them.

    The model names them in the order in which the runtime writes them.
    """
    calls = [
        node
        for node in ast.walk(ast.parse(textwrap.dedent(source_of(function))))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "replace"
    ]
    return tuple(word.arg for word in calls[0].keywords if word.arg is not None)


def source_of(function: Callable[..., object]) -> str:
    """Return the source of a function of the model, which may be compiled."""
    module, name = function.__module__, function.__name__
    for known, path in modules():
        if known == module:
            text = path.read_text(encoding="utf-8")
            for node in ast.parse(text).body:
                if isinstance(node, ast.FunctionDef) and node.name == name:
                    return ast.get_source_segment(text, node) or ""
    raise AssertionError(f"{module}.{name} has no source")


@cache
def order_of_allocation() -> tuple[str, ...]:
    """Return the order in which an allocation writes the fields of its span."""
    return writes(next_free_fast)


def is_amid_allocation(seen: Mspan) -> bool:
    """Tell whether a span is as an allocation leaves it between two of its writes.

    The fast search writes allocCache, freeindex and allocCount, in this order; the slow one reloads
    the cache from word to word before.

    Rules: SPAN-12 SPAN-13 SPAN-15 MAL-19.
    """
    if not 1 <= seen.nelems <= MAX_OBJECTS_PER_SPAN or seen.freeindex > seen.nelems:
        return False
    bits = seen.alloc_bits
    exact = replace(seen, alloc_cache=window_at(bits, seen.freeindex))
    if count_is_exact(exact) and bounds_hold(exact):
        # Only the cache has been written so far.
        after = next_free_fast(exact).span, next_free_index(exact).span
        words = range(seen.freeindex >> 6, (seen.nelems + 63) >> 6)
        reloaded = {refill_alloc_cache(bits, word << 6) for word in words}
        return seen.alloc_cache in {one.alloc_cache for one in after} | reloaded | {0}
    slot = seen.freeindex - 1
    if slot < 0:
        return False
    before = replace(seen, freeindex=slot, alloc_cache=window_at(bits, slot))
    if not (bounds_hold(before) and count_is_exact(before)) or before.alloc_count == seen.nelems:
        return False
    done = tuple(
        replace(one.span, alloc_count=seen.alloc_count)
        for one in (next_free_fast(before), next_free_index(before))
        if one.slot == slot
    )
    return seen in done


def is_amid_sweep(seen: Mspan) -> bool:
    """Tell whether a span is as the owner of its sweep leaves it between two writes.

    Count and freeindex are written first, from the marks; then the marks become the bits.

    Rules: SWP-24 SWP-27 SWP-28 SPAN-20.
    """
    if not 1 <= seen.nelems <= MAX_OBJECTS_PER_SPAN or not bounds_hold(seen):
        return False
    if seen.alloc_count == count_alloc(seen):
        return seen.freeindex == 0 or not marked_and_free(seen)
    bits = seen.alloc_bits
    return seen.freeindex == 0 and seen.alloc_count == bits.count(seen.nelems)


@cache
def reached_with_lists() -> ReachedSets:
    """Return what is reached with central lists.

    Whether anything is allocated is not what the protocol of lists is about: both count.
    """
    start = finite.initial(FIRST, Size(spans=1, procs=1, threads=1, classes=1))
    seen, waiting = {start}, [start]
    found: dict[SpanView, set[Tasks]] = {}
    around = Around()
    while waiting:
        state = waiting.pop()
        it = state.spans[SpanId(1)]
        if it.in_use:
            tasks = tuple(sorted(
                state.threads[t].task for t in state.threads if state.threads[t].span != NO_SPAN
            ))  # fmt: skip
            for bare in (False, True):
                found.setdefault(view_of_lists(state, bare), set()).add(tasks)
        for taken in enabled(state):
            after = taken.after
            step = taken.step.take
            name = f"{step.__module__}.{step.__name__}".removeprefix("spanspec.")
            for t in state.threads:
                around.note(state.threads[t].task, after.threads[t].task, name)
            if after not in seen and after.sweepgen <= FIRST + 2 * CYCLES:
                seen.add(after)
                waiting.append(after)
    return reached(found, around)


def reached_with(span_sets: bool) -> ReachedSets:
    """Return what is reached with span sets, or with central lists."""
    return reached_with_sets() if span_sets else reached_with_lists()


def view_of_lists(state: Sharing, bare: bool) -> SpanView:
    """Return what a system shows of its only span."""
    it = state.spans[SpanId(1)]
    holders = sum(state.slots[slot].span == SpanId(1) for slot in state.slots)
    ahead = relative(state.sweepgen, it.sweepgen)
    return SpanView(it.large, ahead, it.has_free and not it.large, bare, holders, (it.place,))
