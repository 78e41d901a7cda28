"""Which functions of the runtime a thread is in while it is at an operation of the model.

A thread is at a task between the steps that lead into it and those that lead out of it. Which steps
these are is found by taking them (`midway`); which functions do them, from the rules that the steps
cite (`gofunctions`). Nothing of this is worked out before something in a heap is not at rest: the
rules are read from the model's source.
"""

from collections.abc import Callable, Iterable
from functools import cache
from typing import Final

from spanproof.witness.judging.gofunctions import LATER, functions_of, is_one_of, rules_of
from spanproof.witness.judging.midway import reached_with
from spanproof.witness.reading.image import ThreadImage
from spanspec.pages.tables import coalescing
from spanspec.pages.tables import steps as pages
from spanspec.sharing.steps import setsteps
from spanspec.span import alloccache

Names = tuple[str, ...]
"""Names of functions and types of the runtime, as its symbol table has them."""


def of_definitions(*qualified: str) -> Names:
    """Return the functions that do what some definitions of the model do."""
    return functions_of(rule for one in qualified for rule in rules_of(one))


def of_functions(*functions: Callable[..., object]) -> Names:
    """Return the functions that do what some functions of the model do."""
    return of_definitions(
        *(f"{one.__module__}.{one.__name__}".removeprefix("spanspec.") for one in functions)
    )


@cache
def at_tasks(span_sets: bool) -> dict[int, Names]:
    """Return, for each task, the functions of the steps that lead into it or out of it."""
    steps_at = reached_with(span_sets).steps_at
    return {task: of_definitions(*steps) for task, steps in steps_at.items()}


@cache
def tasks_checked_by(rule: str, span_sets: bool) -> frozenset[int]:
    """Return the tasks that no thread comes to for which the check of a rule fails.

    The step into such a task checks before it writes.
    """
    into = reached_with(span_sets).steps_into
    return frozenset(
        task for task, steps in into.items() if all(rule in rules_of(step) for step in steps)
    )


@cache
def refill() -> Names:
    """Return where a cache slot gets another span."""
    return functions_of(("MC-4", "MC-5", "MAL-19"))


@cache
def release() -> Names:
    """Return where a cache gives back its spans."""
    return functions_of(("MC-6", "MC-7", "MC-10"))


@cache
def central() -> Names:
    """Return where a span leaves its central list, or comes into it."""
    return of_functions(setsteps.pop_swept, setsteps.push_left) + functions_of(("CEN-11",))


@cache
def sweep() -> Names:
    """Return where spans are swept."""
    return of_functions(
        setsteps.pop_unswept, setsteps.claim, setsteps.claim_directly, setsteps.publish,
        setsteps.free,
    )  # fmt: skip


@cache
def sweeping() -> Names:
    """Return where one span is swept."""
    return functions_of(("SWP-29",))


@cache
def large() -> Names:
    """Return where a large object gets its span."""
    return of_functions(setsteps.place_large)


@cache
def alloc() -> Names:
    """Return where a slot is taken."""
    return of_functions(
        setsteps.allocate, setsteps.count_large, alloccache.next_free_fast,
        alloccache.next_free_slow,
    )  # fmt: skip


@cache
def at_pages() -> Names:
    """Return what takes the steps of the page heap, and who asks for them.

    Those are the functions that spans come from and go back to.
    """
    steps = [
        f"{module.__name__.removeprefix('spanspec.')}.{name}"
        for module in (coalescing, pages)
        for name in vars(module)
        if f"may_{name}" in vars(module)
    ]
    return of_definitions(*steps) + functions_of(
        ("HEAP-23", "HEAP-26", "HEAP-27", "HEAP-32", "VER-3")
    )


@cache
def at_sets() -> Names:
    """Return what has taken a span out of its set, or not yet put it there."""
    return of_functions(
        setsteps.pop_swept, setsteps.pop_unswept, setsteps.push_left, setsteps.place
    )


SETS: Final = LATER["VER-4"]
"""What spans are put into and taken out of, where there are sets."""

PUSHING: Final = tuple(f"{one}.push" for one in SETS)
"""Where a span comes into a set."""

THROW: Final = ("throw", "fatal", "fatalthrow", "fatalpanic")


def is_throwing(thread: ThreadImage) -> bool:
    """Tell whether a thread is ending the program by a fatal error."""
    return any(is_one_of(frame, THROW) for frame in thread.frames)


def operation_of(thread: ThreadImage) -> str:
    """Return the function that called `throw`, of a thread that is throwing."""
    names = [frame.split(".abi0")[0] for frame in thread.frames]
    place = max(n for n, name in enumerate(names) if is_one_of(name, THROW))
    after = [name for name in names[place + 1 :] if not name.startswith("runtime.systemstack")]
    return after[0] if after else names[0]


def doing(thread: ThreadImage, names: Names) -> str:
    """Return the innermost function of a thread that is one of some, or "".

    Of a thread that is throwing, only that counts whose check has failed: those that called it have
    not written anything yet, or have written all that they had to before the call.
    """
    if not is_throwing(thread):
        return innermost(thread, names)
    operation = operation_of(thread)
    return operation if is_one_of(operation, names) else ""


def innermost(thread: ThreadImage, names: Iterable[str]) -> str:
    """Return the innermost function of a thread that is one of some, or ""."""
    names = tuple(names)
    return next((frame for frame in thread.frames if is_one_of(frame, names)), "")
