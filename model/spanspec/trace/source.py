"""Reading a trace: plain or gzipped, from a file or standard input, with errors that say where.

Memory stays constant however long the trace or a line of it is.
"""

import gzip
import io
import re
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final, Self, cast

import msgspec

from spanspec.trace.schema import FORMAT_VERSION, KINDS, Event, Header

MAX_LINE: Final = 1 << 20
"""Longest line accepted, in bytes; the longest event of a real trace has a few hundred."""

_CHUNK: Final = 1 << 18
_GZIP_MAGIC: Final = b"\x1f\x8b"


class TraceError(Exception):
    """A trace cannot be read: `path`, `line` (the header is line 0), and what is wrong."""

    def __init__(self, path: str, line: int | None, problem: str) -> None:
        place = path if line is None else f"{path}:{line}"
        super().__init__(f"{place}: {problem}")
        self.path = path
        self.line = line
        self.problem = problem


class TraceSource:
    """A trace being read. Use as a context manager; iterate once for its events.

    `header` is there from the start; `line` is the place of the event last yielded in the total
    order (the first event is line 1), `raw` its text.
    """

    def __init__(self, path: str) -> None:
        self.path = "standard input" if path == "-" else path
        self.line = 0
        self.raw = b""
        self._decoder = msgspec.json.Decoder(Event)
        self._opened: list[BinaryIO] = []
        try:
            self._file = self._open(path)
            self._lines = self._split()
            self.header = self._read_header()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file, unless it is standard input."""
        for opened in self._opened:
            opened.close()

    def __iter__(self) -> Iterator[Event]:
        """Yield the events.

        Raises: TraceError at the first line that is not an event, and after the last event if
            there are fewer than the header promises.
        """
        decode = self._decoder.decode
        for raw in self._lines:
            self.line += 1
            self.raw = raw
            if self.line > self.header.events:
                promised = self.header.events
                raise self._error(f"the header promises {promised} events, but more follow")
            try:
                event = decode(raw)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
                raise self._error(self._explain(raw, problem)) from None
            yield event
        if self.line < self.header.events:
            raise TraceError(
                self.path,
                self.line,
                f"the trace is cut short: its header promises {self.header.events} events, "
                f"it has {self.line}; record it again, or correct the header",
            )

    def _open(self, path: str) -> BinaryIO:
        try:
            raw = sys.stdin.buffer if path == "-" else self._owned(Path(path).open("rb"))  # noqa: SIM115
            buffered = raw if isinstance(raw, io.BufferedReader) else io.BytesIO(raw.read())
            start = buffered.read(2) if isinstance(buffered, io.BytesIO) else buffered.peek(2)
        except IsADirectoryError:
            raise TraceError(path, None, "is a directory; name a .jsonl file") from None
        except OSError as problem:
            raise TraceError(path, None, f"cannot be read: {problem.strerror}") from None
        if isinstance(buffered, io.BytesIO):
            buffered.seek(0)
        if start[:2] == _GZIP_MAGIC:
            return self._owned(cast(BinaryIO, gzip.GzipFile(fileobj=buffered)))
        return buffered

    def _owned(self, opened: BinaryIO) -> BinaryIO:
        """Note a file that is to be closed with the source."""
        self._opened.insert(0, opened)
        return opened

    def _split(self) -> Iterator[bytes]:
        """Yield lines without their ends; the last one may lack its newline."""
        rest = b""
        while True:
            try:
                chunk = self._file.read(_CHUNK)
            except EOFError:
                raise self._next_error("the gzip data is cut short; copy the file again") from None
            except (gzip.BadGzipFile, zlib.error) as problem:
                raise self._next_error(f"the gzip data is damaged: {problem}") from None
            except OSError as problem:
                raise self._next_error(f"cannot be read: {problem.strerror}") from None
            if not chunk:
                break
            first, newline, remainder = chunk.partition(b"\n")
            rest += first
            if len(rest) > MAX_LINE:
                raise self._next_error(f"the line is longer than {MAX_LINE} bytes")
            if newline:
                yield rest
                *whole, rest = remainder.split(b"\n")
                yield from whole
        if rest:
            yield rest

    def _read_header(self) -> Header:
        raw = next(self._lines, None)
        if raw is None:
            raise TraceError(self.path, None, "is empty; a trace starts with a header line")
        try:
            loose = msgspec.json.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise self._error("the first line is not JSON; a trace starts with a header") from None
        if not isinstance(loose, dict) or loose.get("k") != "header":
            raise self._error('the first line is not a header: its key "k" must be "header"')
        if loose.get("format") != FORMAT_VERSION:
            found = loose.get("format")
            raise self._error(f"format version {found!r}; this reader knows {FORMAT_VERSION}")
        try:
            header = msgspec.convert(loose, Header)
        except msgspec.ValidationError as problem:
            raise self._error(f"header: {_in_words(str(problem))}") from None
        classes = header.num_size_classes
        if not len(header.class_size) == len(header.class_pages) == classes:
            raise self._error(f"header: class_size and class_pages must have {classes} entries")
        return header

    def _explain(self, raw: bytes, problem: Exception) -> str:
        if not raw.strip():
            return "a blank line"
        try:
            loose = msgspec.json.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return "not JSON; every line is one JSON object"
        if not isinstance(loose, dict):
            return "not a JSON object"
        kind = loose.get("k")
        if kind is None:
            return 'lacks the key "k", the kind of event'
        if kind == "header":
            return "a second header"
        if not isinstance(kind, str) or kind not in KINDS:
            return f"unknown kind of event {kind!r}"
        return f"event {kind!r}: {_in_words(str(problem))}"

    def _error(self, problem: str) -> TraceError:
        return TraceError(self.path, self.line, problem)

    def _next_error(self, problem: str) -> TraceError:
        return TraceError(self.path, self.line + 1, problem)


def _in_words(problem: str) -> str:
    """Turn a validation message into words of the format."""
    missing = re.fullmatch(r"Object missing required field `(\w+)`.*", problem)
    if missing:
        return f"lacks the key {missing[1]!r}"
    unknown = re.fullmatch(r"Object contains unknown field `(\w+)`.*", problem)
    if unknown:
        return f"has the unknown key {unknown[1]!r}"
    place = re.fullmatch(r"(.*) - at `\$\.(\w+)(.*)`", problem)
    if place:
        return f"key {place[2]!r}: {place[1][0].lower()}{place[1][1:]}"
    return problem
