"""The probe: a live Go program under script, each operation held against the model.

The program waits in a read between two operations and has one P, so its memory can be read as it
is, without stopping it. What is read makes the events of a recording (schema 1).
"""

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

from spanproof.support.processes.children import with_parent
from spanproof.witness.errors import Unreadable, WitnessError
from spanproof.witness.judging.finding import Finding, FindingVerdict
from spanproof.witness.program.executable import read_executable
from spanproof.witness.program.layout import read_layout
from spanproof.witness.program.process import LiveMemory, entry_of, stopped
from spanproof.witness.reading.central import Central
from spanproof.witness.reading.image import ProcImage, SpanImage
from spanproof.witness.reading.learning import learn
from spanproof.witness.reading.procs import read_procs
from spanproof.witness.reading.reader import Reader
from spanproof.witness.reading.reading import read_image
from spanproof.witness.reading.source import image_of, placed, slide_of
from spanproof.witness.reading.spans import descriptors, read_bits, span_decoder
from spanproof.witness.recording.check import Recording
from spanproof.witness.recording.known import StepDiverged
from spanproof.witness.recording.recordings import Event
from spanproof.witness.report import judged as judged_heap
from spanspec.base.constants import TINY_SIZE
from spanspec.span.profile import class_for, smallest_large

BETWEEN: Final = 1000
"""Operations between two looks at the whole heap."""

PATIENCE: Final = 500
SETTLING: Final = 0.003
"""Seconds between two looks at a heap that comes to rest, and how many looks."""


