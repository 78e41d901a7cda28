"""The supervisor: the process that starts workers, has the clock, and ends those that do not go on.

It adopts what a worker leaves behind, so that all of it can be ended; and it ends itself, with all
that it has started, when the command is gone.
"""

import gc
import os
import select
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from types import FrameType
from typing import Final, NoReturn

import msgspec
import psutil

from spanproof.fuzz.isolation import holding
from spanproof.fuzz.isolation.confined import FAILED, FINISHED, MESSAGE, Body, become_worker
from spanproof.fuzz.isolation.ending import Cause, Ended, Limits
from spanproof.fuzz.isolation.shared_note import Note, Noted
from spanproof.support.processes.children import (
    PR_SET_CHILD_SUBREAPER,
    ask_kernel,
    waited_for_processor,
)

TICK: Final = 0.05
"""Seconds between two looks at a worker."""

MOMENT: Final = 0.5
"""Seconds that a worker whose time is over has to say where it is."""

STARVED: Final = 3
"""A worker that waits for a processor on a busy machine has its limit so many times over."""

BETWEEN: Final = 4
"""The same between two programs, where the work is ours."""

ASKED: Final = 30.0
"""Seconds besides that a store may take to be asked once; one that hangs gives up before."""

HEAD: Final = 4
LONGEST: Final = 1 << 26
"""Bytes before a message of a worker that say how long it is, and the most that it has."""

KEPT: Final = 32_768
"""Bytes kept of what a worker has printed last."""

ENDED: Final = b"e"
"""How a message begins that tells how a worker ended; all others are the worker's."""


class Start(msgspec.Struct, frozen=True):
    """Tells the supervisor to start a worker; an empty message tells it to stop the worker."""

    assignment: bytes
    limits: Limits


def become_supervisor(channel: Connection, body: Body, note: Note, command: int) -> NoReturn:
    """Serve the command until it closes the channel, or is gone."""
    try:
        os.setsid()
        ask_kernel(PR_SET_CHILD_SUBREAPER, 1)
        for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
            signal.signal(number, _end)
        nothing = os.open(os.devnull, os.O_RDWR)
        for standard in range(3):
            os.dup2(nothing, standard)
        gc.freeze()
        _serve(channel, body, note, command)
    except (EOFError, OSError, SystemExit):
        pass
    except BaseException as problem:
        sys.excepthook(type(problem), problem, problem.__traceback__)
    finally:
        try:
            _end_descendants()
        finally:
            os._exit(0)


def _end(number: int, frame: FrameType | None) -> None:
    raise SystemExit


def _serve(channel: Connection, body: Body, note: Note, command: int) -> None:
    while True:
        while not channel.poll(1.0):
            if os.getppid() != command:
                return
        order = channel.recv_bytes()
        if not order:
            continue  # to stop a worker that has ended already
        start = msgspec.msgpack.decode(order, type=Start)
        try:
            watch = ProcessWatch(channel, body, note, start, command)
        except OSError as problem:
            ended = Ended("refused", problem.errno or 0)
        else:
            ended = watch.until_it_ends()
            _end_descendants()
        channel.send_bytes(ENDED + msgspec.msgpack.encode(ended))


class Incoming:
    """What a worker writes, taken apart as `Connection.send_bytes` puts it together.

    The code under test shares its process, and may have written there itself, or made the worker
    write something else; so nothing waits for the rest of a message.
    """

    def __init__(self) -> None:
        self._content = bytearray()
        self.is_damaged = False

    @property
    def is_amid(self) -> bool:
        """Whether a message has begun and is not whole."""
        return bool(self._content)

    def messages(self, content: bytes) -> Iterator[bytes]:
        """Yield the messages that are whole by now."""
        self._content += content
        while not self.is_damaged and len(self._content) >= HEAD:
            length = int.from_bytes(self._content[:HEAD], "big", signed=True)
            end = HEAD + length
            message = bytes(self._content[HEAD:end])
            if not 0 < length <= LONGEST or message[:1] not in (MESSAGE, FINISHED, FAILED, b""):
                self.is_damaged = True
            elif len(self._content) < end:
                return
            else:
                del self._content[:end]
                yield message


