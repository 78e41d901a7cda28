"""Each attack runs in a child process: how it ends there tells whether the heap withstood it."""

import os
import signal
import sys
import warnings
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from spanalloc.base.errors import HeapError
from spanalloc.heap.heap import Heap
from spanalloc.programs.audit import audit

HOLDS: Final = 0


VIOLATED: Final = 3


UNPLANNED: Final = 4
"""How a child ends: as it should; with an invariant violated in silence; with an exception that is
not the heap's. One that does not end is killed by SIGALRM."""


LONGEST: Final = 20
"""Seconds that one attack may take."""


def verdict(heap: Heap) -> int:
    """Return how a heap is left: whole, broken and saying so, or neither."""
    if heap.broken:
        try:
            heap.malloc(8)
        except HeapError:
            return HOLDS
        return VIOLATED
    for problem in (problems := audit(heap.snapshot())):
        print(problem, file=sys.stderr)
    return VIOLATED if problems else HOLDS


def in_child(attack: Callable[[], int]) -> int:
    """Run an attack in a child, and return how that ended: a status, or minus a signal."""
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        status = UNPLANNED
        try:
            warnings.simplefilter("ignore")
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(LONGEST)
            status = attack()
        except BaseException as problem:
            with suppress(BaseException):
                print(f"{type(problem).__name__}: {problem}", file=sys.stderr)
        finally:
            os._exit(status)
    _, ended = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(ended)


def meaning(status: int) -> str:
    """Return what the end of a child means."""
    known = {
        HOLDS: "holds",
        VIOLATED: "invariant violated",
        UNPLANNED: "unplanned exception",
    }
    return known.get(status, "") or signal.Signals(-status).name
