"""What other versions of Go do: span sets in place of lists, and bits inside the spans.

No heap of ours runs these rules; `spanspec autopsy` and `spanspec probe` judge by them. Here they
are held against what has to come of them: every order of a small system's steps, every class.
"""

from collections import Counter, deque
from functools import partial
from itertools import product
from typing import Final

from msgspec.structs import replace

from spanproof.prove.assumptions import SMALL_SCOPE
from spanproof.prove.exploration import Ran, explored
from spanproof.simulate.trying import Wrong, promise
from spanproof.theorems.cases import Case, every_case, refuses
from spanspec.base.constants import (
    MAX_SMALL_SIZE,
    PAGE_SIZE,
    is_noscan,
    make_span_class,
    size_class_of,
)
from spanspec.base.sizeclass import CLASS_TO_PAGES, CLASS_TO_SIZE
from spanspec.sharing.setsteps import (
    EXAMINED,
    FILLED,
    FREEING,
    HELD,
    IDLE,
    INSTALLING,
    POPPED,
    PUBLISHED,
    STEPS,
    SWEEPING,
    SetSystem,
    first_system,
    is_in_cache,
)
from spanspec.sharing.spansets import Entries, entries_hold, kind_for, swept_set
from spanspec.span import profile as of
from spanspec.span.mspan import Mspan, init_span
from spanspec.span.profile import GO_1_13, Profile
from spanspec.span.sweepgen import is_cached, is_stale, is_swept, needs_sweep

# --- span sets ------------------------------------------------------------------------------------

FIRST: Final = 4
CYCLES: Final = 2
"""The sweepgen to begin with, and how many cycles are looked at."""

OWNS: Final = (SWEEPING, EXAMINED, PUBLISHED, FREEING, HELD, INSTALLING)
"""The tasks of a thread that has the span to itself."""


def is_quiet(state: SetSystem) -> bool:
    """Tell whether everybody is between two operations."""
    return all(worker.task == IDLE for worker in state.workers)


def check_sets(state: SetSystem) -> None:
    """Require what holds of a span and of who has it, whatever is under way."""
    it, entries = state.span, state.span.entries
    owners = sum(worker.task in OWNS for worker in state.workers)
    promise(owners <= 1, f"VER-4: {owners} threads have the span to themselves")
    using = sum(worker.holds and worker.task in (IDLE, FILLED) for worker in state.workers)
    promise(using <= 1, "MC-13: two allocate from it")
    counts = (
        entries.partial_swept,
        entries.full_swept,
        entries.partial_unswept,
        entries.full_unswept,
    )
    promise(min(counts) >= 0 and max(counts) <= 1, f"VER-4: {entries.told()}")
    listed = entries.partial_swept + entries.full_swept
    promise(listed == 0 or it.in_use, "VER-4: a span of the page heap is in a swept set")
    odd = it.in_use and not it.large and it.bare and not it.has_free
    promise(not odd, "CEN-12: nothing is allocated, and it is full")
    if is_quiet(state) and it.in_use:
        held = any(worker.holds for worker in state.workers)
        promise(is_in_cache(state), "I-19: cached by its generation, or by a slot, but not both")
        room = it.has_free
        good = entries_hold(state.sweepgen, it.sweepgen, room, it.large, entries)
        promise(good, f"I-19: {entries.told()}")
        partial = room and not it.large
        if is_swept(state.sweepgen, it.sweepgen):
            promise(counts[:2] == (int(partial), int(not partial)), "VER-4: its swept set")
            promise(not held, "MC-13: a span of a set is in a slot")
        elif needs_sweep(state.sweepgen, it.sweepgen):
            here = counts == (0, 0, int(partial), int(not partial))
            promise(here and not held, "VER-4: its unswept set")
        else:
            promise(held and counts[:2] == (0, 0), "VER-4: a cached span is in a set")


