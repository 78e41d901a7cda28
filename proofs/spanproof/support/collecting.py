"""Python's collector of cycles, put off where many objects are made that stay."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def put_off() -> Iterator[None]:
    """Let the collector look for no cycles meanwhile, if it is on.

    Syntax trees have none, and to go through them again and again takes as long as to make them.
    """
    on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if on:
            gc.enable()
