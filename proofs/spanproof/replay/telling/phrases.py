"""Events in short words, as one tells the life of a span."""

from collections.abc import Iterable
from typing import Final

from spanproof.replay.format.schema import KIND_OF
from spanspec.base.bitmap import Bits
from spanspec.events import heap_events as hev
from spanspec.events import span_events as ev
from spanspec.events.fields import EventBase
from spanspec.span.mspan import DEAD, FREE, IN_USE, MANUAL

PATHS: Final[dict[ev.Path, str]] = {
    ev.FAST: "by the fast path",
    ev.SLOW: "by the slow search",
    ev.AFTER_REFILL: "after a refill",
    ev.LARGE: "as a large object",
}
"""How a slot was taken."""

SWEEPERS: Final[dict[str, str]] = {
    "bg": "the background sweeper",
    "prop": "a thread that pays its sweep debt",
    "finish": "the end of sweeping",
    "sync": "a sweep with the world stopped",
    "GC": "runtime.GC",
    "gcstart": "the start of a cycle",
    "cs-nonempty": "the walk of the nonempty list",
    "cs-empty": "the walk of the empty list",
    "uncache": "the flush of its cache",
    "reclaim": "the reclaimer",
    "ensure": "a thread that needs it swept",
}
"""On whose behalf a span is popped or claimed."""

TERMS: Final = {
    "p": "P",
    "base_page": "first page",
    "spanclass": "span class",
    "alloc_count": "allocCount",
    "alloc_bits": "live slots",
    "flags": "flags",
    "size": "bytes",
    "not_before": "not before line",
    "sweepgen_before": "sweepgen before",
    "heap_sweepgen": "heap's sweepgen",
    "flush_gen": "flushGen",
    "npages": "pages",
    "nfreed": "slots freed",
    "was_empty": "was full before",
    "large_dead": "large object is dead",
    "to_central": "goes on to freeSpan",
    "place": "place in the buffer",
    "span_bytes": "bytes of the span",
    "caller_pages": "pages of the caller",
    "heap_live": "heap_live",
    "arenas": "arenas",
    "chosen": "free span chosen",
    "chosen_base": "its first page",
    "chosen_npages": "its pages",
    "rest_scavenged": "rest is scavenged",
    "below": "span merged from below",
    "below_npages": "its pages",
    "above": "span merged from above",
    "above_npages": "its pages",
    "arena_base": "first unused page of the arena",
    "arena_end": "end of the arena",
    "piece": "first page of the piece",
    "asked": "bytes asked for",
    "retained": "bytes retained",
    "wanted": "bytes wanted",
    "released": "bytes released",
    "huge_pages": "free huge pages",
    "huge": "pass over huge pages",
    "by": "on behalf of",
    "old": "Ps before",
    "procs": "Ps",
    "list": "list",
}
"""The words for fields whose own names are not those of the runtime, or say too little."""

FLAG_BITS: Final = {
    ev.NOSCAN: "pointer-free",
    ev.ZEROED: "zeroed",
    ev.NEEDZERO: "needzero",
    ev.TINY_BLOCK: "a tiny block",
    ev.TINY_CURRENT: "the current one",
}
"""The bits of the flags of an allocation."""

PHASES: Final = ("off", "mark", "mark termination")
STATES: Final = {DEAD: "dead", IN_USE: "in use", MANUAL: "manual", FREE: "free"}
"""The states of a descriptor."""

LISTS: Final = {"N": "nonempty", "E": "empty"}

RANGES_SHOWN: Final = 12
"""Ranges of slots shown at most."""


def phrase(event: EventBase) -> str:
    """Return an event in short words; spans are named where more than one has a part in it."""
    text = _of_caches_and_lists(event) or _of_sweeping(event) or _of_pages(event)
    return text or _as_described(type(event))


def _as_described(kind: type[EventBase]) -> str:
    """Return what the format says of a kind of event, to stand in the middle of a sentence."""
    says = (kind.__doc__ or "").partition("\n")[0].rstrip(".")
    return says[:1].lower() + says[1:]


