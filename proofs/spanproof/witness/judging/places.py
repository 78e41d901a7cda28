"""Judging where spans are: cache slots, central lists or span sets, and mcaches (I-19 to I-23)."""

from collections.abc import Iterator
from typing import Final

from spanproof.witness.judging.finding import Finding, JudgedImage, record_of
from spanspec.base.constants import TINY_SIZE, TINY_SPAN_CLASS, size_class_of
from spanspec.base.wording import counted
from spanspec.heap.courses.mcache import must_flush
from spanspec.sharing.containers.spansets import (
    FULL,
    NO_ENTRIES,
    PARTIAL,
    Entries,
    entries_hold,
    set_of,
    swept_set,
)
from spanspec.span.listing import EMPTY, NONEMPTY, NOWHERE, belongs
from spanspec.span.sweepgen import is_cached, is_stale
from spanspec.span.tiny import NO_TINY_BLOCK, TinyBlock, block_holds

UNFILLED: Final = "places of a set that nobody has filled"

PLACES: Final[dict[int, str]] = {NOWHERE: "no list", NONEMPTY: "nonempty", EMPTY: "empty"}


def judge_places(scene: JudgedImage) -> Iterator[Finding]:
    """Yield what does not hold of where spans are."""
    yield from descriptors(scene)
    yield from caches(scene)
    yield from cached_generations(scene)
    yield from central_classes(scene)
    if scene.span_sets:
        yield from sets(scene)
    else:
        yield from lists(scene)
    yield from tiny_blocks(scene)


def descriptors(scene: JudgedImage) -> Iterator[Finding]:
    """Yield what does not hold of the list of all descriptors.

    Rules: I-33 MC-3.
    """
    seen: set[int] = set()
    for span in scene.image.spans:
        if span.descriptor in seen:
            yield Finding("I-33", "listed twice among all spans", span.descriptor)
        seen.add(span.descriptor)
    if scene.image.empty_span_bytes.strip("0"):
        yield Finding("MC-3", "the empty span was written to", scene.image.empty_span)


def caches(scene: JudgedImage) -> Iterator[Finding]:
    """Yield the cache slots that hold what they must not.

    Rules: I-19 I-21 I-35 MC-13.
    """
    sg = scene.sweepgen
    for number, proc in enumerate(scene.image.procs):
        flushed = True
        if proc.flush_gen is not None and proc.mcache:
            try:
                flushed = not must_flush(sg, proc.flush_gen)
            except AssertionError:
                yield Finding(
                    "I-35", f"flushGen {proc.flush_gen}, the heap is at {sg}", proc=number
                )
        for spanclass, descriptor in enumerate(proc.slots):
            if descriptor == scene.image.empty_span:
                continue
            span = scene.by_descriptor.get(descriptor)
            if span is None:
                yield Finding(
                    "I-19",
                    f"slot {spanclass} holds {descriptor:#x}, which is no span",
                    proc=number,
                    spanclass=spanclass,
                )
                continue
            if span.state != scene.in_use:
                yield Finding(
                    "I-19", f"cached in slot {spanclass}, and not in use", descriptor, proc=number
                )
            if span.spanclass != spanclass:
                yield Finding(
                    "I-19",
                    f"cached in slot {spanclass}, of class {span.spanclass}",
                    descriptor,
                    proc=number,
                )
            good = is_cached if flushed else is_stale
            if proc.flush_gen is not None and not good(sg, span.sweepgen):
                ahead = scene.generation(span)
                yield Finding(
                    "MC-13",
                    f"cached in slot {spanclass}, with sweepgen sg{ahead:+d}",
                    descriptor,
                    proc=number,
                )
    for descriptor, places in scene.cached.items():
        if len(places) > 1:
            yield Finding("I-21", f"in {len(places)} cache slots", descriptor)


def cached_generations(scene: JudgedImage) -> Iterator[Finding]:
    """Yield the spans whose generation says that a cache has them, though none does.

    Rules: SWP-1 I-19.
    """
    sg = scene.sweepgen
    if not scene.image.procs:
        return
    for span in scene.used:
        held = is_cached(sg, span.sweepgen) or is_stale(sg, span.sweepgen)
        if held and span.descriptor not in scene.cached:
            yield Finding(
                "SWP-1", f"sweepgen sg{scene.generation(span):+d}, and in no cache", span.descriptor
            )


def central_classes(scene: JudgedImage) -> Iterator[Finding]:
    """Yield the central lists that are of another class than their place says.

    Rules: CEN-1.
    """
    for number, own in enumerate(scene.image.central_classes):
        if own != number:
            yield Finding(
                "CEN-1", f"the mcentral of class {number} is of class {own}", spanclass=number
            )


