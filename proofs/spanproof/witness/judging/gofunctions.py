"""Which functions of the runtime do what a rule says: those at the places that the book cites.

The book cites Go 1.13. What other versions name otherwise is `LATER`; a version has those that it
has, and a name that it lacks is on no stack.
"""

from collections.abc import Iterable
from functools import cache, lru_cache
from typing import Final

from spanproof.report.gonames import places
from spanspec.rules.book import BY_ID, definitions_of_rules

METHODS_OF: Final = {
    "mcache.go": "mcache",
    "mcentral.go": "mcentral",
    "mheap.go": "mheap",
    "mgclarge.go": "mTreap",
    "mgcsweepbuf.go": "gcSweepBuf",
}
"""The type whose methods the book names without it, by file."""

LATER: Final[dict[str, tuple[str, ...]]] = {
    # 1.17: who has claimed a span sweeps it through the claim.
    "(*mspan).sweep": ("(*sweepLocked).sweep",),
    # Parts of it that are functions of their own: 1.15, 1.17; and its loop, into which it may be
    # inlined.
    "sweepone": ("(*mheap).nextSpanForSweep", "(*sweepLocker).tryAcquire", "bgsweep"),
    # 1.16: in the mcache; 1.24: mallocgc was cut up by kinds of objects, 1.27: by their classes.
    "largeAlloc": ("(*mcache).allocLarge", "mallocgcLarge"),
    "mallocgc": (
        "mallocgcTiny*", "mallocgcSmall*", "mallocgcLarge", "malloc0", "mallocgcSlowPathStub",
    ),
    # 1.14, 1.15: one function allocates for all; 1.22: one more prepares the descriptor.
    "(*mheap).alloc_m": ("(*mheap).allocSpan", "(*mheap).initSpan"),
    "(*mheap).allocSpanLocked": (
        "(*mheap).allocSpan", "(*mheap).tryAllocMSpan", "(*mheap).allocMSpanLocked",
        "(*mheap).allocNeedsZero",
    ),
    # 1.13 as released, and 1.22: one for all pages of a span.
    "(*mheap).setSpan": ("(*mheap).setSpans",),
    # 1.14 gives pages by bitmaps, and scavenges by them (VER-3); a P gives back those that it has
    # when it ends.
    "VER-3": (
        "(*pageAlloc)", "(*pageCache)", "(*pallocData)", "(*pallocBits)", "(*pageBits)",
        "(*scavengeIndex)", "(*scavChunkData)", "(*scavengerState)", "(*p).destroy", "procresize",
    ),
    # 1.15 has sets in the place of lists (VER-4).
    "VER-4": ("(*spanSet)",),
}  # fmt: skip
"""What later versions have for a function, or for a rule about a version; the reason beside it."""


@cache
def rules_of(qualified: str) -> tuple[str, ...]:
    """Return the rules that a definition of the model stands for, such as `span.mspan.has_room`."""
    wanted = f"spanspec.{qualified}"
    return tuple(
        rule
        for rule, those in definitions_of_rules().items()
        if any(one.qualified == wanted for one in those)
    )


def functions_of(rules: Iterable[str]) -> tuple[str, ...]:
    """Return the names of the functions that do what some rules say, in all versions.

    Raises: KeyError if there is no such rule.
    """
    found: dict[str, None] = {}
    for rule in rules:
        found.update(dict.fromkeys(LATER.get(rule, ())))
        for file, name in places(BY_ID[rule].where):
            for one in names_of(file, name):
                found[one] = None
                found.update(dict.fromkeys(LATER.get(one, ())))
    return tuple(found)


def names_of(file: str, name: str) -> tuple[str, ...]:
    """Return what a symbol table calls a function that the book cites as `file: name`."""
    receiver, dot, method = name.rpartition(".")
    if dot:
        return (f"(*{receiver}).{method}",)
    if file in METHODS_OF:
        return name, f"(*{METHODS_OF[file]}).{name}"
    return (name,)


@lru_cache(maxsize=1 << 14)
def is_one_of(frame: str, names: tuple[str, ...]) -> bool:
    """Tell whether a function on a stack is one of some, or a closure of one.

    A type stands for its methods; a name that ends in `*`, for those that begin so.
    """
    name = frame.removeprefix("runtime.")
    return any(
        name.startswith(one[:-1])
        if one.endswith("*")
        else name == one or name.startswith(f"{one}.")
        for one in names
    )
