"""Processes in which the code of others runs, as the command sees them.

The command forks a supervisor, and the supervisor forks a worker for each assignment. The command
waits for messages and can always be interrupted; what is under test runs in workers only.
"""

import os
import signal
import time
import warnings
from collections.abc import Iterator
from contextlib import suppress
from errno import EAGAIN
from multiprocessing import Pipe
from typing import Final

import msgspec

from spanproof.fuzz.isolation.confined import Body
from spanproof.fuzz.isolation.ending import Ended, Limits
from spanproof.fuzz.isolation.shared_note import Note
from spanproof.fuzz.isolation.supervising import ENDED, Start, become_supervisor
from spanproof.support.processes.pools import NO_MORE

PATIENCE: Final = 3.0
"""Seconds that a supervisor has to end all that it has started."""


class Supervisor:
    """Starts workers, one at a time, and hears of them.

    `note` is what the worker is about to do, `ended` how the last one ended, and `until` the time,
    of the monotonic clock, at which it is stopped.
    """

    def __init__(self, body: Body) -> None:
        self.note: Final = Note()
        self.ended = Ended("lost")
        self.until: float | None = None
        self._body = body
        self._start()

    def _start(self) -> None:
        self._channel, theirs = Pipe()
        command = os.getpid()
        with warnings.catch_warnings():
            # Other threads have no lock that a supervisor needs.
            warnings.simplefilter("ignore", DeprecationWarning)
            try:
                self._pid = os.fork()
            except OSError as problem:
                self._channel.close()
                theirs.close()
                raise not_started(problem.errno or 0) from None
        if self._pid == 0:
            self._channel.close()
            become_supervisor(theirs, self._body, self.note, command)
        theirs.close()

    def __enter__(self) -> "Supervisor":
        """Return the supervisor itself."""
        return self

    def __exit__(self, *problem: object) -> None:
        """End it, and all that it has started."""
        self.close()

    def run(self, assignment: bytes, limits: Limits) -> Iterator[bytes]:
        """Start a worker, and yield what it sends until it has ended.

        Raises: OSError if the system lets none be started.
        """
        if self._pid == 0:
            self._start()
        self.ended = Ended("lost")
        self.note.clear()
        try:
            self._channel.send_bytes(msgspec.msgpack.encode(Start(assignment, limits)))
            while True:
                left = None if self.until is None else self.until - time.monotonic()
                if left is not None and left <= 0:
                    self._channel.send_bytes(b"")
                    self.until = None
                elif self._channel.poll(left):
                    message = self._channel.recv_bytes()
                    if message[:1] == ENDED:
                        self.ended = msgspec.msgpack.decode(message[1:], type=Ended)
                        break
                    yield message[1:]
        except (EOFError, OSError):
            self.close()
        if self.ended.cause == "refused":
            raise not_started(self.ended.number)

    def close(self) -> None:
        """End the supervisor, and all that it has started."""
        self._channel.close()
        pid, self._pid = self._pid, 0
        if pid == 0:
            return
        limit = time.monotonic() + PATIENCE
        with suppress(ChildProcessError):
            while os.waitpid(pid, os.WNOHANG) == (0, 0):
                if time.monotonic() >= limit:
                    os.kill(pid, signal.SIGKILL)
                time.sleep(0.002)


def not_started(number: int) -> OSError:
    """Return what the system has refused, with the number of its error, where it lets no process
    be started.
    """
    return OSError(number, NO_MORE if number == EAGAIN else os.strerror(number))
