"""The page sizes of the machine, and what of a run of bytes they cover (HEAP-10 to HEAP-12)."""

from typing import Final, final

from mypy_extensions import i64

from spanalloc.base.errors import BadRequest

PAGE_SHIFT: Final = 13
PAGE: Final = 8192
PAGE_MASK: Final = 8191
ARENA_SHIFT: Final = 26
ARENA_BYTES: Final = 1 << 26
ARENA_PAGES: Final = 8192


def round_down(value: i64, unit: i64) -> i64:
    """Return the largest multiple of `unit`, a power of two, that is at most `value`."""
    return value & ~(unit - 1)


def round_up(value: i64, unit: i64) -> i64:
    """Return the smallest multiple of `unit`, a power of two, that is at least `value`."""
    return (value + unit - 1) & ~(unit - 1)


def cut_address(start: i64, end: i64, wanted: i64, page: i64, huge: i64) -> i64:
    """Return where whole pages from `start` to `end` are cut so that the upper part has `wanted`.

    0 stands for all of it. The cut is at a multiple of `page`, and lower still, at a huge page, if
    that lies in the run: a huge page is not broken up (SCAV-9, SCAV-10).
    """
    if end - start <= wanted:
        return 0
    at = round_down(end - wanted, page)
    if at <= start:
        return 0
    if huge > PAGE and round_down(at, huge) >= start:
        at = round_down(at, huge)
    return 0 if at == start else at


@final
class PageSizes:
    """Bytes of a physical page, and of a transparent huge page or 0 without them (CONST-3).

    Raises: BadRequest unless both are powers of two, the first at least 4096 (T-4 to T-6).
    """

    def __init__(self, physical: int = 4096, huge: int = 2 << 20) -> None:
        if physical < 4096 or physical & (physical - 1) != 0 or physical > ARENA_BYTES:
            raise BadRequest(f"a physical page of {physical} bytes: no power of two from 4096 on")
        if huge < 0 or huge & (huge - 1) != 0 or huge > ARENA_BYTES:
            raise BadRequest(f"a huge page of {huge} bytes: neither 0 nor a power of two")
        self.physical: i64 = physical
        self.huge: i64 = huge

    def whole_start(self, base: i64) -> i64:
        """Return where the physical pages inside a run of pages begin (HEAP-10)."""
        return round_up(base, self.physical) if self.physical > PAGE else base

    def whole_end(self, end: i64) -> i64:
        """Return where they end; this may be below their start."""
        return round_down(end, self.physical) if self.physical > PAGE else end

    def huge_pages(self, base: i64, npages: i64) -> i64:
        """Return the number of whole huge pages in a run of pages (HEAP-12)."""
        if self.huge == 0 or npages < self.huge >> PAGE_SHIFT:
            return 0
        start = round_up(base, self.huge)
        end = round_down(base + (npages << PAGE_SHIFT), self.huge)
        return (end - start) // self.huge if end > start else 0