def seen(step: str, before: SetSystem, after: SetSystem, thread: int) -> str:
    """Return a word for what a step has done: its name, and the way through it."""
    it, worker = before.span, after.workers[thread]
    match step:
        case "uncache":
            stale = is_stale(before.sweepgen, it.sweepgen)
            return f"uncache-{'stale' if stale else 'room' if it.has_free else 'full'}"
        case "pop_unswept":
            partial = before.span.entries.partial_unswept > after.span.entries.partial_unswept
            kind = "partial" if partial else "full"
            return f"pop_unswept-{kind}-{'keeps' if worker.keeps else 'sweeps'}"
        case "claim":
            return f"claim-{'won' if worker.task == SWEEPING else 'lost'}"
        case "place":
            return f"place-{'held' if worker.task == HELD else 'set'}"
        case "publish":
            return f"publish-{'dead' if worker.task == FREEING else 'alive'}"
        case "create":
            return f"create-{'large' if after.span.large else 'small'}"
        case "push_left":
            return f"push_left-{'partial' if it.has_free else 'full'}"
        case "examine" if not it.large:
            kept = "full" if not after.span.has_free else "kept" if it.has_free else "freed"
            return f"examine-{'dead' if after.span.bare else kept}"
        case "allocate":
            return f"allocate-{'one' if after.span.has_free else 'last'}"
        case "free" | "flush":
            return f"{step}-{'large' if it.large else 'small'}"
    return step


def is_lost(state: SetSystem) -> bool:
    """Tell whether a span in use can be got at by nobody: it is in no slot, no set, no hand."""
    entries, it = state.span.entries, state.span
    somewhere = (
        entries.partial_swept
        + entries.full_swept
        + entries.partial_unswept
        + entries.full_unswept
        + sum(worker.holds or worker.task != IDLE for worker in state.workers)
    )
    return it.in_use and somewhere == 0


def all_orders(workers: int) -> Ran:
    """Take the steps of some threads in every order."""
    first = first_system(FIRST, workers)
    met: Counter[str] = Counter()
    known, waiting = {first}, deque([first])
    while waiting:
        state = waiting.popleft()
        try:
            check_sets(state)
            promise(not is_lost(state), "VER-4: nobody can find the span any more")
            some = False
            for step, thread in product(STEPS, range(workers)):
                for after in step.take(state, thread):
                    some = True
                    met[step.name] += 1
                    met[seen(step.name, state, after, thread)] += 1
                    check_meaning(step.name, state, after, thread)
                    if after not in known and after.sweepgen <= FIRST + 2 * CYCLES:
                        known.add(after)
                        waiting.append(after)
            promise(some, "VER-4: nothing is possible any more")
        except (Wrong, AssertionError) as problem:
            return Ran(len(known), met, str(problem), str(state))
    return Ran(len(known), met)


def check_meaning(step: str, before: SetSystem, after: SetSystem, thread: int) -> None:
    """Require of a step what it is for."""
    old, new = before.workers[thread], after.workers[thread]
    was, it, sg = before.span, after.span, before.sweepgen
    if step in ("pop_swept", "pop_unswept"):
        moved = sum_of(was.entries) - sum_of(it.entries)
        promise(moved == 1 and not (old.holds and new.keeps), f"VER-4: {step} moves {moved}")
        right = new.task == (HELD if step == "pop_swept" else POPPED)
        promise(right and (step == "pop_unswept" or old.flushed), f"VER-4: {step}")
    elif step in ("push_left", "place_large"):
        promise(sum_of(it.entries) - sum_of(was.entries) == 1, f"VER-4: {step}")
    elif step == "start_cycle":
        turned = Entries(0, 0, was.entries.partial_swept, was.entries.full_swept)
        promise(it.entries == turned and swept_set(sg) != swept_set(after.sweepgen), "SWP-8")
        promise(not any(worker.flushed for worker in after.workers), "MC-12: nobody has flushed")
        promise(all(worker.flushed for worker in before.workers), "MC-12: not all had flushed")
    elif step == "allocate":
        may = was.has_free and old.flushed and is_cached(sg, was.sweepgen) and old.holds
        promise(may and not it.bare and it.in_use, "MAL-10: allocation")
    elif step == "examine":
        promise(it.has_free or not was.has_free, "SWP-24: a sweep takes slots")
        promise(not (it.large and it.has_free and it.bare), "MAL-13: a dead large span has room")
    elif step == "free":
        promise(was.bare and not it.in_use and not old.keeps, "SWP-26: something lives")
    elif step in ("cache", "install"):
        promise(it.has_free and not it.large, "MC-5: no room for who asked")
    elif step == "flush":
        promise(not old.holds, "MC-7: flushed with a span")
    else:
        promise(sum_of(it.entries) >= sum_of(was.entries), f"VER-4: {step} takes it out of a set")


def sum_of(entries: Entries) -> int:
    """Return how many entries there are."""
    return (
        entries.partial_swept + entries.full_swept + entries.partial_unswept + entries.full_unswept
    )


