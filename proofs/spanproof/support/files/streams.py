"""The standard streams of a command: what becomes of them is no finding, and none is lost.

A reader that has gone away (`| head -1`, a closed terminal) ends the output, not the command, which
goes on to its exit status. Output that cannot be written for another reason, such as a full disk,
is dropped from there on; `failure` says why. No character of any input is too odd to be printed.
"""

import errno
import io
import os
import select
import sys
from typing import TYPE_CHECKING, Final, TextIO

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

GONE: Final = frozenset({errno.EPIPE, errno.EIO, errno.EBADF})
"""Errors that say that nobody reads any more."""


class Output(io.RawIOBase):
    """A file descriptor that is written to for as long as that is possible.

    `failure` is the system's reason why it no longer is: empty as long as it is, and if nobody
    reads.
    """

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._usable = True
        self.failure = ""

    def writable(self) -> bool:
        """Return True."""
        return True

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._descriptor

    def isatty(self) -> bool:
        """Tell whether it is a terminal."""
        return os.isatty(self._descriptor)

    def write(self, data: "ReadableBuffer", /) -> int:
        """Write bytes, or drop them; return how many were taken."""
        while self._usable:
            try:
                return os.write(self._descriptor, data)
            except BlockingIOError:
                select.select([], [self._descriptor], [])
            except OSError as problem:
                self._usable = False
                if problem.errno not in GONE:
                    self.failure = problem.strerror or str(problem)
        return memoryview(data).nbytes


def stand_in() -> Output:
    """Replace the standard streams of this process; return what results are written to.

    A descriptor that is closed is opened on nothing, or the next file that is opened would get its
    number, and the output.
    """
    for descriptor, stream in enumerate((sys.stdin, sys.stdout, sys.stderr)):
        if stream is None:
            _occupy(descriptor)
    sys.stdin = sys.stdin or open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    results = Output(1)
    sys.stdout = _text(results, sys.stdout)
    sys.stderr = _text(Output(2), sys.stderr, line_buffering=True)
    return results


def _occupy(descriptor: int) -> None:
    opened = os.open(os.devnull, os.O_RDWR)
    if opened != descriptor:
        os.dup2(opened, descriptor)
        os.close(opened)


def _text(raw: Output, replaced: TextIO | None, line_buffering: bool = False) -> TextIO:
    """Return a stream of text for a descriptor, in the encoding of the one that it replaces."""
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding=replaced.encoding if replaced is not None else "utf-8",
        errors="backslashreplace",
        line_buffering=line_buffering or raw.isatty(),
    )
