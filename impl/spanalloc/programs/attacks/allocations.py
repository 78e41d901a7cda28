"""Allocations of Python's own that fail, at every point of an operation."""

from collections.abc import Callable, Iterator
from functools import partial
from importlib import import_module
from itertools import count
from typing import Final

from spanalloc.base.errors import HeapError
from spanalloc.programs.attacks.asking import OPERATIONS, Operation, prepared
from spanalloc.programs.attacks.judging import HOLDS, in_child, verdict

WIDTHS: Final = (1, 3, 50)
"""How many allocations in a row fail."""

MET: Final = 5
"""How a child ends in which an operation did not make as many allocations as were to go well."""


def failing_allocations(names: list[str], stride: int, width: int) -> Iterator[tuple[str, int]]:
    """Let so many allocations in a row fail, from each on that some operations make.

    Of these, every so many-th is tried; yields what comes of each.

    Raises: ImportError without CPython's own tests.
    """
    hooks = import_module("_testcapi")
    fail: Callable[[int, int], None] = hooks.set_nomemory
    fail_no_more: Callable[[], None] = hooks.remove_mem_hooks
    heap, live = prepared()

    def attack(operation: Operation, point: int) -> int:
        try:
            fail(point, point + width)
            operation(heap, live)
            if not failed_already(point):
                return MET
        except (MemoryError, HeapError, RecursionError):
            # Where many fail in a row, Python has no memory for the exception that says so, tries
            # again, and gives up with a RecursionError.
            pass
        finally:
            fail_no_more()
        return verdict(heap)

    for name in names:
        met = 0
        for point in count(0, stride):
            ended = in_child(partial(attack, OPERATIONS[name], point))
            met = met + stride if ended == MET else 0
            if met > width:
                break
            yield f"{width} from allocation {point} of {name}", HOLDS if ended == MET else ended
    heap.close()


def failed_already(point: int) -> bool:
    """Tell whether the allocations that were to fail, from a point on, are all behind us."""
    try:
        for _ in range(point + 100):
            object()
    except MemoryError:
        return False
    return True
