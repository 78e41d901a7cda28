"""The trace reader: a stream of checked events from a file or standard input.

Bad input of any sort ends in one `TraceError` that says where and what; see docs/trace-format.md.
Memory stays bounded however long the trace, or a line of it, may be.
"""

import sys
import zlib
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import BinaryIO, Final, Self

import msgspec

from spanproof.replay.format.lines import lines_of_objects
from spanproof.replay.format.messages import (
    AGAIN,
    SEE,
    UNDECODABLE,
    as_json,
    explain,
    in_words,
    not_json,
    printable,
)
from spanproof.replay.format.schema import FORMAT_VERSION, Event, Header

MAX_LINE: Final = 1 << 20
"""Longest line accepted, in bytes without its newline; real events have a few hundred."""

_CHUNK: Final = 1 << 16
_GZIP_MAGIC: Final = b"\x1f\x8b"
_GZIP_WINDOW: Final = 16 + zlib.MAX_WBITS


class TraceError(Exception):
    """A trace cannot be read: `path`, `line`, and the `problem` with a way to mend it.

    `line` is the place in the trace's own count: the header is line 0, the first event line 1.
    It is None where no line is to blame, as for a missing file. The text is always one line.
    """

    def __init__(self, path: str, line: int | None, problem: str) -> None:
        super().__init__(path, line, problem)
        self.path = path
        self.line = line
        self.problem = problem

    def __str__(self) -> str:
        place = self.path if self.line is None else f"{self.path}:{self.line}"
        return printable(f"{place}: {self.problem}")


