"""Recordings of the probe: a Go toolchain's own allocator, judged step by step at level span.

A recording (schema 1) has an event for each operation of a script, with the span before and after
it. Each step is held against what the model does from the recorded state before; addresses of two
runs are never compared, because other goroutines allocate, too.
"""

import gzip
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Final, NamedTuple, cast

import msgspec

from spanproof.witness.errors import WitnessError
from spanproof.witness.slots import occupancy, shape
from spanspec.base.bitmap import NO_BITS, Bits
from spanspec.base.constants import (
    MAX_OBJECTS_PER_SPAN,
    TINY_SIZE,
    make_span_class,
    size_class_of,
)
from spanspec.base.words import M64
from spanspec.sharing.spansets import FULL, NO_ENTRIES, PARTIAL, Entries, entries_hold, swept_set
from spanspec.span.alloccache import next_free_fast, next_free_slow, reload_cache
from spanspec.span.listing import EMPTY, NONEMPTY, belongs
from spanspec.span.mspan import IN_USE, Mspan, bounds_hold, has_room, is_allocated, slot_address
from spanspec.span.profile import Profile, class_exists, class_for
from spanspec.span.sweepgen import is_cached, is_legal, is_swept, next_cycle
from spanspec.span.tiny import (
    NO_TINY_BLOCK,
    TinyBlock,
    align_tiny,
    replace_tiny_block,
    take_tiny,
    tiny_fits,
)

BEGINS: Final = b'{"e":"hdr","schema":1,'
"""How a recording begins."""

OF_SHAPE: Final = ("I-6", "I-11", "I-39")
OF_SLOTS: Final = ("I-1", "I-2", "I-3", "I-4", "SPAN-9", "SPAN-10")
"""What each span that is recorded is held against."""

Event = dict[str, Any]
"""A line: decoded JSON, whose fields are read one by one."""


class Diverged(Exception):
    """A step of Go is not that of the model."""

    def __init__(self, rule: str, what: str, expected: object, seen: object) -> None:
        super().__init__(what)
        self.rule, self.what = rule, what
        self.expected, self.seen = str(expected), str(seen)


class Checked(NamedTuple):
    """What was checked: the version, events by kind, and the first divergence, if there is one."""

    path: str
    go: str
    kinds: dict[str, int]
    divergence: dict[str, str | int] | None


def opened(path: Path) -> BinaryIO:
    """Open a recording, which may be compressed.

    Raises: OSError.
    """
    with path.open("rb") as file:
        compressed = file.read(2) == b"\x1f\x8b"
    return cast(BinaryIO, gzip.open(path)) if compressed else path.open("rb")


def is_recording(path: str) -> bool:
    """Tell whether a file is a recording of the probe."""
    try:
        with opened(Path(path)) as file:
            return file.read(len(BEGINS)) == BEGINS
    except (OSError, EOFError, zlib.error):
        return False


def lines_of(path: Path) -> Iterator[Event]:
    """Yield the events of a recording.

    Raises: WitnessError if it is cut off or no JSON.
    """
    number = 0
    try:
        with opened(path) as source:
            for number, line in enumerate(source, 1):
                event = msgspec.json.decode(line)
                if not isinstance(event, dict):
                    raise WitnessError(f"{path}:{number}: no event")
                yield event
    except (msgspec.DecodeError, UnicodeDecodeError) as problem:
        raise WitnessError(f"{path}:{number}: no JSON ({problem})") from None
    except (OSError, EOFError, zlib.error) as problem:
        raise WitnessError(f"{path}:{number}: cannot be read further ({problem})") from None


def record_of(span: Event, bits: int | None = None) -> Mspan:
    """Return a recorded span as the model's record; `bits` are its allocBits where it has none."""
    text = span.get("ab")
    own = int.from_bytes(bytes.fromhex(text), "little") if text is not None else bits or 0
    marks = int.from_bytes(bytes.fromhex(span.get("gm") or ""), "little")
    return Mspan(
        base=span["b"],
        npages=span["np"],
        spanclass=span["spc"],
        state=span["st"],
        elemsize=span["es"],
        limit=span["b"] + span["ne"] * span["es"],
        nelems=span["ne"],
        freeindex=span["fi"],
        alloc_count=span["ac"],
        alloc_cache=int(span["cache"], 16),
        alloc_bits=Bits(own),
        gcmark_bits=Bits(marks),
        needzero=span["nz"],
    )


