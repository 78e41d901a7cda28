"""A worker: the process in which the code of others runs, with nothing of the command in reach."""

import faulthandler
import os
import resource
import signal
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Final, NoReturn

from spanproof.fuzz.isolation.shared_note import Note
from spanproof.support.processes.children import PR_SET_PDEATHSIG, ask_kernel

MESSAGE: Final = b"m"
FINISHED: Final = b"f"
FAILED: Final = b"b"
"""What a message is, by its first byte: one of the worker's own; its last, if it has done all that
it was told; its last, with a traceback, if our code has failed."""


class Sender:
    """The worker's way to send messages."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._owner = os.getpid()
        self._handle = self._handle_now()

    def send(self, content: bytes) -> None:
        """Send a message, unless this is a child that the code under test has forked."""
        if os.getpid() != self._owner:
            os._exit(0)
        self._connection.send_bytes(MESSAGE + content)

    def is_open(self) -> bool:
        """Tell whether messages can still be sent, and go where they should."""
        return self._handle_now() == self._handle

    def _handle_now(self) -> tuple[int, int] | None:
        try:
            found = os.fstat(self._connection.fileno())
        except OSError:
            return None
        return found.st_dev, found.st_ino


Body = Callable[[bytes, Sender, Note], None]
"""What a worker does: with an assignment, a way to send messages, and its note."""


def become_worker(
    connection: Connection, output: int, body: Body, note: Note, assignment: bytes
) -> NoReturn:
    """Do what is assigned, in this process, which has just been forked; then end it."""
    supervisor, worker = os.getppid(), os.getpid()
    last = FINISHED
    try:
        os.setsid()
        ask_kernel(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != supervisor:
            os._exit(0)
        for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        print_to(output)
        note.own()
        body(assignment, Sender(connection), note)
    except BaseException:
        last = FAILED + traceback.format_exc().encode(errors="backslashreplace")
    finally:
        # A child that the code under test has forked, and let return, has nothing to say.
        if os.getpid() == worker:
            with suppress(OSError):
                connection.send_bytes(last)
        os._exit(0)


def print_to(output: int) -> None:
    """Have all that is printed go to a pipe, and what a crash says of where it was."""
    for standard in (1, 2):
        os.dup2(output, standard)
    os.close(output)
    opened = [
        open(number, mode, encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115
        for number, mode in ((0, "r"), (1, "w"), (2, "w"))
    ]
    sys.stdin, sys.stdout, sys.stderr = opened
    faulthandler.enable(sys.stderr)
