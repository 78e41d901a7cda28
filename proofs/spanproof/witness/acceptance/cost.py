"""What it costs to read and check a large heap."""

import resource
import time
from pathlib import Path
from typing import Final

import msgspec

from spanproof.witness.acceptance.programs import running
from spanproof.witness.reading.source import Attached
from spanproof.witness.report import reported

MOST_SECONDS: Final = 3.0
MOST_BYTES: Final = 500 << 20


class Cost(msgspec.Struct):
    """Spans, seconds of reading and of checking (of the clock, and of the processor), memory."""

    go: str
    spans: int
    read: float
    checked: float
    processor: float
    memory: int
    stood_still: float
    findings: int

    @property
    def holds(self) -> bool:
        """Whether it was fast and small enough, by the processor's seconds."""
        return self.processor < MOST_SECONDS and self.memory < MOST_BYTES and not self.findings

    def line(self) -> str:
        """Return the figures in a line."""
        return (
            f"{self.go}: {self.spans} spans read in {self.read:.2f} s and checked in "
            f"{self.checked:.2f} s ({self.processor:.2f} s of the processor), "
            f"{self.memory >> 20} MiB, stood still for {1000 * self.stood_still:.0f} ms, "
            f"{self.findings} findings"
        )


def measured(program: Path, go: str, spans: int) -> Cost:
    """Measure what one stop of a heap with many spans costs, after a first.

    Raises: WitnessError if it cannot be read.
    """
    with running(program, "still", spans) as process:
        attached = Attached(process.pid, None, None)
        attached.rehearse()
        started, used = time.perf_counter(), time.process_time()
        stop = attached.take()
        between = time.perf_counter()
        report = reported(stop.image)
        ended = time.perf_counter()
        spent = time.process_time() - used
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10
    number = len(report.image.spans)
    return Cost(go, number, between - started, ended - between, spent, memory, stop.stood_still,
                len(report.findings))  # fmt: skip
