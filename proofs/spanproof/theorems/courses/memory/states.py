"""What the operating system has been told of memory decides whether a program may use it."""

from collections import Counter
from collections.abc import Sequence
from functools import partial
from itertools import combinations, product

from spanproof.prove.assumptions import SMALL_SCOPE
from spanproof.prove.exploration import Ran, explored
from spanproof.simulate.exhaustive.trying import promise
from spanproof.theorems.cases import every_case
from spanspec.base.constants import HEAP_ARENA_BYTES
from spanspec.pages.memory.arena import GrantingOs
from spanspec.pages.memory.osmemory import FollowedOs
from spanspec.pages.tables.runs import PhysicalPages


@explored("memory.states", "OS-1 HEAP-15", needs="usable", assumes=(SMALL_SCOPE,))
def a_region_is_used_when_all_of_it_is_ready() -> Ran:
    """For every region of up to four pieces, each reserved, prepared or ready: a program may use it
    if all of it is ready. Where a physical page is larger than the allocator's, a part may still be
    prepared, and no other.
    """

    def case(met: Counter[str], pieces: Sequence[str], size: int) -> None:
        os = FollowedOs(GrantingOs())
        step, base = 4 * HEAP_ARENA_BYTES, os.reserve(1 << 40, len(pieces) * 4 * HEAP_ARENA_BYTES)
        for number, state in enumerate(pieces):
            if state != "reserved":
                os.map(base + number * step, step)
            if state == "ready":
                os.used(base + number * step, step)
        for first, end in combinations(range(len(pieces) + 1), 2):
            some = set(pieces[first:end])
            right = some <= ({"ready", "prepared"} if size > 8192 else {"ready"})
            told = os.is_usable(PhysicalPages(size, 0), base + first * step, (end - first) * step)
            promise(told == right, f"OS-1: {sorted(some)}, and usable is {told}")
            met["usable"] += told

    cases = [
        (f"{' '.join(pieces)}, pages of {size}", partial(case, pieces=pieces, size=size))
        for size in (4096, 8192, 16384)
        for number in (1, 2, 3, 4)
        for pieces in product(("reserved", "prepared", "ready"), repeat=number)
    ]
    return every_case(cases)
