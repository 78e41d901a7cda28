"""Which functions of the runtime a thread is in while it is at a task of the model.

These are names only: what a span looks like at a task is derived from the steps (`midway`). The
names of all versions stand side by side; a version has those that it has.
"""

from typing import Final

from spanproof.witness.image import ThreadImage
from spanspec.sharing import records as lists
from spanspec.sharing import setsteps as sets

REFILL: Final = ("(*mcache).refill", "(*mcache).nextFree")
CENTRAL: Final = (
    "(*mcentral).cacheSpan",
    "(*mcentral).uncacheSpan",
    "(*mcentral).grow",
    "(*spanSet)",
)
RELEASE: Final = ("(*mcache).releaseAll", "(*mcache).prepareForSweep", "freemcache", "flushmcache")
SWEEP: Final = (
    "(*mspan).sweep", "(*sweepLocked).sweep", "sweepone", "(*mspan).ensureSwept",
    "(*mheap).reclaim", "(*mcentral).freeSpan", "(*sweepLocker)", "(*mheap).nextSpanForSweep",
    "bgsweep",
)  # fmt: skip
SWEEPING: Final = ("(*mspan).sweep", "(*sweepLocked).sweep")
LARGE: Final = ("largeAlloc", "(*mcache).allocLarge", "mallocgcLarge")
ALLOC: Final = ("mallocgc", "largeAlloc", "(*mcache).allocLarge", "newobject", "makeslice")
PAGES: Final = (
    "(*mheap).alloc", "(*mheap).free", "(*mheap).grow", "(*mheap).initSpan", "(*mheap).setSpan",
    "(*mheap).coalesce", "(*mheap).tryAllocMSpan", "(*mheap).scavenge", "(*mheap).allocMSpan",
    "(*pageAlloc)", "(*pageCache)", "(*pallocData)", "(*pallocBits)", "(*pageBits)",
    "(*mheap).sysAlloc", "stackalloc", "stackfree", "stackcacherefill", "freeStackSpans",
    "freeSomeWbufs", "getempty", "(*scavengerState)", "(*treapForSpan)", "(*mTreap)",
    "(*mheap).pages", "procresize", "(*p).destroy",
)  # fmt: skip

OF_SETS: Final = {
    sets.LEAVING: (*REFILL, *CENTRAL, *RELEASE),
    sets.LEFT: (*REFILL, *CENTRAL, *RELEASE, *SWEEP),
    sets.POPPED: (*CENTRAL, *SWEEP),
    sets.SWEEPING: (*CENTRAL, *SWEEP, *RELEASE),
    sets.EXAMINED: (*CENTRAL, *SWEEP, *RELEASE),
    sets.PUBLISHED: (*CENTRAL, *SWEEP, *RELEASE),
    sets.FREEING: (*SWEEP, *RELEASE, "(*mheap).freeSpan"),
    sets.HELD: (*CENTRAL, *REFILL),
    sets.INSTALLING: REFILL,
    sets.FILLED: (*REFILL, *ALLOC),
    sets.CREATING: (*PAGES, *CENTRAL, *ALLOC),
    sets.GROWN: (*PAGES, *ALLOC),
    sets.COUNTING: (*PAGES, *ALLOC),
}

OF_LISTS: Final = {
    lists.POPPED: SWEEP,
    lists.SAW_USED: SWEEP,
    lists.SAW_UNUSED: SWEEP,
    lists.TAKING: CENTRAL,
    lists.SWEEPING: (*CENTRAL, *SWEEP, *RELEASE),
    lists.EXAMINED: (*CENTRAL, *SWEEP, *RELEASE),
    lists.RELISTED: (*SWEEP, *RELEASE),
    lists.PUSHING: (*CENTRAL, *SWEEP, *RELEASE),
    lists.FREEING: (*SWEEP, *RELEASE, "(*mheap).freeSpan"),
    lists.CHECKING: CENTRAL,
    lists.GROWN: (*PAGES, *CENTRAL),
    lists.HELD: (*CENTRAL, *REFILL),
    lists.UNLISTING: (*CENTRAL, *RELEASE),
    lists.CREATING: (*PAGES, *CENTRAL, *ALLOC),
}


THROW: Final = ("runtime.throw", "runtime.fatal", "runtime.fatalthrow", "runtime.fatalpanic")


def is_throwing(thread: ThreadImage) -> bool:
    """Tell whether a thread is ending the program by a fatal error."""
    return any(frame.split(".abi0")[0] in THROW for frame in thread.frames)


def innermost(thread: ThreadImage, names: tuple[str, ...]) -> str:
    """Return the innermost function of a thread that is one of some, or ""."""
    for frame in thread.frames:
        if any(frame.removeprefix("runtime.").startswith(name) for name in names):
            return frame
    return ""