def in_full(event: EventBase) -> str:
    """Return an event with all its figures in words, its kind in front."""
    told = [
        f"{term(name)} {value(name, getattr(event, name))}"
        for name in event.__struct_fields__
        if name not in ("p", "thread")
    ]
    who = f"P {event.p}" if event.p >= 0 else "no P"
    thread = getattr(event, "thread", None)
    actor = who if thread is None else f"{who}, thread {thread}"
    return f"{KIND_OF[type(event)]}  {phrase(event)} ({', '.join((actor, *told))})"


def term(name: str) -> str:
    """Return the runtime's word for a field of an event."""
    return TERMS.get(name) or name.replace("_", " ")


def value(name: str, seen: object) -> str:
    """Return a value of a field in words: bitmaps as slots, letters and numbers as what they mean.

    The text stays as it is where the value is a plain number.
    """
    match name, seen:
        case "alloc_bits", str():
            return slots_of(Bits.from_hex(seen).value)
        case "flags", int():
            named = [word for bit, word in FLAG_BITS.items() if seen & bit]
            return f"{seen} ({', '.join(named) or 'none'})"
        case "path", int() if seen in PATHS:
            return f"{seen} ({PATHS[seen]})"
        case "phase", int() if 0 <= seen < len(PHASES):
            return f"{seen} ({PHASES[seen]})"
        case "list", "N" | "E":
            return LISTS[seen]
        case "state", int() if seen in STATES:
            return f"{seen} ({STATES[seen]})"
        case "by", str():
            return SWEEPERS.get(seen, seen)
    return "none" if seen is None else str(seen)


def slots_of(bits: int) -> str:
    """Return the slots whose bits are set, slot 0 the lowest, as ranges; `none` if there are none.

    A bitmap may be of any size; it is told in full.
    """
    return ranges((slot for slot in range(bits.bit_length()) if bits >> slot & 1), None) or "none"


def _of_caches_and_lists(event: EventBase) -> str:
    match event:
        case ev.Malloc(path=ev.LARGE):
            return f"a large object of {event.size} bytes takes its span"
        case ev.Malloc():
            return f"an object of {event.size} bytes takes slot {event.slot} {PATHS[event.path]}"
        case ev.TinyHit():
            return f"an object of {event.size} bytes goes into the current tiny block"
        case ev.ProcGetsMcache():
            return f"P {event.id} gets mcache {event.mcache}"
        case ev.RefillBegins():
            return "a refill lets go of it, full"
        case ev.RefillEnds():
            return "a refill puts it into the cache"
        case ev.Uncache():
            return f"it leaves the cache{', stale' if event.stale else ''}"
        case ev.UncacheToNonempty():
            return "it has room, and moves to the front of the nonempty list"
        case ev.CentralSkips():
            return "a walk of its list passes over it: it is being swept"
        case ev.CentralTakes(source=0):
            return "taken from the nonempty list, swept before"
        case ev.CentralTakes(source=1):
            return "taken from the nonempty list, to be swept"
        case ev.CentralTakes():
            return "taken from the empty list, to be swept"
        case ev.CentralChecksRoom(room=1):
            return f"the sweep made room, at slot {event.slot}"
        case ev.CentralChecksRoom():
            return "the sweep made no room"
        case ev.CentralMisses():
            return "a walk of the empty list stops here: a new span is grown"
        case ev.CentralGrows():
            return "appended to the empty list, to be cached"
        case ev.CentralFreesSpan(freed=1):
            return "nothing in it lives: it leaves its list for the page heap"
        case ev.CentralFreesSpan(was_empty=1):
            return "published; it has room now, and moves to the front of the nonempty list"
        case ev.CentralFreesSpan():
            return "published; it stays in the nonempty list"
    return ""


