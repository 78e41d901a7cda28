"""Which rules fix what is compared: the parts of a state, events, results, and refusals."""

from typing import Final

from spanproof.replay.format.fieldrules import rule_of
from spanproof.replay.format.schema import KINDS
from spanspec.rules.book import cited

OF_PART: Final[dict[str, tuple[str, ...]]] = {
    "sweepgen": ("SWP-2",),
    "phase": ("SWP-32",),
    "cycles": ("SWP-32",),
    "procs": ("MC-14",),
    "sweepdone": ("SWP-16",),
    "heap_live": ("CEN-10",),
    "reclaim_index": ("SWP-21",),
    "reclaim_credit": ("SWP-23",),
    "pages_swept": ("SWP-19",),
    "finalizers_due": ("SWP-24",),
    "runs": ("HEAP-13", "HEAP-29"),
    "caches": ("MC-1",),
    "central": ("CEN-1",),
    "buffers": ("SWP-9",),
    "free": ("HEAP-29", "TREAP-1"),
    "free descriptors": ("HEAP-4",),
    "arenas": ("AR-7",),
    "current arena": ("HEAP-17",),
    "unscavenged huge pages": ("TREAP-4",),
    "heap_sys": ("HEAP-36",),
    "heap_idle": ("HEAP-36",),
    "heap_inuse": ("HEAP-36",),
    "heap_released": ("HEAP-36",),
    "stacks_inuse": ("HEAP-24",),
    "gc_manual": ("HEAP-24",),
    "pages_in_use": ("HEAP-36",),
    "scavenger": ("SCAV-17", "SCAV-18"),
    "counts": ("HEAP-38",),
}
"""The rules of each part of a heap's state."""

OF_SPAN: Final[dict[str, tuple[str, ...]]] = {
    "base": ("HEAP-13",),
    "npages": ("HEAP-13",),
    "spanclass": ("CONST-5",),
    "limit": ("SPAN-19",),
    "nelems": ("SPAN-5",),
    "freeindex": ("SPAN-15",),
    "allocCount": ("SPAN-9",),
    "allocCache": ("SPAN-10",),
    "allocBits": ("SPAN-8",),
    "gcmarkBits": ("SPAN-21",),
    "sweepgen": ("SWP-3",),
    "needzero": ("HEAP-35",),
    "specials": ("SWP-24",),
}
"""The rules of each field of a span in use."""

OF_SYSTEM: Final[dict[str, tuple[str, ...]]] = {
    "os reserve": ("AR-4", "OS-3"),
    "os map": ("AR-4", "OS-4"),
    "os release": ("AR-4", "OS-7"),
    "os used": ("OS-5",),
    "os unused": ("OS-6",),
    "os huge": ("OS-5",),
    "os madvise": ("OS-5", "OS-6"),
}
"""The rules of each call of the operating system."""


def of_event(kind: str, field: str) -> tuple[str, ...]:
    """Return the rules of an event, or of a field of it by its name in the schema."""
    if kind in OF_SYSTEM:
        return OF_SYSTEM[kind]
    return (rule_of(KINDS[kind], field),) if kind in KINDS else ()


def of_part(path: tuple[str, ...]) -> tuple[str, ...]:
    """Return the rules of a part of a heap's state: its name, and what differs inside of it."""
    if path and path[0].startswith("span "):
        return OF_SPAN.get(path[1], ()) if len(path) > 1 else ("HEAP-22",)
    return OF_PART.get(path[0], ()) if path else ()


def of_message(text: str) -> tuple[str, ...]:
    """Return the rule ids in a message of a fatal check, an invariant, or a refusal."""
    return cited(text)