class ProcessWatch:
    """One worker, from its start to its end. Raises: OSError if it cannot be started."""

    def __init__(
        self, channel: Connection, body: Body, note: Note, start: Start, command: int
    ) -> None:
        self._channel = channel
        self._note = note
        self._limits = start.limits
        self._command = command
        self._printed = bytearray()
        self._last = b""
        self._incoming = Incoming()
        self._messages, sender = Pipe(duplex=False)
        os.set_blocking(self._messages.fileno(), False)
        self._output, output = os.pipe()
        try:
            self._pid = os.fork()
        except OSError:
            for end in (self._messages, sender):
                end.close()
            for opened in (self._output, output):
                os.close(opened)
            raise
        if self._pid == 0:
            channel.close()
            self._messages.close()
            os.close(self._output)
            become_worker(sender, output, body, note, start.assignment)
        sender.close()
        os.close(output)
        self._process = psutil.Process(self._pid)
        self._seen = seen_of(note.read())
        self._since, self._waited = time.monotonic(), _waited_for_processor(self._pid)

    def until_it_ends(self) -> Ended:
        """Pass its messages on, and end it when it does not go on."""
        poll = select.poll()
        for source in (self._channel, self._messages, self._output):
            poll.register(source, select.POLLIN)
        cause: Cause | None = None
        status: int | None = None
        looked = 0.0
        try:
            while status is None and cause is None:
                for number, _ in poll.poll(TICK * 1000):
                    if number == self._output:
                        self._drain(poll)
                    elif number == self._messages.fileno():
                        self._pass_on(poll)
                    elif not self._channel.recv_bytes():
                        cause = "stopped"
                if time.monotonic() >= looked + TICK:
                    looked = time.monotonic()
                    cause = cause or self._over_limit()
                    if self._incoming.is_damaged:
                        cause = "damaged"
                    if os.getppid() != self._command:
                        raise EOFError
                status = self._status()
            if cause == "time" and status is None:
                self._let_it_say_where(poll)
            _kill(self._pid)
            if status is None:
                status = self._status(wait=True)
            _end_descendants()
            poll.unregister(self._channel)
            while any(self._read(poll, *ready) for ready in poll.poll(0)):
                pass
        finally:
            self._messages.close()
            os.close(self._output)
        return self._ended(cause, status)

    def _read(self, poll: "select.poll", number: int, event: int) -> bool:
        return self._drain(poll) if number == self._output else self._pass_on(poll)

    def _ended(self, cause: Cause | None, status: int | None) -> Ended:
        printed = bytes(self._printed[-KEPT:])
        if self._last == FINISHED:
            return Ended("done", 0, printed)
        if self._last[:1] == FAILED:
            return Ended("bug", 0, self._last[1:])
        if self._incoming.is_damaged or (status == 0 and self._incoming.is_amid):
            return Ended("damaged", 0, printed)
        if cause is not None or status is None:
            return Ended(cause or "lost", 0, printed)
        if os.WIFSIGNALED(status):
            return Ended("signal", os.WTERMSIG(status), printed)
        return Ended("exit", os.WEXITSTATUS(status), printed)

    def _status(self, wait: bool = False) -> int | None:
        pid, status = os.waitpid(self._pid, 0 if wait else os.WNOHANG)
        return status if pid == self._pid else None

    def _drain(self, poll: "select.poll") -> bool:
        """Read what was printed, and keep the end of it; return whether there was anything."""
        content = os.read(self._output, 1 << 16)
        if not content:
            poll.unregister(self._output)
        self._printed += content
        if len(self._printed) > 4 * KEPT:
            del self._printed[:-KEPT]
        return bool(content)

    def _pass_on(self, poll: "select.poll") -> bool:
        """Pass messages on; return whether something came."""
        try:
            content = os.read(self._messages.fileno(), 1 << 18)
        except BlockingIOError:
            return False
        except OSError:
            content = b""
        if not content:
            poll.unregister(self._messages)
            return False
        for message in self._incoming.messages(content):
            if message[:1] == MESSAGE:
                self._channel.send_bytes(message)
            else:
                self._last = message
        # It goes on; and the command may have been long about taking it.
        self._since = time.monotonic()
        return True

    def _over_limit(self) -> Cause | None:
        """Return which limit it is beyond, if it is beyond one."""
        if holding.is_beyond(os.getpid(), self._limits.memory):
            return "memory"
        noted: Noted = self._note.read()
        now = time.monotonic()
        if seen_of(noted) != self._seen:
            self._seen = seen_of(noted)
            self._since, self._waited = now, _waited_for_processor(self._pid)
            return None
        spent = now - self._since
        limit = self._limits.seconds
        if noted.waiting:
            limit += ASKED
        elif noted.begun and not noted.under_way:
            limit *= BETWEEN
        if spent <= limit:
            return None
        waited = max(0.0, _waited_for_processor(self._pid) - self._waited)
        return "time" if spent - waited > limit or spent > STARVED * limit else None

    def _let_it_say_where(self, poll: "select.poll") -> None:
        """Have the worker print where its threads are, if it still can."""
        os.kill(self._pid, signal.SIGABRT)
        limit = time.monotonic() + MOMENT
        while time.monotonic() < limit and self._process.status() != psutil.STATUS_ZOMBIE:
            for number, _ in poll.poll(10):
                if number == self._output:
                    self._drain(poll)


def seen_of(noted: Noted) -> tuple[int, bool, int]:
    """Return what changes where a worker goes on: its programs, and how often it asks a store."""
    return noted.begun, noted.under_way, noted.waiting


def _waited_for_processor(pid: int) -> float:
    """Return the seconds for which a worker, or what it has started, was ready and did not run."""
    children = holding.numbers_in(Path(f"/proc/{pid}/task/{pid}/children"))
    return sum(map(waited_for_processor, (pid, *children)))


def _kill(pid: int) -> None:
    """Kill a worker with its process group, of which it is the leader."""
    for kill in (os.killpg, os.kill):
        with suppress(ProcessLookupError, PermissionError):
            kill(pid, signal.SIGKILL)


def _end_descendants() -> None:
    """Kill all that descends from this process, and go on until nothing is left."""
    limit = time.monotonic() + 2
    # A look through all processes of the machine takes longer than most programs.
    while _has_children() and time.monotonic() < limit:
        children = psutil.Process().children(recursive=True)
        if not children:
            return
        for child in children:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(child.pid, signal.SIGKILL)
        for child in children:
            # One that is not ours yet is as soon as its parent is gone.
            with suppress(ChildProcessError):
                os.waitpid(child.pid, 0)


def _has_children() -> bool:
    """Tell whether this process has a child, which may be one that it has adopted."""
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True