class TraceReader:
    """A trace being read, from a path or, for "-", standard input; plain or gzipped.

    Use as a context manager, and iterate for the events; a second iteration goes on where the
    first was left. The header is there from the start.

    Raises: TraceError if there is no readable header of a known format version.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = "standard input" if path == "-" else str(path)
        self.line = 0
        """Place of the last event in the total order; 0 before the first."""
        self._decoder = msgspec.json.Decoder(Event)
        self._owned: BinaryIO | None = None
        self._block = b""
        self._block_start = 0
        self._block_lines: list[bytes] | None = None
        try:
            self._blocks = self._split(self._bytes(self._open(path)))
            self.header = self._read_header()
        except BaseException:
            self.close()
            raise
        self._batches = self._read_batches()
        self._events = self._read_events()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; standard input is left open."""
        if self._owned is not None:
            self._owned.close()

    @property
    def raw(self) -> bytes:
        """Text of the last event, or of the line that was refused, without its newline."""
        if self._block_lines is None:
            self._block_lines = self._block.split(b"\n")
        return self._block_lines[max(0, self.line - self._block_start)]

    def __iter__(self) -> Iterator[Event]:
        """Yield the events in their order.

        Raises: TraceError at the first line that is not an event; after the last event, if there
            are fewer than the header promises.
        """
        return self._events

    def batches(self) -> Iterator[Sequence[Event]]:
        """Yield the events in their order, many at once; `line` is that of the last of them.

        Raises: TraceError as iteration does, after the events in front of the damage.
        """
        return self._batches

    def _read_events(self) -> Iterator[Event]:
        for batch in self._batches:
            for line, event in enumerate(batch, self.line - len(batch) + 1):
                self.line = line
                yield event

    def _read_batches(self) -> Iterator[Sequence[Event]]:
        promised = self.header.events
        for block in self._blocks:
            self._enter(block, self.line + 1)
            events = self._decode_at_once(block)
            if events is None or self.line + len(events) > promised:
                for event in self._decode_singly(block):
                    yield (event,)
                continue
            self.line += len(events)
            yield events
        if self.line < promised:
            found = f"header promises {promised} events, found {self.line}"
            raise self._next_error(f"trace is cut short: {found}; {AGAIN}")

    def _decode_at_once(self, block: bytes) -> list[Event] | None:
        """Return the events of a block, or None if its lines have to be looked at singly.

        The decoder of a block minds objects, not lines. But no object contains "}", newline, "{":
        if every newline stands so and there are as many objects as lines, each line is one object.
        """
        lines = lines_of_objects(block)
        if lines is None:
            return None
        try:
            events = self._decoder.decode_lines(block)
        except UNDECODABLE:
            return None
        return events if len(events) == lines else None

    def _decode_singly(self, block: bytes) -> Iterator[Event]:
        promised = self.header.events
        for raw in block.split(b"\n"):
            self.line += 1
            try:
                event = self._decoder.decode(raw)
            except UNDECODABLE as problem:
                raise self._error(explain(raw, problem)) from None
            if self.line > promised:
                raise self._error(
                    f"event beyond the {promised} that the header promises; "
                    "remove it, or correct the header"
                )
            yield event

    def _enter(self, block: bytes, first_line: int) -> None:
        self._block, self._block_start, self._block_lines = block, first_line, None

    def _open(self, path: str | Path) -> BinaryIO:
        if path == "-":
            if sys.stdin is None:  # a process may be started without one
                raise self._file_error("is closed; name a file")
            return sys.stdin.buffer
        try:
            self._owned = Path(path).open("rb")  # noqa: SIM115 - close() closes it
        except (OSError, ValueError) as problem:  # ValueError: a NUL in the path
            why = getattr(problem, "strerror", None) or "not a path"
            raise self._file_error(
                f"cannot be opened: {why}; name a .jsonl or .jsonl.gz file that can be read"
            ) from None
        return self._owned

    def _bytes(self, file: BinaryIO) -> Iterator[bytes]:
        """Yield the content in chunks of bounded size, inflated if it starts like gzip."""
        chunks = self._chunks(file)
        start = next(chunks, b"")
        if start.startswith(_GZIP_MAGIC):
            yield from self._inflate(start, chunks)
        else:
            yield from chain((start,), chunks)

    def _chunks(self, file: BinaryIO) -> Iterator[bytes]:
        while True:
            try:
                chunk = file.read(_CHUNK)
            except OSError as problem:
                raise self._next_error(f"cannot be read: {problem.strerror}; {AGAIN}") from None
            except ValueError:
                raise self._file_error("is closed; open it again") from None
            if not chunk:
                return
            yield chunk

    def _inflate(self, start: bytes, chunks: Iterator[bytes]) -> Iterator[bytes]:
        """Yield the content of one or more gzip members, up to the first damage."""
        data: bytes = start
        while data:
            member = zlib.decompressobj(_GZIP_WINDOW)
            while not member.eof:
                before, damage, inflated = member.copy(), "", b""
                try:
                    inflated = member.decompress(data, _CHUNK)
                except zlib.error as problem:
                    damage = str(problem)
                if damage:
                    yield from _up_to_damage(before, data)
                    raise self._next_error(f"gzip data is damaged ({damage}); {AGAIN}")
                data = member.unconsumed_tail
                if inflated:
                    yield inflated
                if not (data or member.eof or inflated):
                    data = next(chunks, b"")
                    if not data:
                        raise self._next_error(f"gzip data is cut short; {AGAIN}")
            # Padding with zero bytes is customary after the last member.
            data = member.unused_data.lstrip(b"\0")
            while not data and (chunk := next(chunks, b"")):
                data = chunk.lstrip(b"\0")

    def _split(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        """Yield blocks of whole lines; the last newline of each is left out."""
        rest = b""
        for chunk in chunks:
            first = chunk.find(b"\n")
            if len(rest) + (len(chunk) if first < 0 else first) > MAX_LINE:
                raise self._next_error(f"line longer than {MAX_LINE} bytes; write one event a line")
            if first < 0:
                rest += chunk
                continue
            last = chunk.rfind(b"\n")
            yield rest + chunk[:last]
            rest = chunk[last + 1 :]
        if rest:
            yield rest

    def _read_header(self) -> Header:
        self.line = -1  # so that "the next line" is the header's while it is being read
        block = next(self._blocks, None)
        self.line = 0
        if block is None:
            raise self._file_error(f"is empty, but a trace starts with a header; {AGAIN}")
        raw, newline, remainder = block.partition(b"\n")
        if newline:
            self._blocks = chain((remainder,), self._blocks)
        self._enter(raw, 0)
        try:
            loose = msgspec.json.decode(raw)
        except msgspec.ValidationError:
            raise self._error(f"header has a number out of every range; {SEE}") from None
        except UNDECODABLE:
            raise self._error(f"header expected, found: {not_json(raw)}; {SEE}") from None
        if not isinstance(loose, dict) or loose.get("k") != "header":
            raise self._error(f'no header: the first line must have "k" = "header"; {SEE}')
        version = loose.get("format", FORMAT_VERSION)
        if type(version) is not int or version != FORMAT_VERSION:
            found = f"header has format version {as_json(version)}"
            raise self._error(f"{found}; supported versions: {FORMAT_VERSION}")
        try:
            header = msgspec.convert(loose, Header)
        except UNDECODABLE as problem:
            raise self._error(f"header {in_words(str(problem), loose, Header)}; {SEE}") from None
        for key in ("class_size", "class_pages"):
            if len(loose[key]) != header.num_size_classes:
                raise self._error(
                    f"header key '{key}' has {len(loose[key])} entries, but key 'ncls' says "
                    f"{header.num_size_classes}; correct one of them"
                )
        return header

    def _error(self, problem: str) -> TraceError:
        return TraceError(self.path, self.line, problem)

    def _next_error(self, problem: str) -> TraceError:
        return TraceError(self.path, self.line + 1, problem)

    def _file_error(self, problem: str) -> TraceError:
        return TraceError(self.path, None, problem)


def _up_to_damage(member: "zlib._Decompress", data: bytes) -> Iterator[bytes]:
    """Yield what inflates of data in front of their damage, which is lost with the call that fails.

    Often that is all, as where only the check sum at the end is wrong.
    """
    for place in range(len(data)):
        try:
            inflated = member.decompress(data[place : place + 1])
        except zlib.error:
            return
        if inflated:
            yield inflated
