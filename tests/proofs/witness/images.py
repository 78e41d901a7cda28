"""Images of heaps that were saved, and ways to change them."""

from pathlib import Path

import msgspec

from spanproof.witness.reading.image import Image, SpanImage, ThreadImage

HEAPS = Path(__file__).parent / "heaps"


SAVED = sorted(HEAPS.glob("*.json"))


def small(image: Image) -> SpanImage:
    """Return a small span that has room and is not cached."""
    cached = {one for proc in image.procs for one in proc.slots}
    return next(
        span
        for span in image.spans
        if span.state == 1
        and span.spanclass > 1
        and span.descriptor not in cached
        and 2 < span.alloc_count < span.nelems - 2
    )


def cached(image: Image) -> SpanImage:
    """Return a cached span that has room."""
    slots = {one for proc in image.procs for one in proc.slots}
    return next(
        span
        for span in image.spans
        if span.descriptor in slots and span.state == 1 and span.freeindex < span.nelems
    )


def alter(span: SpanImage, **fields: int) -> None:
    for name, value in fields.items():
        setattr(span, name, value)


def unlist(image: Image, descriptor: int) -> None:
    for entries in image.central:
        for those in entries.values():
            if descriptor in those:
                those.remove(descriptor)


def with_thread(image: Image, proc: int, frames: list[str], **fields: object) -> ThreadImage:
    """Add a thread that runs on a P, in some functions."""
    thread = ThreadImage(
        m=0x9990 + len(image.threads),
        thread=77,
        p=1,
        mallocing=1,
        locks=1,
        throwing=0,
        frames=[f"runtime.{name}" for name in frames],
    )
    thread = msgspec.structs.replace(thread, **fields)
    image.threads.append(thread)
    image.procs[proc].m = thread.m
    return thread


def owner(image: Image, span: SpanImage) -> int:
    return next(n for n, proc in enumerate(image.procs) if span.descriptor in proc.slots)
