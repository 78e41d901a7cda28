"""Checking a real trace, against reading it: what the model itself costs."""

import gzip
import time
import zlib
from pathlib import Path
from typing import Final

import msgspec

from spanbench.measuring.child import Figures, in_child
from spanbench.measuring.figure import Goal, Measured, SamplePair, Settings, figure
from spanbench.measuring.pairing import in_turns
from spanproof.replay.check import check_trace
from spanproof.replay.format.reader import TraceReader
from spanproof.replay.format.schema import Event
from spanproof.support.files.traces import bundled_traces

TRACE: Final = "real-compile-gotypes-p1"
"""The compiler at work on a package, on one P: 150,000 of its million events are bundled."""

SEVERAL: Final = "medium-race-p4"
"""A program that allocates on four Ps at once, most of whose events are no allocations."""

MEMORY: Final = 150e6
"""Bytes that a check may have resident."""

BLOCK: Final = 1 << 16

ROUNDS: Final = 5


def trace_for(settings: Settings, name: str = TRACE) -> Path:
    """Return the trace to check: the one given, or the one of a name that is bundled."""
    if settings.trace is not None:
        return settings.trace
    return next(path for path in bundled_traces() if path.name.startswith(name))


def check(path: str) -> Figures:
    """Check a trace; return the seconds, and the number of events."""
    started = time.process_time()
    with TraceReader(path) as source:
        report = check_trace(source)
    spent = time.process_time() - started
    if not report.holds:
        raise RuntimeError(f"{path} does not check")
    return {"seconds": spent, "events": report.tally.events}


def decode_lines(path: str) -> Figures:
    """Gunzip a trace and decode each line; return the seconds, and the number of events."""
    decoder, events = msgspec.json.Decoder(Event), 0
    started = time.process_time()
    with gzip.open(path) as file:
        next(file)
        for line in file:
            decoder.decode(line)
            events += 1
    return {"seconds": time.process_time() - started, "events": events}


def decode_to_dicts(path: str) -> Figures:
    """Gunzip a trace and decode each line without its schema; return the same."""
    events = 0
    started = time.process_time()
    with gzip.open(path) as file:
        next(file)
        for line in file:
            msgspec.json.decode(line)
            events += 1
    return {"seconds": time.process_time() - started, "events": events}


def decode_blocks(path: str) -> Figures:
    """Gunzip a trace and decode blocks of lines, which is the fastest way; return the same."""
    decoder, inflate = msgspec.json.Decoder(Event), zlib.decompressobj(16 + zlib.MAX_WBITS)
    started = time.process_time()
    with Path(path).open("rb") as file:
        rest = inflate.decompress(file.read(BLOCK)).partition(b"\n")[2]
        events = 0
        while block := file.read(BLOCK):
            lines, _, tail = (rest + inflate.decompress(block)).rpartition(b"\n")
            events += len(decoder.decode_lines(lines))
            rest = tail
        events += len(decoder.decode_lines(rest))
    return {"seconds": time.process_time() - started, "events": events}


def against(reading: str, settings: Settings, name: str = TRACE) -> Measured:
    """Measure checks against readings of the same trace, each in a process of its own."""
    path = str(trace_for(settings, name))
    events = 0.0

    def checking() -> float:
        nonlocal events
        done = in_child(f"{__name__}:check", path)
        events = done["events"]
        return done["seconds"]

    pairs = in_turns(
        checking,
        lambda: in_child(f"{__name__}:{reading}", path)["seconds"],
        1 if settings.quick else ROUNDS,
        warm_up=False,
    )
    return Measured(pairs, note=f"{events:.0f} events of {described(settings, name)}")


def described(settings: Settings, name: str = TRACE) -> str:
    """Return which trace is measured: several Ps, and short traces, take longer for each event."""
    path = trace_for(settings, name)
    with TraceReader(path) as source:
        procs = source.header.gomaxprocs
    bundled = "" if settings.trace is not None else "; name a recording of yours to measure that"
    return f"{path.name}, {procs} {'P' if procs == 1 else 'Ps'}{bundled}"


@figure(
    "check.time",
    "spanspec check of a real trace",
    "gunzip and msgspec decoding alone, line by line",
    goal=Goal("at most", 4),
)
def time_by_lines(settings: Settings) -> Measured:
    """Measure a check against decoding each line by itself, into the schema's records."""
    return against("decode_lines", settings)


@figure(
    "check.time-p4",
    "spanspec check of a real trace of four Ps, unless another one is named",
    "gunzip and msgspec decoding alone, line by line",
    goal=Goal("at most", 4),
)
def time_on_several(settings: Settings) -> Measured:
    """Measure the same where threads race, and most events are the allocator's own."""
    return against("decode_lines", settings, SEVERAL)


@figure(
    "check.time-dicts",
    "spanspec check of a real trace of four Ps, unless another one is named",
    "gunzip and msgspec decoding alone, line by line, into dicts",
)
def time_by_dicts(settings: Settings) -> Measured:
    """Measure that against decoding each line into what a reader without a schema gets."""
    return against("decode_to_dicts", settings, SEVERAL)


@figure(
    "check.time-blocks",
    "spanspec check of a real trace",
    "gunzip and msgspec decoding alone, in blocks of lines, as the reader does it",
)
def time_by_blocks(settings: Settings) -> Measured:
    """Measure a check against the fastest reading there is, which it contains."""
    return against("decode_blocks", settings)


@figure(
    "check.memory",
    "most memory that spanspec check of a real trace has resident",
    "150 MB",
    goal=Goal("at most", 1),
)
def memory(settings: Settings) -> Measured:
    """Measure the peak of a check in a process of its own."""
    done = in_child(f"{__name__}:check", str(trace_for(settings)))
    pair = SamplePair(done["peak"] / 1e6, MEMORY / 1e6)
    return Measured(
        (pair,), unit="MB", note=f"{done['events']:.0f} events of {described(settings)}"
    )
