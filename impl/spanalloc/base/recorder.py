"""The trace recorder: writes down what the allocator does, in the trace format, version 1.

Every event is appended under one lock, so their order is the order of one counter, and events of
a locked section are in the order of that lock.
"""

import gzip
import json
import os
from pathlib import Path
from typing import Final

from librt.threading import Lock
from mypy_extensions import i64, mypyc_attr

from spanalloc.base.pagesizes import ARENA_BYTES, PAGE, PAGE_SHIFT, PageSizes
from spanalloc.base.sizeclass import CLASS_PAGES, CLASS_SIZES, NUM_SIZE_CLASSES

FIRST_PAGE: Final = 0xC000000000
"""Address of page 0: the first arena hint (AR-1)."""

EXACT: Final = -1
"""A lower bound `lo` that says: the step happened where its line stands."""


@mypyc_attr(allow_interpreted_subclasses=True)
class Recorder:
    """The events of one heap, in memory until they are saved.

    Each is a dict as it will be written; its line number is its place, counted from 1. A subclass
    may do something else with an event; it is called in the middle of operations, and what it
    raises there breaks the heap.
    """

    def __init__(self) -> None:
        self.events: list[dict[str, object]] = []
        self.sizes = PageSizes()
        self.procs = 1
        self._lock = Lock()

    def event(self, kind: str, p: i64, t: i64, fields: dict[str, object]) -> None:
        """Append an event of a P and a thread; `fields` are its further keys."""
        record: dict[str, object] = {"k": kind, "p": p}
        if kind not in ("m", "t"):
            record["t"] = t
        record.update(fields)
        self._lock.acquire()
        try:
            if record.get("lo") == EXACT:
                record["lo"] = len(self.events) + 1
            self.events.append(record)
        finally:
            self._lock.release()

    def now(self) -> int:
        """Return the number that the next line will have, if nobody else comes first."""
        return len(self.events) + 1

    def header(self, program: str) -> dict[str, object]:
        """Return the header of a trace of all events so far: its runtime is the one followed."""
        return {
            "k": "header",
            "format": 1,
            "go": "go1.13.15",
            "arch": "linux/amd64",
            "page": PAGE,
            "ptr": 8,
            "phys": int(self.sizes.physical),
            "hugephys": int(self.sizes.huge),
            "arena": ARENA_BYTES,
            "ncls": NUM_SIZE_CLASSES,
            "class_size": list(CLASS_SIZES),
            "class_pages": list(CLASS_PAGES),
            "ncpu": self.procs,
            "gomaxprocs": self.procs,
            "a0": hex(FIRST_PAGE),
            "program": program,
            "events": len(self.events),
            "ends": "process end",
        }

    def save(self, path: Path, program: str = "spanalloc") -> None:
        """Write the trace; compressed if the name ends in .gz.

        Raises: OSError if that is not possible; a file that was there is as it was then.
        """
        lines = [json.dumps(record) for record in (self.header(program), *self.events)]
        text = ("\n".join(lines) + "\n").encode()
        content = gzip.compress(text) if path.suffix == ".gz" else text
        place = path.resolve()
        if place.exists() and not place.is_file():  # a terminal, or a pipe
            place.write_bytes(content)
            return
        beside = place.with_name(f".{place.name}.{os.getpid()}")
        try:
            beside.write_bytes(content)
            beside.replace(place)
        except BaseException:
            beside.unlink(missing_ok=True)
            raise


def page_number(address: i64) -> int:
    """Return the number of the page at an address, as traces count them."""
    return (address - FIRST_PAGE) >> PAGE_SHIFT
