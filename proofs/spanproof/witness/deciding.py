"""Deciding on findings: damage, in flight, or undecided.

What no thread can be in the middle of is damage.
"""

from typing import Final

from spanproof.witness.finding import Finding, Scene, Verdict
from spanproof.witness.image import ThreadImage

ALLOCATOR: Final = (
    "malloc",
    "mcache",
    "mcentral",
    "mheap",
    "mspan",
    "sweep",
    "spanSet",
    "pageAlloc",
    "pageCache",
    "pallocBits",
    "consistentHeapStats",
    "allocmcache",
    "stackalloc",
    "stackfree",
    "newobject",
    "fixalloc",
    "scaveng",
    "stackcache",
    "stackpool",
    "gcBits",
    "newMarkBits",
    "newAllocBits",
    "special",
    "newArena",
)
"""What is in the name of a function that works on the heap's records."""


def in_allocator(thread: ThreadImage) -> str:
    """Return the innermost function of a thread that works on the heap's records, or ""."""
    for frame in thread.frames:
        name = frame.removeprefix("runtime.")
        if any(part in name for part in ALLOCATOR):
            return frame
    return ""


def decide(scene: Scene, findings: list[Finding]) -> list[Finding]:
    """Give each finding its verdict, and return them."""
    busy = [thread for thread in scene.image.threads if in_allocator(thread)]
    for finding in findings:
        if not busy:
            finding.verdict = Verdict.DAMAGE
            finding.why = "no thread is in the allocator"
        else:
            finding.verdict = Verdict.UNDECIDED
            finding.why = f"thread {busy[0].thread} is in {in_allocator(busy[0])}"
    return findings