def entries_of(scene: JudgedImage) -> tuple[dict[int, Entries], list[Finding]]:
    """Return how often each span is in which sets, and what in them is no span of theirs."""
    found: dict[int, Entries] = {}
    strays = []
    swept = swept_set(scene.sweepgen)
    for spanclass, those in enumerate(scene.image.central):
        for place, name in ((PARTIAL, "partial"), (FULL, "full")):
            for which in (0, 1):
                unfilled = 0
                for descriptor in those.get(f"{name}{which}", ()):
                    span = scene.by_descriptor.get(descriptor)
                    if descriptor == 0:
                        unfilled += 1
                    elif span is None:
                        strays.append(
                            Finding(
                                "CEN-1",
                                f"{name}[{which}] holds {descriptor:#x}, which is no span",
                                spanclass=spanclass,
                            )
                        )
                    elif span.user_arena:
                        continue
                    elif which == swept and (
                        span.spanclass != spanclass or span.state != scene.in_use
                    ):
                        strays.append(
                            Finding(
                                "I-20",
                                f"in the swept set {name}[{which}] of class {spanclass}",
                                descriptor,
                            )
                        )
                    else:
                        known = found.get(descriptor, NO_ENTRIES)
                        found[descriptor] = known.with_entry(place, which == swept)
                if unfilled:
                    strays.append(
                        Finding(
                            "CEN-1",
                            f"{name}[{which}] has {counted(unfilled, 'place')} "
                            "that nobody has filled",
                            spanclass=spanclass,
                            amount=unfilled,
                            counts=UNFILLED,
                        )
                    )
    return found, strays


def sets(scene: JudgedImage) -> Iterator[Finding]:
    """Yield the spans that are not in the span sets that they should be in.

    Rules: VER-4 I-19 I-20 I-23.
    """
    found, strays = entries_of(scene)
    yield from strays
    for span in scene.used:
        if span.user_arena:
            continue
        entries = found.get(span.descriptor, NO_ENTRIES)
        room = scene.has_room(span)
        large = size_class_of(span.spanclass) == 0
        if not entries_hold(scene.sweepgen, span.sweepgen, room, large, entries):
            wanted = set_of(scene.sweepgen, span.sweepgen, room, large)
            yield Finding("I-19", f"should be in {wanted}, is in {entries.told()}", span.descriptor)


def lists(scene: JudgedImage) -> Iterator[Finding]:
    """Yield the spans that are not in the list that they should be in.

    Rules: I-19 I-20 CEN-1 CEN-16 SPAN-29.
    """
    where: dict[int, list[tuple[int, int]]] = {}
    for spanclass, those in enumerate(scene.image.central):
        for place, name in ((NONEMPTY, "nonempty"), (EMPTY, "empty")):
            for descriptor in those.get(name, ()):
                span = scene.by_descriptor.get(descriptor)
                if span is None or span.state != scene.in_use or span.spanclass != spanclass:
                    yield Finding("I-20", f"in the list {name} of class {spanclass}", descriptor)
                where.setdefault(descriptor, []).append((place, spanclass))
    for span in scene.used:
        places = where.get(span.descriptor, [])
        if len(places) > 1:
            yield Finding("SPAN-29", f"in {len(places)} lists", span.descriptor)
            continue
        where_now: int = places[0][0] if places else NOWHERE
        room = scene.has_room(span)
        large = size_class_of(span.spanclass) == 0
        if not scene.image.procs:
            continue  # whether a cache has it is not known
        if where_now != belongs(large, room, span.descriptor in scene.cached):
            yield Finding("I-19", f"in {PLACES[where_now]}", span.descriptor)


def tiny_is_set(scene: JudgedImage, address: int) -> bool:
    """Tell whether an address is that of a block for tiny objects, whatever of it is taken."""
    return any(
        span.base <= address < span.limit
        and any(
            block_holds(TinyBlock(address, offset), record_of(span))
            for offset in range(TINY_SIZE + 1)
        )
        for span in scene.used
        if span.spanclass == TINY_SPAN_CLASS and span.alloc_read
    )


def tiny_blocks(scene: JudgedImage) -> Iterator[Finding]:
    """Yield the tiny blocks that are none.

    Rules: I-36.
    """
    tiny = [s for s in scene.used if s.spanclass == TINY_SPAN_CLASS and s.alloc_read]
    for number, proc in enumerate(scene.image.procs):
        block = TinyBlock(proc.tiny, proc.tiny_offset)
        if not proc.mcache or block == NO_TINY_BLOCK:
            continue
        holder = next((s for s in tiny if s.base <= block.address < s.limit), None)
        if holder is None or not block_holds(block, record_of(holder)):
            where = f" in span {holder.descriptor:#x}" if holder is not None else ""
            yield Finding(
                "I-36", f"tiny block {block.address:#x}, offset {block.offset}{where}", proc=number
            )
