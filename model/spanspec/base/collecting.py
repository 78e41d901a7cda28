"""Python's collector of cycles, put off where many objects are made that stay."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def put_off(objects: int = 0) -> Iterator[None]:
    """Let the collector look for no cycles meanwhile, if it is on.

    With `objects`, it looks when there are so many more than after it has looked last.

    Syntax trees have none, nor have the records of a heap, and to go through them again and again
    takes as long as to make them.
    """
    on, before = gc.isenabled(), gc.get_threshold()
    if objects > 0:
        gc.set_threshold(objects, *before[1:])
    else:
        gc.disable()
    try:
        yield
    finally:
        gc.set_threshold(*before)
        if on:
            gc.enable()
