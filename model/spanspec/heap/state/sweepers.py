"""Who sweeps what he has popped: the threads that runtime.GC waits for (SWP-15, SWP-38)."""

from typing import Final

from spanspec.base.steps import step_of


def may_begin_popping(sweepers: frozenset[int], thread: int) -> bool:
    """Guard: the thread is in no other pop.

    Rules: SWP-15.
    """
    return thread not in sweepers


def begin_popping(sweepers: frozenset[int], thread: int) -> frozenset[int]:
    """Count a thread that pops a span to sweep it, before it pops.

    Rules: SWP-15.
    """
    return sweepers | {thread}


def may_end_popping(sweepers: frozenset[int], thread: int) -> bool:
    """Guard: the thread is counted.

    Rules: SWP-15.
    """
    return thread in sweepers


def end_popping(sweepers: frozenset[int], thread: int) -> frozenset[int]:
    """Count a thread no longer: it has swept what it has popped, or has found nothing.

    Rules: SWP-15 SWP-38.
    """
    return sweepers - {thread}


PART: Final = "sweepers"

BEGIN_POPPING: Final = step_of(PART, may_begin_popping, begin_popping, thread=int)
END_POPPING: Final = step_of(PART, may_end_popping, end_popping, thread=int)
