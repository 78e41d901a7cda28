"""Images as files: as small as what they show, and without the addresses of a program's data."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

import msgspec

from spanproof.support.files import savedfile
from spanproof.witness.errors import WitnessError
from spanproof.witness.judging.finding import Finding, JudgedImage
from spanproof.witness.judging.operations import at_pages, innermost
from spanproof.witness.reading.image import KIND, Image, ThreadImage
from spanspec.base.words import M64
from spanspec.span.profile import Profile

NEIGHBOURS: Final = 2
"""Spans below and above a span that are kept with it."""

LIKE_IT: Final = 3
"""Spans of the same class that are kept with it."""

LEFT_OUT: Final = "sums, and the pages of all spans: only what findings are about was kept"
"""What a part of an image says of itself."""


class Snapshot(msgspec.Struct):
    """A saved image, with the profile that was learnt from all of it."""

    kind: str
    image: Image
    profile: Profile


def save(image: Image, profile: Profile, path: Path) -> Path:
    """Write an image, whole or not at all; return its path.

    Raises: OSError.
    """
    return savedfile.write_bytes(msgspec.json.encode(Snapshot(KIND, image, profile)) + b"\n", path)


def load(path: Path) -> Snapshot:
    """Read a saved image.

    Raises: WitnessError if there is none in it.
    """
    found = savedfile.read(path, Snapshot, "no saved heap", WitnessError)
    if found.kind != KIND:
        raise WitnessError(f"{path}: a file of the kind {found.kind!r}, no saved heap")
    check(path, found)
    return found


def check(path: Path, snapshot: Snapshot) -> None:
    """Require what the judges rely on.

    Raises: WitnessError.
    """
    image = snapshot.image
    numbers = [image.page_size, image.pages_per_arena]
    if not all(0 < number <= 1 << 24 for number in numbers):
        raise WitnessError(f"{path}: a saved heap whose pages have no size")
    for arena in image.arenas:
        for text in (arena.in_use, arena.allocated):
            try:
                bytes.fromhex(text or "")
            except ValueError:
                raise WitnessError(f"{path}: arena {arena.index} has no bits") from None
        if any(
            not 0 <= first <= first + count <= image.pages_per_arena
            for first, count, _ in arena.runs
        ):
            raise WitnessError(f"{path}: arena {arena.index} has more pages than an arena")
    least = min(
        (
            value
            for span in image.spans
            for value in (span.alloc_bits, span.mark_bits, span.npages, span.nelems, span.freeindex)
        ),
        default=0,
    )
    if least < 0:
        raise WitnessError(f"{path}: a saved heap with negative numbers")
    if len(snapshot.profile.class_to_size) != len(snapshot.profile.class_to_pages):
        raise WitnessError(f"{path}: a saved heap with half a table of classes")


def concerned(image: Image, profile: Profile, findings: Iterable[Finding]) -> Image:
    """Return the part of an image that its findings are about, with what surrounds it.

    An image without findings stays whole. Sums, and what is judged of all pages, cannot be judged
    anew of a part.
    """
    named = {finding.descriptor for finding in findings if finding.descriptor}
    if not named:
        return image
    scene = JudgedImage(image, profile)
    ordered = sorted(image.spans, key=lambda span: span.base)
    keep = set(named)
    for place, span in enumerate(ordered):
        if span.descriptor in named:
            around = ordered[max(0, place - NEIGHBOURS) : place + NEIGHBOURS + 1]
            keep |= {one.descriptor for one in around}
    for descriptor in named & scene.by_descriptor.keys():
        spanclass = scene.by_descriptor[descriptor].spanclass
        alike = [span.descriptor for span in scene.used if span.spanclass == spanclass]
        keep |= set(alike[:LIKE_IT])
    keep |= scene.cached.keys()
    return msgspec.structs.replace(
        image,
        partial=True,
        unknown=[*image.unknown, LEFT_OUT],
        spans=[span for span in image.spans if span.descriptor in keep],
        central=[
            {name: [one for one in those if one in keep] for name, those in entries.items()}
            for entries in image.central
        ],
        arenas=[],
        specials={key: those for key, those in image.specials.items() if key in keep},
        threads=[
            msgspec.structs.replace(
                thread,
                near={key: at for key, at in thread.near.items() if key in keep},
                pages=at_hand(thread),
            )
            for thread in image.threads
        ],
    )


def at_hand(thread: ThreadImage) -> list[int]:
    """Return the pages that a thread has at hand at the page heap: all others are the program's."""
    return thread.pages if innermost(thread, at_pages()) else []


