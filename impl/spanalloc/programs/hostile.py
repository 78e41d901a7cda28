"""Attacks on a heap: whatever happens, it does what it was asked, or says that it did not.

    python -m spanalloc.programs.hostile

Four parts: allocations of Python's own that fail at every point of an operation; operating systems
that raise, or say what cannot be; a limit of the address space; forks while threads allocate. After
each attack every invariant holds, or the heap says that it is broken. Each runs in a child process.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import chain

from spanalloc.programs.attacks.allocations import WIDTHS, failing_allocations
from spanalloc.programs.attacks.asking import OPERATIONS
from spanalloc.programs.attacks.judging import HOLDS, meaning
from spanalloc.programs.attacks.processes import address_limits, forks
from spanalloc.programs.attacks.systems import lying_systems


def run(parts: list[str], quick: bool) -> tuple[Counter[str], list[str]]:
    """Run some parts; return how often each end came, and the attacks that ended badly."""
    few = ["a span is used up", "a cycle", "finalizers run"]
    ends: Counter[str] = Counter()
    bad: list[str] = []
    attacks: dict[str, Callable[[], Iterator[tuple[str, int]]]] = {
        "allocations": lambda: chain.from_iterable(
            failing_allocations(few if quick else list(OPERATIONS), 53 if quick else 1, width)
            for width in WIDTHS
        ),
        "systems": lambda: lying_systems(7 if quick else 1),
        "addresses": lambda: address_limits(6 if quick else 200, 0),
        "forks": lambda: forks(8 if quick else 100),
    }
    for part in parts:
        for name, status in attacks[part]():
            ends[f"{part}: {meaning(status)}"] += 1
            if status != HOLDS:
                bad.append(f"{name}: {meaning(status)}")
    return ends, bad


def main() -> int:
    """Run the attacks from the command line; return 1 if a heap did not withstand one."""
    parser = argparse.ArgumentParser(
        prog="python -m spanalloc.programs.hostile", description=__doc__
    )
    names = ("allocations", "systems", "addresses", "forks")
    parser.add_argument("part", nargs="*", choices=[*names, []], help="all by default")
    parser.add_argument("--quick", action="store_true", help="a tenth of it")
    given = parser.parse_args()
    try:
        ends, bad = run(given.part or list(names), given.quick)
    except ImportError as problem:
        print(f"spanalloc.programs.hostile: {problem}: needs CPython's own tests", file=sys.stderr)
        return 2
    for end, number in sorted(ends.items()):
        print(f"{number:6} {end}")
    for one in bad[:40]:
        print(one)
    print(f"{sum(ends.values())} attacks, {len(bad)} of them not withstood")
    return 1 if bad else 0


if __name__ == "__main__":
    raise SystemExit(main())
