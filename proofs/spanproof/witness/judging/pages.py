"""Judging the pages: which span has which, by the span map, the bits, and the page allocator."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Final, NamedTuple

from spanproof.witness.judging.finding import Finding, JudgedImage
from spanproof.witness.reading.image import ArenaImage, SpanImage
from spanspec.base.words import M64

CHUNK_PAGES: Final = 512
"""Pages of a chunk of the page bitmap."""

MOST_TOLD: Final = 20
"""Runs of pages of one arena that are told; more of them say nothing new."""


class PageRange(NamedTuple):
    """Some pages of an arena, from `first` on."""

    first: int
    length: int


def runs_of(bits: int) -> Iterator[PageRange]:
    """Yield the runs of set bits, lowest first."""
    at = 0
    while bits:
        zeros = (bits & -bits).bit_length() - 1
        bits >>= zeros
        ones = (~bits & (bits + 1)).bit_length() - 1
        yield PageRange(at + zeros, ones)
        at += zeros + ones
        bits >>= ones


def judge_pages(scene: JudgedImage) -> Iterator[Finding]:
    """Yield what does not hold of pages.

    Rules: I-12 I-13 I-17 I-37 HEAP-8 HEAP-9 VER-3.
    """
    image = scene.image
    size, total = image.page_size, image.pages_per_arena
    live = [
        span
        for span in image.spans
        if span.state in (scene.in_use, scene.manual)
        and 0 < span.npages <= M64 >> 14
        and not span.user_arena
    ]
    live.sort(key=lambda span: span.base)
    for below, span in pairwise(live):
        if span.base < below.base + below.npages * size:
            yield Finding(
                "I-37", f"overlaps the span {below.descriptor:#x} below it", span.descriptor
            )
    expected: dict[int, list[tuple[int, int, int]]] = {}
    starts: dict[int, int] = {}
    known = {arena.index for arena in image.arenas}
    for span in live:
        first = (span.base + image.arena_offset) & M64
        page, left = first // size, span.npages
        if page // total not in known or (page + left - 1) // total not in known:
            if not image.partial and known:
                yield Finding("I-13", "lies outside the arenas", span.descriptor)
            continue
        if span.state == scene.in_use:
            starts[page // total] = starts.get(page // total, 0) | 1 << page % total
        while left:
            number, at = divmod(page, total)
            count = min(left, total - at)
            expected.setdefault(number, []).append((at, count, span.descriptor))
            page, left = page + count, left - count
    if image.partial:
        return
    padded = False
    for arena in image.arenas:
        those = expected.get(arena.index, [])
        yield from span_map(scene, arena, those)
        yield from in_use_bits(scene, arena, starts.get(arena.index, 0))
        found, extra = allocated_bits(scene, arena, those, padded)
        padded = padded or extra
        yield from found


def span_map(
    scene: JudgedImage, arena: ArenaImage, expected: list[tuple[int, int, int]]
) -> Iterator[Finding]:
    """Yield the pages that do not lead to their span.

    Entries of free pages are left over from an earlier life, and lead to some descriptor.

    Rules: I-13 HEAP-8.
    """
    want: dict[int, int] = {}
    for first, count, descriptor in expected:
        want.update(dict.fromkeys(range(first, first + count), descriptor))
    have: dict[int, int] = {}
    for first, count, descriptor in arena.runs:
        have.update(dict.fromkeys(range(first, first + count), descriptor))
        if descriptor not in scene.by_descriptor:
            yield Finding(
                "I-13",
                f"page {first} of arena {arena.index} leads to {descriptor:#x}, which is no span",
            )
    told = set()
    for page, descriptor in want.items():
        seen = have.get(page, 0)
        if seen != descriptor and descriptor not in told:
            told.add(descriptor)
            yield Finding(
                "I-13", f"page {page} of arena {arena.index} leads to {seen:#x} instead", descriptor
            )


def address_of(scene: JudgedImage, arena: ArenaImage, page: int) -> int:
    """Return the address of a page of an arena."""
    image = scene.image
    number = arena.index * image.pages_per_arena + page
    return (number * image.page_size - image.arena_offset) & M64


def in_use_bits(scene: JudgedImage, arena: ArenaImage, want: int) -> Iterator[Finding]:
    """Yield the pages whose in-use bit disagrees with the spans that start there.

    Rules: I-17 HEAP-9.
    """
    if arena.in_use is None:
        return
    have = int.from_bytes(bytes.fromhex(arena.in_use), "little")
    for number, run in enumerate(runs_of(have ^ want)):
        if number < MOST_TOLD:
            started = "a" if want >> run.first & 1 else "no"
            place = f"page {run.first} of arena {arena.index}"
            yield Finding(
                "I-17",
                f"the in-use bit of {place} is "
                f"{have >> run.first & 1}, {started} span in use starts there",
                address=address_of(scene, arena, run.first),
                amount=run.length * scene.image.page_size,
            )


def owners_at(scene: JudgedImage, arena: ArenaImage, run: PageRange) -> list[SpanImage]:
    """Return the spans that have the first and the last page of a run."""
    pages = {run.first, run.first + run.length - 1}
    return [
        scene.by_descriptor[descriptor]
        for first, count, descriptor in arena.runs
        if descriptor in scene.by_descriptor and any(first <= p < first + count for p in pages)
    ]


def allocated_bits(
    scene: JudgedImage, arena: ArenaImage, expected: list[tuple[int, int, int]], padded: bool
) -> tuple[list[Finding], bool]:
    """Return where the page allocator disagrees with spans and page caches; and whether one run
    at a chunk's edge is taken without a span, which from Go 1.26 on happens once, on purpose.

    Rules: I-12 VER-3.
    """
    if arena.allocated is None:
        return [], False
    have = int.from_bytes(bytes.fromhex(arena.allocated), "little")
    want = 0
    found = []
    for first, count, _ in expected:
        want |= ((1 << count) - 1) << first
    image = scene.image
    for number, proc in enumerate(image.procs):
        if not proc.page_bits:
            continue
        index, place = image.page_of(proc.page_base)
        if index != arena.index:
            continue
        own = proc.page_bits << place
        if own & want:
            run = next(runs_of(own & want))
            those = owners_at(scene, arena, run)
            found.append(
                Finding(
                    "I-12",
                    f"page {run.first} of arena {arena.index} is in the page "
                    f"cache of P {number}, and has a span",
                    those[0].descriptor if those else 0,
                    proc=number,
                )
            )
        want |= own
    taken = list(runs_of(have & ~want))
    before = want & ((1 << taken[0].first) - 1) if taken else 0
    padding = (
        not padded
        and taken != []
        and not before
        and taken[0].first % CHUNK_PAGES == 0
        and taken[0].length < CHUNK_PAGES
    )
    if padding:
        del taken[0]
    # The Ps may have pages in their caches; where none is known, nobody can tell.
    for run in taken[:MOST_TOLD] if image.procs else ():
        found.append(
            Finding(
                "I-12",
                f"{run.length} pages from page {run.first} of arena {arena.index} on "
                "are allocated, and nobody has them",
                address=address_of(scene, arena, run.first),
                amount=run.length * image.page_size,
            )
        )
    for run in list(runs_of(want & ~have))[:MOST_TOLD]:
        those = owners_at(scene, arena, run)
        found.append(
            Finding(
                "I-12",
                f"{run.length} pages from page {run.first} of arena {arena.index} on "
                "are free for the page allocator, and somebody has them",
                those[0].descriptor if those else 0,
                address=address_of(scene, arena, run.first),
                amount=run.length * image.page_size,
            )
        )
    return found, padding