def redacted(image: Image) -> Image:
    """Return an image without the addresses of the program: its heap begins at arena 1, and its
    descriptors are numbered. What does not hold stays so.
    """
    unit = image.page_size * image.pages_per_arena
    bases = [span.base for span in image.spans if span.base]
    lowest = min(
        (arena.index for arena in image.arenas),
        default=min(((base + image.arena_offset) & M64 for base in bases), default=0) // unit,
    )
    moved = _shifted(image.arena_offset - (lowest - 1) * unit)
    number = _numbered(0x1000, 0x100)
    record = _numbered(0x10, 0x10)
    chunk = _numbered(1 << 40, 1 << 16)

    def bits(at: int) -> int:
        return chunk(at >> 16) | (at & 0xFFFF)

    for those in image.bit_arenas.values():
        for at in those:
            bits(at)
    spans = [
        msgspec.structs.replace(
            span,
            descriptor=number(span.descriptor),
            base=moved(span.base),
            limit=moved(span.limit),
            alloc_bits_at=bits(span.alloc_bits_at),
            mark_bits_at=bits(span.mark_bits_at),
            specials_at=record(span.specials_at),
            manual_free_list=record(span.manual_free_list),
            list_next=number(span.list_next),
            list_owner=record(span.list_owner),
        )
        for span in sorted(image.spans, key=lambda span: span.descriptor)
    ]
    return msgspec.structs.replace(
        image,
        source=image.source.split()[0],
        empty_span=number(image.empty_span),
        spans=spans,
        procs=[
            msgspec.structs.replace(
                proc,
                m=record(proc.m),
                mcache=record(proc.mcache),
                slots=[number(one) for one in proc.slots],
                tiny=moved(proc.tiny),
                page_base=moved(proc.page_base),
                spare=[number(one) for one in proc.spare],
            )
            for proc in image.procs
        ],
        threads=[
            msgspec.structs.replace(
                thread,
                m=record(thread.m),
                p=record(thread.p),
                near={number(one): at for one, at in thread.near.items()},
                pages=[moved(one) for one in at_hand(thread)],
            )
            for thread in image.threads
        ],
        central=[
            {name: [number(one) for one in those] for name, those in entries.items()}
            for entries in image.central
        ],
        arenas=[
            msgspec.structs.replace(
                arena,
                index=arena.index - lowest + 1,
                runs=[(first, count, number(one)) for first, count, one in arena.runs],
            )
            for arena in image.arenas
        ],
        arena_offset=0,
        bit_arenas={age: [bits(at) for at in those] for age, those in image.bit_arenas.items()},
        specials={number(key): those for key, those in image.specials.items()},
        broken=[
            msgspec.structs.replace(
                one, what=one.what.split(" (at ")[0], descriptor=number(one.descriptor)
            )
            for one in image.broken
        ],
    )


def _shifted(shift: int) -> Callable[[int], int]:
    """Return a function that moves each address but 0."""

    def moved(address: int) -> int:
        return (address + shift) & M64 if address else 0

    return moved


def _numbered(first: int, step: int) -> Callable[[int], int]:
    """Return a function that gives each address a number, in the order of asking; 0 stays 0."""
    known: dict[int, int] = {}

    def number(address: int) -> int:
        if not address:
            return 0
        return known.setdefault(address, first + step * len(known))

    return number