class Recording:
    """Checks the events of one recording, one after the other."""

    def __init__(self, header: Event) -> None:
        table = header["classes"]
        learnt = header["calib"]
        self.profile = Profile(
            class_to_size=tuple(row[1] for row in table),
            class_to_pages=tuple(row[2] for row in table),
            heap_bits_in_span=learnt["nelems_scan8"] == 1008,
            inline_marks=learnt["nelems_noscan16"] == 504,
            limit_ignores_bits=False,
        )
        self.spanclasses: int = header["spanclasses"]
        self.header_bytes = learnt["off_scan520"]
        self.number = -1
        self.dumped: dict[int, dict[int, Event]] = {}
        self.central: dict[int, dict[str, list[int]]] = {}
        self.live: dict[int, tuple[int, int, int | None]] = {}
        self.gone: set[tuple[int, int]] = set()
        self.dropped: list[tuple[int, int, int | None]] = []
        self.tiny = NO_TINY_BLOCK
        self.tiny_slots: dict[int, tuple[int, int, int | None]] = {}
        self.after_cycle = False
        self.checked = Counter[str]()
        self.heaps = 0

    def require(self, holds: bool, rule: str, what: str, expected: object, seen: object) -> None:
        """Count that a rule is checked, and raise a divergence unless it holds."""
        self.checked[rule] += 1
        if not holds:
            raise Diverged(rule, what, expected, seen)

    def take(self, event: Event) -> str:
        """Check one event; return its kind.

        Raises: Diverged; KeyError, TypeError or ValueError if it lacks what the schema says.
        """
        kind: str = event["e"]
        if kind != "gcstart" or "n" in event:
            number = event.get("n", self.number + 1)
            fine = (
                number in (self.number, self.number + 1)
                if kind in ("ckpt", "gcstart", "gc")
                else number == self.number + 1
            )
            self.require(
                fine or self.number < 0,
                "EX-10",
                "events are numbered without gaps",
                self.number + 1,
                number,
            )
            self.number = number
        match kind:
            case "alloc":
                self.alloc(event)
            case "drop":
                self.dropped.append(self.live.pop(event["id"]))
            case "gc":
                self.cycle(event)
            case "ckpt":
                self.checkpoint(event)
            case "gcstart":
                pass
            case _:
                raise ValueError(f"an event of the unknown kind {kind!r}")
        return kind

    # --- one allocation ---------------------------------------------------------------------------

    def alloc(self, event: Event) -> None:
        """Check an allocation."""
        after = record_of(event["post"])
        self.sound(after, event["post"], slots=False)
        if event.get("large"):
            self.large(event, after)
            return
        size, noscan = event["size"], bool(event["noscan"])
        if size < TINY_SIZE and noscan:
            if self.small_enough(event, size):
                self.untouched(event, after)
                return
            spanclass = 5
        else:
            spanclass = class_for(self.profile, size, noscan)
        self.require(
            event["spc"] == spanclass, "SC-10", "the class of a request", spanclass, event["spc"]
        )
        self.require(
            after.spanclass == spanclass,
            "SC-10",
            "the class of the span",
            spanclass,
            after.spanclass,
        )
        self.require(
            is_cached(event["hsg"], event["post"]["sg"]),
            "SWP-1",
            "the generation of a cached span",
            event["hsg"] + 3,
            event["post"]["sg"],
        )
        before = self.before(event, after)
        found = next_free_fast(before)
        if found.slot == before.nelems:
            found = next_free_slow(before)
        address = slot_address(before, found.slot)
        if self.profile.heap_bits_in_span and not noscan and size > 512:
            address += self.header_bytes
        self.require(
            event["addr"] == address,
            "SPAN-12",
            f"the address of slot {found.slot}",
            f"{address:#x}",
            f"{event['addr']:#x}",
        )
        for name in ("freeindex", "alloc_count", "alloc_cache", "nelems", "npages", "base"):
            want, seen = getattr(found.span, name), getattr(after, name)
            if name == "alloc_cache" and found.span.freeindex >= found.span.nelems:
                continue
            self.require(want == seen, "SPAN-12", f"{name} after the allocation", want, seen)
        slot = (before.base, found.slot, after.spanclass)
        self.live[event["id"]] = slot
        self.gone.discard((before.base, found.slot))
        if size < TINY_SIZE and noscan:
            self.tiny_slots[event["addr"]] = slot

    def small_enough(self, event: Event, size: int) -> bool:
        """Check the tiny block; tell whether the object went into the current one.

        Rules: MAL-5 MAL-6 MAL-7 MAL-8.
        """
        block = TinyBlock(event["tiny"], event["tinyoff"])
        now = TinyBlock(event["tiny2"], event["tinyoff2"])
        self.tiny = now
        if tiny_fits(block, size):
            address = block.address + align_tiny(block.offset, size)
            self.require(
                event["addr"] == address,
                "MAL-6",
                "the address in the tiny block",
                f"{address:#x}",
                f"{event['addr']:#x}",
            )
            self.require(
                now == take_tiny(block, size),
                "MAL-6",
                "the tiny block afterwards",
                take_tiny(block, size),
                now,
            )
            self.live[event["id"]] = self.tiny_slots.get(block.address, (block.address, 0, None))
            return True
        want = replace_tiny_block(block, event["addr"], size)
        self.require(now == want, "MAL-7", "the tiny block afterwards", want, now)
        return False

    def untouched(self, event: Event, after: Mspan) -> None:
        """Check that an object in the current tiny block took no slot.

        Rules: MAL-6.
        """
        pre = event["pre"]
        if isinstance(pre, dict):
            before = record_of(pre)
            self.sound(before, pre)
            if before.base == after.base:
                for name in ("freeindex", "alloc_count", "alloc_cache"):
                    want, seen = getattr(before, name), getattr(after, name)
                    self.require(want == seen, "MAL-6", f"{name} after a tiny object", want, seen)
        elif after.nelems and after.alloc_count < after.freeindex:
            raise Diverged("SPAN-9", "allocCount", f"at least {after.freeindex}", after.alloc_count)

    def before(self, event: Event, after: Mspan) -> Mspan:
        """Return the span from which the slot was taken, as it was: cached, or just refilled.

        Rules: MC-4 CEN-3 CEN-7 CEN-9 SPAN-6 VER-4.
        """
        pre = event["pre"]
        if isinstance(pre, dict):
            before = record_of(pre)
            self.sound(before, pre)
            self.require(
                is_cached(event["hsg"], pre["sg"]),
                "SWP-1",
                "the generation of a cached span",
                event["hsg"] + 3,
                pre["sg"],
            )
            if has_room(before):
                self.require(
                    before.base == after.base,
                    "MAL-19",
                    "a slot is taken from the cached span",
                    f"{before.base:#x}",
                    f"{after.base:#x}",
                )
                return before
        known = self.dumped.get(after.spanclass, {}).get(after.base)
        first = self.first_with_room(after.spanclass, event["hsg"])
        if first:
            self.require(
                after.base == first,
                "CEN-3",
                "a refill takes the first span with room",
                f"{first:#x}",
                f"{after.base:#x}",
            )
        if known is None:
            return msgspec.structs.replace(
                after,
                freeindex=0,
                alloc_count=0,
                alloc_cache=M64,
                alloc_bits=NO_BITS,
                gcmark_bits=NO_BITS,
            )
        return reload_cache(record_of(known))

    def first_with_room(self, spanclass: int, sg: int) -> int:
        """Return the span that a refill is to take; 0 if the last dump shows none."""
        lists = self.central.get(spanclass, {})
        name = f"p{swept_set(sg)}" if "p0" in lists else "nonempty"
        return next(iter(lists.get(name, ())), 0)

    def large(self, event: Event, after: Mspan) -> None:
        """Check a large object.

        Rules: MAL-13 HEAP-22.
        """
        self.require(
            event["addr"] == after.base,
            "MAL-13",
            "a large object begins its span",
            f"{after.base:#x}",
            f"{event['addr']:#x}",
        )
        spanclass = make_span_class(0, bool(event["noscan"]))
        seen_class = after.spanclass
        self.require(
            seen_class == spanclass, "MAL-13", "the class of a large span", spanclass, seen_class
        )
        seen = (after.nelems, after.freeindex, after.alloc_count)
        self.require(
            seen == (1, 1, 1), "MAL-13", "nelems, freeindex and allocCount", (1, 1, 1), seen
        )
        self.require(
            event["size"] <= after.elemsize,
            "MAL-13",
            "the object fits its span",
            event["size"],
            after.elemsize,
        )
        self.require(
            is_swept(event["hsg"], event["post"]["sg"]),
            "SWP-7",
            "the generation of a large span",
            event["hsg"],
            event["post"]["sg"],
        )
        self.live[event["id"]] = (after.base, 0, after.spanclass)

    def sound(self, record: Mspan, span: Event, slots: bool = True) -> None:
        """Check a span by itself: its shape, and its slots if its bits are recorded.

        Rules: I-1 I-2 I-3 I-4 I-6 I-7 I-11 SPAN-2 SPAN-9 SPAN-10.
        """
        self.require(
            record.state == IN_USE, "SPAN-2", "the state of a span in use", IN_USE, record.state
        )
        known = record
        if class_exists(self.profile, record) and size_class_of(record.spanclass) == 0:
            # What a large object's limit is, is not recorded.
            known = msgspec.structs.replace(record, limit=record.base + record.elemsize)
        self.checked.update(OF_SHAPE)
        for rule, what in shape(self.profile, known):
            raise Diverged(rule, what, "what the class says", span)
        self.require(
            bounds_hold(record),
            "I-1",
            "freeindex and allocCount lie within 0..nelems",
            record.nelems,
            (record.freeindex, record.alloc_count),
        )
        if slots:
            self.checked.update(OF_SLOTS)
            for rule, what in occupancy(record, span.get("fs")):
                if rule != "I-7":
                    raise Diverged(rule, what, "what allocBits say", span)

    # --- cycles and dumps -------------------------------------------------------------------------

    def cycle(self, event: Event) -> None:
        """Check that a cycle has ended.

        Rules: SWP-2.
        """
        want = next_cycle(event["hsg0"])
        self.require(
            event["hsg1"] == want,
            "SWP-2",
            "the heap's generation after a cycle",
            want,
            event["hsg1"],
        )
        kept = self.tiny_slots.get(self.tiny.address)
        alive = {slot[:2] for slot in self.live.values()} | ({kept[:2]} if kept else set())
        self.gone |= {
            (base, slot)
            for base, slot, spanclass in self.dropped
            if spanclass is not None and (base, slot) not in alive
        }
        self.dropped = [slot for slot in self.dropped if kept is not None and slot[:2] == kept[:2]]
        self.tiny = NO_TINY_BLOCK
        self.after_cycle = True

    def checkpoint(self, event: Event) -> None:
        """Check a dump of spans: each by itself, where it is, and what a cycle left of it.

        Rules: I-5 I-19 I-22 I-27 VER-4 SWP-27.
        """
        sg = event["hsg"]
        cached = {base for base in event["cached"].values() if base}
        entries = self.entries(event, sg)
        quiet = event["why"] != "midgc"
        dumped: dict[int, dict[int, Event]] = {}
        for span in event["spans"]:
            record = record_of(span)
            self.sound(record, span)
            self.require(
                is_legal(sg, span["sg"]), "I-22", "the generation of a span", sg, span["sg"]
            )
            dumped.setdefault(record.spanclass, {})[record.base] = span
            known = str(record.spanclass) in event["cached"]
            if quiet and known:
                held = record.base in cached
                self.require(
                    is_cached(sg, span["sg"]) == held,
                    "I-19",
                    f"span {record.base:#x} is cached as its generation says",
                    held,
                    span["sg"] - sg,
                )
            if quiet and entries is not None and record.spanclass in entries:
                where = entries[record.spanclass].get(record.base, NO_ENTRIES)
                large = size_class_of(record.spanclass) == 0
                self.require(
                    entries_hold(sg, span["sg"], has_room(record), large, where),
                    "I-19",
                    f"the sets of span {record.base:#x}",
                    "those of its generation",
                    where.told(),
                )
            elif quiet and entries is None and size_class_of(record.spanclass) != 0:
                self.listed(event, record, record.base in cached)
            if quiet:
                marks = record.gcmark_bits.count(min(record.nelems, MAX_OBJECTS_PER_SPAN))
                self.require(
                    marks == 0, "I-5", f"marks of the swept span {record.base:#x}", 0, marks
                )
        if self.after_cycle and event["why"].startswith("script"):
            self.after_cycle = False
            self.collected(dumped, cached)
        self.remember(event, dumped)

    def listed(self, event: Event, record: Mspan, cached: bool) -> None:
        """Check that a dumped span is in the central list that it belongs in.

        A cached span counts as full; it is in the list `empty`, too.

        Rules: I-19 CEN-1 CEN-16.
        """
        lists = event["central"].get(str(record.spanclass))
        if lists is None:
            return
        where = [place for place, name in ((NONEMPTY, "nonempty"), (EMPTY, "empty"))
                 if record.base in lists[name]]  # fmt: skip
        want = belongs(False, has_room(record), cached)
        self.require(
            where == [want],
            "I-19",
            f"the list of span {record.base:#x}",
            ("no list", "nonempty", "empty")[want],
            where,
        )

    def entries(self, event: Event, sg: int) -> dict[int, dict[int, Entries]] | None:
        """Return the entries of each span by class; None for a version with lists."""
        found: dict[int, dict[int, Entries]] = {}
        for name, lists in event["central"].items():
            if "p0" not in lists:
                return None
            those = found.setdefault(int(name), {})
            for kind, letter in ((PARTIAL, "p"), (FULL, "f")):
                for which in (0, 1):
                    for base in lists[f"{letter}{which}"]:
                        entry = those.get(base, NO_ENTRIES)
                        those[base] = entry.with_entry(kind, which == swept_set(sg))
        return found

    def collected(self, dumped: dict[int, dict[int, Event]], cached: set[int]) -> None:
        """Check what a cycle left: live objects, and none that was dropped before it.

        Rules: I-27 SWP-27 SWP-28.
        """
        for spanclass, spans in dumped.items():
            for base, span in spans.items():
                if base not in cached and size_class_of(spanclass) != 0:
                    self.require(
                        span["fi"] == 0,
                        "SWP-27",
                        f"freeindex of the swept span {base:#x}",
                        0,
                        span["fi"],
                    )
        for base, slot, live_class in self.live.values():
            held = dumped.get(live_class, {}).get(base) if live_class is not None else None
            if held is not None and size_class_of(held["spc"]) != 0:
                self.require(
                    is_allocated(record_of(held), slot),
                    "I-27",
                    f"slot {slot} of span {base:#x} holds a live object",
                    "allocated",
                    "free",
                )
        for base, slot in self.gone:
            for spans in dumped.values():
                if base in spans and base not in cached and size_class_of(spans[base]["spc"]):
                    self.require(
                        not record_of(spans[base]).alloc_bits.bit(slot),
                        "I-27",
                        f"slot {slot} of span {base:#x} held an object that was dropped",
                        "free",
                        "allocated",
                    )
        self.gone.clear()

    def remember(self, event: Event, dumped: dict[int, dict[int, Event]]) -> None:
        """Keep what the next refills are held against."""
        for spanclass in (int(name) for name in event["cached"]):
            self.dumped[spanclass] = {}
        if "spc" in event:
            self.dumped[event["spc"]] = {}
        self.dumped.update(dumped)
        for name, lists in event["central"].items():
            self.central[int(name)] = lists