@explored(
    "versions.span-sets",
    "VER-4 SWP-3 SWP-8 SWP-15 SWP-18 SWP-24 SWP-29 CEN-3 CEN-4 CEN-7 CEN-12 CEN-16 MC-4 MC-6 MC-7"
    " MC-12 MC-13 MAL-13 HEAP-26 I-19 I-23",
    needs="uncache-stale uncache-room uncache-full pop_unswept-partial-keeps claim_directly"
    " pop_unswept-full-keeps pop_unswept-partial-sweeps pop_unswept-full-sweeps claim-won"
    " claim-lost place-held place-set publish-dead publish-alive create-large create-small"
    " push_left-full push_left-partial allocate-one allocate-last free-small free-large"
    " flush-small flush-large pop_swept cache install use place_large count_large start_cycle"
    " empty_slot examine-dead examine-full examine-kept examine-freed",
    assumes=(SMALL_SCOPE,),
)
def a_span_is_in_one_set_or_slot() -> Ran:
    """Of one span, two threads and two cycles, every order of the steps of Go 1.15: one thread has
    it to itself, it is in one slot or in the set where it belongs, and can always be found.
    """
    return all_orders(2)


# --- classes, and what lies inside a span ---------------------------------------------------------


NEWER: Final = Profile(CLASS_TO_SIZE, CLASS_TO_PAGES, True, True, True)
"""A version that keeps pointer and mark bits inside spans, and does not say so in their limit."""

WITH_24: Final = Profile(
    (0, 8, 16, 24, *CLASS_TO_SIZE[3:]), (0, 1, 1, 1, *CLASS_TO_PAGES[3:]), True, False, False
)
"""A version that has a class of 24 bytes, and keeps pointer bits inside spans."""

PROFILES: Final = (GO_1_13, NEWER, WITH_24)


def inside(profile: Profile, spanclass: int, pages: int, size: int) -> int:
    """Return the bytes of a span that are not for slots, word by word."""
    scanned = profile.heap_bits_in_span and not is_noscan(spanclass) and size <= 512
    pointer_bytes = sum(1 for _ in range(0, pages * PAGE_SIZE, 8 * 8)) if scanned else 0
    return pointer_bytes + (128 if profile.inline_marks and 16 <= size <= 512 else 0)


