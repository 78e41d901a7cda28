"""That the protocol is not vacuous: shortest runs to each of its steps, states and races.

The runs are searched breadth first, with the functions of the model themselves, in a system of one
span. A proof about all reachable systems would hold trivially if next to none were.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Final, NamedTuple

from spanspec.protocol.finite import Size, initial
from spanspec.protocol.records import NO_SPAN, SAW_UNUSED, Sharing
from spanspec.protocol.steps import STEPS, Choice, Taken, enabled
from spanspec.sweepgen import is_cached, is_stale, is_sweeping, is_swept, needs_sweep
from spanspec.words import U32

TASKS: Final = (
    "idle",
    "popped",
    "saw-unused",
    "saw-used",
    "taking",
    "sweeping",
    "examined",
    "relisted",
    "pushing",
    "freeing",
    "checking",
    "grown",
    "held",
    "unlisting",
    "creating",
)
"""What a thread is about to do, by number."""

GENERATIONS: Final[Mapping[str, Callable[[U32, U32], bool]]] = {
    "sg-2": needs_sweep,
    "sg-1": is_sweeping,
    "sg": is_swept,
    "sg+1": is_stale,
    "sg+3": is_cached,
}
"""What the sweepgen of a span in use can be."""

SMALLEST: Final = Size()
"""One span, one P with one slot, and two threads."""

CACHED_WHILE_POPPED: Final = "popped when not in use, cached when its sweepgen is read"
"""The race of issue 27997 (SWP-14)."""

GOALS: Final = frozenset(
    {f"step {step.name}" for step in STEPS}
    | {f"task {task}" for task in TASKS}
    | {f"generation {name}" for name in GENERATIONS}
    | {CACHED_WHILE_POPPED}
)
"""Everything that has to be reachable."""


class Made(NamedTuple):
    """One step of a run: its name, and what was chosen."""

    step: str
    chosen: tuple[Choice, ...]


Run = tuple[Made, ...]

Origins = dict[Sharing, tuple[Sharing, Taken] | None]
"""By which step, from which system, each system was reached first; None for the first one."""


def seen_in(state: Sharing) -> Iterator[str]:
    """Yield the goals that a system meets."""
    sg = state.sweepgen
    for span in state.spans:
        it = state.spans[span]
        for name, rule in GENERATIONS.items():
            if it.in_use and rule(sg, it.sweepgen):
                yield f"generation {name}"
    for thread in state.threads:
        worker = state.threads[thread]
        yield f"task {TASKS[worker.task]}"
        generation = state.spans[worker.span].sweepgen
        if worker.task == SAW_UNUSED and worker.span != NO_SPAN and is_cached(sg, generation):
            yield CACHED_WHILE_POPPED


def shortest_runs(
    sg: U32,
    size: Size = SMALLEST,
    after: Callable[[Sharing], bool] = lambda state: True,
    longest: int = 20,
) -> dict[str, Run]:
    """Return a shortest run to each goal from a system whose sweepgen is `sg` at first.

    Only systems in which `after` holds count. The search ends when every goal is met, or when all
    runs of `longest` steps were tried.

    Raises: AssertionError if a step runs into a fatal check of the runtime.
    """
    start = initial(sg, size)
    came: Origins = {start: None}
    found: dict[str, Run] = {}
    newest = [start]
    for _ in range(longest):
        reached: list[Sharing] = []
        for state in newest:
            for taken in enabled(state):
                new = taken.after not in came
                if new:
                    came[taken.after] = state, taken
                    reached.append(taken.after)
                if after(taken.after):
                    goals = {f"step {taken.step.name}", *(seen_in(taken.after) if new else ())}
                    for goal in goals - found.keys():
                        found[goal] = (*_run_to(came, state), Made(taken.step.name, taken.chosen))
        newest = reached
        if found.keys() == GOALS:
            break
    return found


def _run_to(came: Origins, state: Sharing) -> Run:
    """Return the steps by which a system was first reached."""
    steps: list[Made] = []
    before = came[state]
    while before is not None:
        steps.append(Made(before[1].step.name, before[1].chosen))
        before = came[before[0]]
    return tuple(reversed(steps))


def systems_of(start: Sharing, run: Run) -> Iterator[Sharing]:
    """Yield the systems that a run leads through, the first one included.

    Raises: ValueError if a step is not possible where the run takes it; AssertionError if it
        runs into a fatal check of the runtime.
    """
    by_name = {step.name: step for step in STEPS}
    state = start
    yield state
    for made in run:
        step = by_name[made.step]
        if not step.may(state, *made.chosen):
            raise ValueError(f"{made.step} is not possible here")
        state = step.take(state, *made.chosen)
        yield state