def check_recording(path: str) -> Checked:
    """Check a recording, up to its first divergence.

    Raises: WitnessError if it is no recording, or an event lacks what the schema says.
    """
    source = lines_of(Path(path))
    header = next(source, None)
    if header is None:
        raise WitnessError(f"{path}: an empty recording")
    kinds: Counter[str] = Counter()
    line = 1
    try:
        recording = Recording(header)
        for event in source:
            line += 1
            kinds[recording.take(event)] += 1
    except Diverged as problem:
        found: dict[str, str | int] = {
            "line": line,
            "rule": problem.rule,
            "what": problem.what,
            "expected": problem.expected,
            "seen": problem.seen,
        }
        return Checked(path, header["go"], dict(kinds), found)
    except AssertionError as problem:
        rule, _, what = str(problem).partition(": ")
        failed: dict[str, str | int] = {
            "line": line,
            "rule": rule,
            "what": what or rule,
            "expected": "no fatal check fails",
            "seen": "it does",
        }
        return Checked(path, header["go"], dict(kinds), failed)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, OverflowError) as problem:
        what = f"{type(problem).__name__}: {problem}"
        raise WitnessError(f"{path}:{line}: not as schema 1 says ({what})") from None
    if not kinds:
        raise WitnessError(f"{path}: a recording without events")
    return Checked(path, header["go"], dict(kinds), None)