class Probe:
    """A running probe, and what its memory says."""

    def __init__(self, program: Path, process: subprocess.Popen[bytes], memory: LiveMemory) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._in: IO[bytes] = process.stdin
        self._out: IO[bytes] = process.stdout
        self._memory = memory
        executable = read_executable(program)
        layout = read_layout(executable)
        slide = slide_of(executable, entry_of(process.pid))
        self._pid = process.pid
        self._program = place = placed(executable, layout, slide, memory, frozenset())
        self._layout = place.layout
        self._size, self._decode = span_decoder(layout)
        self._reader = Reader(memory, layout, place.addresses)
        self._central = Central(self._reader)
        self._owed = 0
        self._answer()
        self._forget()
        self.image = read_image(memory, layout, place.addresses, "the probe")
        self.profile, _ = learn(self.image)

    def _forget(self) -> None:
        self._memory.chunks.clear()
        self._memory.holes.clear()

    def _answer(self) -> int:
        line = self._out.readline()
        if not line:
            raise WitnessError("the probe ended by itself")
        return int(line)

    def _tell(self, text: str) -> None:
        """Have an operation done before the next one that is waited for."""
        self._in.write(f"{text}\n".encode())
        self._owed += 1

    def _do(self, text: str) -> int:
        """Have an operation done, and return what it says."""
        self._tell(text)
        self._in.flush()
        while self._owed:
            answer = self._answer()
            self._owed -= 1
        self._forget()
        return answer

    # --- what memory says -------------------------------------------------------------------------

    def _span(self, descriptor: int) -> SpanImage:
        return self._with_bits(self._decode(descriptor, self._memory.read(descriptor, self._size)))

    def _with_bits(self, span: SpanImage) -> SpanImage:
        span.alloc_bits = read_bits(self._memory, span.alloc_bits_at, span.nelems)
        span.mark_bits = read_bits(self._memory, span.mark_bits_at, span.nelems)
        return span

    def _sweepgen(self) -> int:
        return self._reader.heap_value("sweepgen") or 0

    def _proc(self) -> ProcImage:
        return read_procs(self._reader)[0]

    def _event_of(self, span: SpanImage, bits: bool) -> Event:
        size = (span.nelems + 7) // 8
        event: Event = {
            "b": span.base, "np": span.npages, "spc": span.spanclass, "es": span.elemsize,
            "ne": span.nelems, "fi": span.freeindex, "ac": span.alloc_count, "sg": span.sweepgen,
            "st": span.state, "nz": span.needzero, "cache": f"{span.alloc_cache:016x}",
        }  # fmt: skip
        if "freeIndexForScan" in self.image.present:
            event["fs"] = span.scan_index
        if bits:
            mask = (1 << 8 * size) - 1
            event["ab"] = (span.alloc_bits & mask).to_bytes(size, "little").hex()
            event["gm"] = (span.mark_bits & mask).to_bytes(size, "little").hex()
        return event

    def header(self) -> Event:
        """Return the header of a recording."""
        profile = self.profile
        return {
            "e": "hdr", "schema": 1, "go": self.image.go, "goos": "linux", "goarch": "amd64",
            "gomaxprocs": 1, "spanclasses": 2 * len(profile.class_to_size),
            "calib": {
                "off_scan520": 8 if profile.heap_bits_in_span else 0,
                "noscan32768_large": int(profile.heap_bits_in_span),
                "nelems_scan8": 1008 if profile.heap_bits_in_span else 1024,
                "nelems_noscan16": 504 if profile.inline_marks else 512,
            },
            "classes": [list(row) for row in zip(
                range(len(profile.class_to_size)), profile.class_to_size, profile.class_to_pages,
                strict=True)],
        }  # fmt: skip

    def _dump(self, why: str, spanclass: int | None, number: int) -> Event:
        """Return a dump of the spans of one class, or of all."""
        proc = self._proc()
        listed, _ = descriptors(self._reader)
        by_descriptor: dict[int, int] = {}
        spans = []
        place, in_use = self._layout.need("mspan", "spanclass"), self.image.states["mSpanInUse"]
        for descriptor in listed:
            data = self._memory.read(descriptor, self._size)
            if spanclass is not None and data[place.offset] != spanclass:
                continue
            span = self._decode(descriptor, data)
            by_descriptor[descriptor] = span.base
            if span.state == in_use:
                self._with_bits(span)
                spans.append(self._event_of(span, True))
        classes = self._central.classes if spanclass is None else (spanclass,)
        central = {c: self._central.entries(c) for c in classes}
        short = {"partial0": "p0", "partial1": "p1", "full0": "f0", "full1": "f1"}
        event: Event = {
            "e": "ckpt", "why": why, "n": number, "hsg": self._sweepgen(), "gcphase": 0,
            "cached": {str(c): by_descriptor.get(proc.slots[c], 0) for c in classes},
            "central": {
                str(c): {short.get(name, name): [by_descriptor.get(one, 0) for one in those]
                         for name, those in central[c].items()}
                for c in classes
            },
            "spans": spans,
        }  # fmt: skip
        if spanclass is not None:
            event["spc"] = spanclass
        return event

    def _quiet_dump(self, number: int) -> Event:
        """Return a dump of all spans, once background goroutines have ended what a cycle began.

        Raises: WitnessError if they do not.
        """
        before = None
        for _ in range(PATIENCE):
            self._forget()
            dump = self._dump("script-all", None, number)
            if dump == before:
                return dump
            before = dump
            time.sleep(SETTLING)
        raise WitnessError("the probe does not come to rest after a cycle")

    def _holding(self, address: int) -> SpanImage:
        """Return the span in use that holds an address, by the span map."""
        table, spans = self._layout.need("mheap", "arenas"), self._layout.need("heapArena", "spans")
        arena, place = self.image.page_of(address)
        first = self._memory.number(self._reader.heap + table.offset)
        at = self._memory.number(first + 8 * arena)
        return self._span(self._memory.number(at + spans.offset + 8 * place))

    def heap(self) -> list[Finding]:
        """Return what does not hold of the whole heap, while the program stands still.

        Raises: WitnessError if it cannot be stopped.
        """
        with stopped(self._pid) as frozen:
            image = image_of(frozen.memory, self._program, frozen.registers, "the probe")
        return judged_heap(image, self.profile)

    # --- operations -------------------------------------------------------------------------------

    def run(self, operation: str, number: int) -> Iterator[Event]:
        """Do an operation; yield its events, numbered from `number` on.

        Raises: WitnessError if the probe ends, or its memory cannot be read.
        """
        self._forget()
        try:
            match operation.split():
                case ["a", name, size, kind]:
                    yield from self._allocate(operation, int(name), int(size), kind == "n", number)
                case ["d", name]:
                    self._tell(operation)  # nothing that is read changes by it
                    yield {"e": "drop", "n": number, "id": int(name)}
                case _:
                    before = self._sweepgen()
                    self._do("g")
                    after = self._sweepgen()
                    yield {"e": "gc", "n": number, "hsg0": before, "hsg1": after, "dumps": 0}
                    yield self._quiet_dump(number)
        except Unreadable as problem:
            raise WitnessError(f"the probe cannot be read: {problem}") from None

    def _allocate(
        self, operation: str, name: int, size: int, noscan: bool, number: int
    ) -> Iterator[Event]:
        profile = self.profile
        event: Event = {"e": "alloc", "n": number, "id": name, "size": size,
                        "noscan": int(noscan), "hsg": self._sweepgen()}  # fmt: skip
        if size >= smallest_large(profile):
            event["addr"] = self._do(operation)
            event["large"] = 1
            event["post"] = self._event_of(self._holding(event["addr"]), False)
            yield event
            return
        tiny = size < TINY_SIZE and noscan
        spanclass = 5 if tiny else class_for(profile, size, noscan)
        proc = self._proc()
        if tiny:
            event["tiny"], event["tinyoff"] = proc.tiny, proc.tiny_offset
        cached = proc.slots[spanclass]
        span = None if cached == self.image.empty_span else self._span(cached)
        event["spc"] = spanclass
        event["pre"] = "empty" if span is None else self._event_of(span, True)
        if span is None or span.alloc_count == span.nelems:
            yield self._dump("refill", spanclass, number - 1)
        event["addr"] = self._do(operation)
        proc = self._proc()
        if tiny:
            event["tiny2"], event["tinyoff2"] = proc.tiny, proc.tiny_offset
        after = self._span(proc.slots[spanclass])
        if not after.base <= event["addr"] < after.base + after.npages * self.image.page_size:
            after = self._holding(event["addr"])
        event["post"] = self._event_of(after, False)
        yield event


@contextmanager
def probing(program: Path) -> Iterator[Probe]:
    """Run a probe; it is ended in any case.

    Raises: WitnessError if it cannot be read.
    """
    process = subprocess.Popen(
        [str(program)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        preexec_fn=with_parent(),
    )
    try:
        memory = LiveMemory(process.pid)
        try:
            yield Probe(program, process, memory)
        finally:
            memory.close()
    except PermissionError:
        raise WitnessError("the probe may not be read: the system forbids it") from None
    except BrokenPipeError:
        raise WitnessError("the probe ended by itself") from None
    finally:
        process.kill()
        process.communicate()


def judged(probe: Probe, script: Iterator[str], recording: Recording) -> Iterator[Event]:
    """Run a script; hold each event against the model, and yield it.

    After each cycle, and now and then between, the whole heap is judged, too.

    Raises: StepDiverged at the first that does not agree.
    """
    for turn, operation in enumerate(script):
        for event in probe.run(operation, recording.number + 1):
            yield event
            recording.take(event)
        if operation == "g" or turn % BETWEEN == BETWEEN - 1:
            recording.heaps += 1
            for finding in probe.heap():
                if finding.verdict is FindingVerdict.DAMAGE:
                    raise StepDiverged(
                        finding.rule, finding.what, "what the rule says", finding.why
                    )