def of_a_class(met: Counter[str], profile: Profile, number: int, noscan: bool) -> None:
    """A span of a class has the slots that fit, and what is changed in it is noticed."""
    spanclass = make_span_class(number, noscan)
    size, pages = profile.class_to_size[number], profile.class_to_pages[number]
    left = pages * PAGE_SIZE - inside(profile, spanclass, pages, size)
    slots = next(count for count in range(1025, 0, -1) if count * size <= left)
    told = of.slots_of(profile, spanclass, pages, size)
    promise(told == slots, f"SPAN-5: {told} slots of {size} bytes, not {slots}")
    reserved = of.reserved_bytes(profile, spanclass, pages, size)
    promise(reserved == inside(profile, spanclass, pages, size), f"VER-7: {reserved} bytes")
    span = span_of(profile, spanclass, size, pages, slots)
    good = (of.class_exists, of.class_holds, of.slots_hold, of.limit_holds, of.is_aligned)
    for rule in good:
        promise(rule(profile, span), f"I-11: {rule.__name__} of a span of {size} bytes")
    for change in (-1, 1):
        few = replace(span, nelems=slots + change)
        promise(not of.slots_hold(profile, few), "I-6: another number of slots")
        short = replace(span, limit=span.limit + change)
        promise(not of.limit_holds(profile, short), "I-6: another limit")
        off = replace(span, elemsize=size + change)
        promise(not of.class_holds(profile, off), "I-11: another slot size")
        promise(not of.is_aligned(profile, off), "I-39: a slot of an odd size")
        shifted = replace(span, base=span.base + change)
        promise(not of.is_aligned(profile, shifted), "I-39: slots off the page")
        longer = replace(span, npages=pages + change)
        promise(not of.class_holds(profile, longer), "I-11: another number of pages")
    if size > 16:
        odd = replace(span, elemsize=size // 16 * 16 + 8)
        allowed = odd.elemsize == 24 and 24 in profile.class_to_size
        promise(of.is_aligned(profile, odd) == allowed, f"I-39: slots of {odd.elemsize} bytes")
    met[f"class{'-with-bits' if reserved else ''}"] += 1


def span_of(profile: Profile, spanclass: int, size: int, pages: int, slots: int) -> Mspan:
    """Return a span of a version, whose limit tells of bits inside or does not."""
    span = init_span(0xC000000000, pages, GO_1_13_CLASS, 0)
    told = pages * PAGE_SIZE // size if profile.limit_ignores_bits else slots
    return replace(
        span,
        spanclass=spanclass,
        elemsize=size,
        nelems=slots,
        limit=span.base + told * size,
    )


GO_1_13_CLASS: Final = make_span_class(1, True)
"""Any class of the model's own, for the fields that do not matter."""


def of_large(met: Counter[str], profile: Profile, pages: int, noscan: bool) -> None:
    """A large span has one slot, of all its pages, and holds more than a class does."""
    size = pages * PAGE_SIZE
    span = init_span(0xC000000000, pages, make_span_class(0, noscan), 0xC000000000 + size)
    promise(of.slots_hold(profile, span) and of.class_holds(profile, span), "I-11: a large span")
    promise(not of.slots_hold(profile, replace(span, nelems=2)), "I-6: two large objects")
    promise(not of.class_holds(profile, replace(span, elemsize=size - 8)), "I-11: a large slot")
    least = MAX_SMALL_SIZE + 1 - (8 if profile.heap_bits_in_span else 0)
    promise(of.smallest_large(profile) == least, "SC-10: the smallest large object")
    for bytes_, good in ((least - 1, False), (least, True), (size, True), (size + 1, False)):
        some = replace(span, limit=span.base + bytes_)
        promise(of.limit_holds(profile, some) == (good and least <= size), f"I-6: {bytes_}")
    number = len(profile.class_to_size)
    beyond = replace(span, spanclass=make_span_class(number, noscan))
    last = replace(span, spanclass=make_span_class(number - 1, noscan))
    promise(not of.class_exists(profile, beyond), "I-11: a class that there is not")
    promise(of.class_exists(profile, last), "I-11: the last class")
    met["large"] += 1


def of_requests(met: Counter[str], profile: Profile, noscan: bool) -> None:
    """A request gets the smallest class that holds it, with its header if it has one."""
    sizes = profile.class_to_size
    for size in sorted({one + by for one in sizes[1:] for by in (-8, -7, -1, 0, 1)} | {512, 513}):
        header = 8 if profile.heap_bits_in_span and not noscan and size > 512 else 0
        if size < 1:
            continue
        if size + header > MAX_SMALL_SIZE:
            refuses("SC-10", partial(of.class_for, profile, size, noscan))
            continue
        found = of.class_for(profile, size, noscan)
        number = size_class_of(found)
        promise(is_noscan(found) == noscan, "CONST-5: the class for what has pointers")
        fits = sizes[number] >= size + header and (number == 1 or sizes[number - 1] < size + header)
        promise(fits, f"SC-9: {size} bytes are of class {number}")
        met["header" if header else "request"] += 1


def kinds_of_sets(met: Counter[str]) -> None:
    """A span waits in the partial set if it has room and is small, in the full one otherwise."""
    for room, large in product((False, True), repeat=2):
        promise(kind_for(room, large) == (1 if room and not large else 2), "VER-4: its set")
        met["kind"] += 1


@explored(
    "versions.profile",
    "SPAN-5 SC-9 SC-10 CONST-5 VER-4 VER-6 VER-7 MAL-22 I-6 I-11 I-39",
    needs="class class-with-bits large request header kind",
    assumes=(SMALL_SCOPE,),
)
def a_span_is_cut_as_its_version_says() -> Ran:
    """Of each class of three versions, whose spans have pointer bits and mark bits inside or not:
    a span has the slots that fit beside them, a request the smallest class that holds it, and each
    other figure is noticed.
    """
    cases: list[tuple[str, Case]] = [("kinds of sets", kinds_of_sets)]
    for (at, profile), noscan in product(enumerate(PROFILES), (False, True)):
        for number in range(1, len(profile.class_to_size)):
            case = partial(of_a_class, profile=profile, number=number, noscan=noscan)
            cases.append((f"version {at}, class {number}", case))
        for pages in (4, 5, 9):
            case = partial(of_large, profile=profile, pages=pages, noscan=noscan)
            cases.append((f"version {at}, {pages} pages", case))
        case = partial(of_requests, profile=profile, noscan=noscan)
        cases.append((f"version {at}, requests", case))
    return every_case(cases)
