"""Who is counted as sweeping: for every few threads, and each that begins or ends."""

from collections import Counter
from itertools import chain, combinations
from typing import Final

from spanproof.prove.assumptions import SMALL_SCOPE
from spanproof.prove.exploration import Ran, explored
from spanproof.simulate.exhaustive.trying import promise
from spanproof.theorems.cases import every_case
from spanspec.heap.state.sweepers import (
    begin_popping,
    end_popping,
    may_begin_popping,
    may_end_popping,
)

THREADS: Final = range(4)


def one_at_a_time(met: Counter[str]) -> None:
    """A thread is counted from its begin to its end, whoever else begins or ends."""
    for some in chain.from_iterable(combinations(THREADS, size) for size in range(5)):
        sweepers = frozenset(some)
        for thread in THREADS:
            counted = thread in some
            promise(may_begin_popping(sweepers, thread) != counted, f"SWP-15: {thread} of {some}")
            promise(may_end_popping(sweepers, thread) == counted, f"SWP-15: {thread} of {some}")
            others = {other for other in some if other != thread}
            if counted:
                left = end_popping(sweepers, thread)
                promise(left == others, f"SWP-38: {sorted(left)} when {thread} of {some} ends")
                met["ends"] += 1
            else:
                more = begin_popping(sweepers, thread)
                wrong = f"SWP-15: {sorted(more)} when {thread} joins {some}"
                promise(more == others | {thread}, wrong)
                met["begins"] += 1


@explored("courses.sweepers", "SWP-15 SWP-38", needs="begins ends", assumes=(SMALL_SCOPE,))
def each_sweeper_is_counted_until_it_ends() -> Ran:
    """Whoever sweeps: a thread begins where it is not counted, is counted with the others until it
    ends, and ends once; so nobody is left to wait for when all have ended.
    """
    return every_case((("one at a time", one_at_a_time),))