def _of_sweeping(event: EventBase) -> str:
    match event:
        case ev.SweepClaim():
            return f"claimed by {SWEEPERS[event.by]}"
        case ev.SweepResult(large_dead=1):
            return "swept: the large object is dead"
        case ev.SweepResult():
            alive = f"{event.alloc_count} of {event.nelems} slots live"
            return f"swept: {alive}, {event.nfreed} freed"
        case ev.BufferPush():
            return f"pushed on sweep buffer {event.buffer}, place {event.place}"
        case ev.BufferPop():
            who = SWEEPERS[event.by]
            return f"popped from sweep buffer {event.buffer}, place {event.place}, by {who}"
        case ev.SweepDrops(why="state"):
            return "dropped: it is not in use"
        case ev.SweepDrops():
            return "dropped: it does not need sweeping"
        case ev.SweepPhaseStarts():
            return f"the relabel: the heap's sweepgen is {event.sweepgen}"
    return ""


def _of_pages(event: EventBase) -> str:
    match event:
        case hev.HeapAllocates(split=1):
            taken = f"span {event.span} takes the low {pages(event.npages)}"
            return f"split: {taken} of free span {event.chosen} ({pages(event.chosen_npages)})"
        case hev.HeapAllocates():
            return f"free span {event.span} is taken whole, {pages(event.npages)}"
        case hev.SpanInUse(large=1):
            return f"span {event.span} goes into use for a large object"
        case hev.SpanInUse():
            return f"span {event.span} goes into use for span class {event.spanclass}"
        case hev.SpanInitialized():
            return f"its bits are set up for {event.nelems} slots"
        case hev.SpanManual():
            use = {"stack": "stacks", "gc": "the collector", "other": "other ends"}[event.purpose]
            return f"span {event.span} becomes a manual span for {use}"
        case hev.HeapFrees(state=1):
            return f"span {event.span} goes back to the page heap"
        case hev.HeapFrees():
            return f"manual span {event.span} goes back to the page heap"
        case hev.Coalesces(below_npages=0, above_npages=0):
            return f"span {event.span} is free, and merges with no neighbour"
        case hev.Coalesces():
            parts = ((event.below, event.below_npages, "below"),
                     (event.above, event.above_npages, "above"))  # fmt: skip
            absorbed = [f"span {s} {where} ({pages(n)})" for s, n, where in parts if n]
            return f"merge: span {event.span} absorbs {' and '.join(absorbed)}"
        case hev.GrowAddsSpan():
            return f"the heap grows: span {event.span} is {pages(event.npages)} of new memory"
        case hev.ScavengesSpan(split=1):
            upper = f"the upper part of span {event.chosen} becomes span {event.span}"
            return f"split: {upper}, {event.released} bytes released"
        case hev.ScavengesSpan():
            return f"span {event.span} is scavenged, {event.released} bytes released"
    return ""


def pages(number: int) -> str:
    """Return a number of pages in words."""
    return "1 page" if number == 1 else f"{number} pages"


def ranges(numbers: Iterable[int], most: int | None = RANGES_SHOWN) -> str:
    """Return numbers, in ascending order, as ranges such as `0-5 7 9-12`.

    At most `most` ranges are shown, and how many more there are; with None, all.
    """
    found: list[list[int]] = []
    for number in numbers:
        if found and number == found[-1][1] + 1:
            found[-1][1] = number
        else:
            found.append([number, number])
    shown = [f"{low}-{high}" if high > low else str(low) for low, high in found[:most]]
    more = len(found) - len(shown)
    return " ".join(shown) + (f" and {more} more ranges" if more > 0 else "")


def slots(taken: dict[ev.Path, list[int]], tiny: list[int]) -> str:
    """Return in words which slots were taken by which path, and where tiny objects went.

    `tiny` has the slot of each tiny object that took no slot of its own.
    """
    texts = []
    for path, which in taken.items():
        if which:
            noun = "slot" if len(which) == 1 else "slots"
            texts.append(f"{noun} {ranges(which)} {PATHS[path]}")
    if tiny:
        noun = "slot" if len(set(tiny)) == 1 else "slots"
        objects = "1 tiny object" if len(tiny) == 1 else f"{len(tiny)} tiny objects"
        texts.append(f"{objects} into {noun} {ranges(sorted(set(tiny)))}")
    return ", ".join(texts)
