"""A process that answers requests, one JSON object a line, on its standard input and output.

Whatever it does, an exchange ends: with a reply, or with `Broken`, which says what it did. Only
one that says nothing goes on until its time is over, or until who watches this process ends both.
"""

import os
import select
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, TypeVar

import msgspec
from msgspec.structs import replace

from spanproof.protocol.faults import Broken, CannotStart, Declined
from spanproof.protocol.forms import in_one_line, read_reply, start_of
from spanproof.protocol.messages import (
    LARGEST,
    REPLIES,
    Ask,
    Greeting,
    Hello,
    Program,
    Programmed,
    Reply,
    Request,
    op_of,
)
from spanproof.support.processes.children import waited_for_processor, with_parent

ReplyT = TypeVar("ReplyT", bound=Reply)

LONGEST: Final = 1 << 20
LONGEST_OF_PROGRAM: Final = 1 << 27
"""Bytes that a line may have: of a reply, and of that to a whole program."""

KEPT: Final = 1 << 13
LINES: Final = 6
"""Bytes kept of what it prints on standard error, and lines of that which are shown."""

MOMENT: Final = 0.5
"""Seconds in which a process that has closed its output has to end, to tell how."""

WAITS: Final = "spanspec waits: "
"""How a line begins that says what a process was asked that has not replied in its time."""

ASKED: Final = b">"
REPLIED: Final = b"<"
Record = Callable[[bytes], None]
"""Hears of lines, and how one begins that was sent, or has come back."""

ENCODER: Final = msgspec.json.Encoder()


class Process:
    """One process, from its start to its end.

    `until` is the time of the monotonic clock at which an exchange ends without a reply; None for
    one that somebody else watches. `record` hears of every line: `ASKED` and what is sent, before
    it is, and `REPLIED` and what has come back.
    """

    def __init__(
        self, command: Sequence[str], folder: str = "", extra: Mapping[str, str] | None = None
    ) -> None:
        self.until: float | None = None
        self.asked = 0
        self.record: Record | None = None
        self._began = time.monotonic()
        self._printed = bytearray()
        self._read = bytearray()
        self._written = 0
        self._op = ""
        try:
            self._process = subprocess.Popen(
                list(command),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                cwd=folder or None,
                env={**os.environ, **(extra or {})},
                process_group=0,
                preexec_fn=with_parent(),
            )
        except OSError as problem:
            why = f"{problem.strerror or problem}{self._hint(command[0], folder)}"
            raise CannotStart(f"{command[0]} cannot be started: {why}") from None
        except subprocess.SubprocessError as problem:
            raise CannotStart(f"{command[0]} cannot be started: {problem}") from None
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self._input = self._process.stdin.fileno()
        self._output = self._process.stdout.fileno()
        self._errors: int | None = self._process.stderr.fileno()
        self._ended = os.pidfd_open(self._process.pid)
        os.set_blocking(self._input, False)

    @staticmethod
    def _hint(command: str, folder: str) -> str:
        """Return what else a command may have meant that cannot be started."""
        here = Path(folder, command)
        return f"; ./{command} is there" if "/" not in command and here.is_file() else ""

    def hello(self) -> Greeting:
        """Ask who it is.

        Raises: Broken.
        """
        try:
            greeting = self.ask(Hello(), Greeting)
        except Declined as problem:
            raise Broken(f"refuses to say who it is: {problem}") from None
        if greeting.protocol != Hello().protocol:
            raise Broken(
                f"speaks version {greeting.protocol} of the protocol; this is {Hello().protocol}"
            )
        if greeting.alignment & (greeting.alignment - 1):
            raise Broken(f"says an `alignment` of {greeting.alignment}, which is no power of two")
        return replace(
            greeting,
            name=in_one_line(greeting.name, len(greeting.name)),
            levels=list(dict.fromkeys(greeting.levels)),
            largest=min(greeting.largest, LARGEST),
            memory=min(greeting.memory, LARGEST),
        )

    def ask(self, request: Request, expected: type[ReplyT]) -> ReplyT:
        """Return the reply to a request.

        Raises: Declined if it refuses; Broken if it does anything else than reply.
        """
        self.asked += 1
        numbered = replace(request, n=self.asked)
        line = self._noted(ENCODER.encode(numbered), op_of(request), LONGEST)
        return read_reply(numbered, line, expected)

    def ask_all(self, requests: Sequence[Request], threads: int = 1) -> "Replies":
        """Return the replies to requests that are sent as one program.

        Raises: Broken if there are none.
        """
        self.asked += 1
        program = Program(requests=tuple(requests), threads=threads, n=self.asked)
        line = self._noted(ENCODER.encode(program), "program", LONGEST_OF_PROGRAM)
        replies = read_reply(program, line, Programmed).replies
        if len(replies) != len(requests):
            raise Broken(
                f"replies to a program of {len(requests)} requests with {len(replies)} replies"
            )
        return Replies(requests, replies)

    def waiting(self) -> list[str]:
        """Return lines about a reply that has not come: to what, what came of it, what it printed.

        The first begins with `WAITS`. There are none between two exchanges.
        """
        if not self._op:
            return []
        return [f"{WAITS}it does not reply to `{self._op}`{self._so_far()}", *self._last_lines()]

    def close(self) -> None:
        """End it, with all that is in its process group."""
        for kill in (os.killpg, os.kill):
            with suppress(ProcessLookupError, PermissionError):
                kill(self._process.pid, signal.SIGKILL)
        with suppress(BrokenPipeError):
            self._process.__exit__(None, None, None)
        os.close(self._ended)

    def _noted(self, content: bytes, op: str, longest: int) -> bytes:
        """Send a line, and return the one that comes back; tell of both."""
        self._op = op
        if self.record is not None:
            self.record(ASKED + content)
        line = self._exchange(content + b"\n", op, longest)
        self._op = ""
        if self.record is not None:
            self.record(REPLIED + line)
        return line

    def _exchange(self, content: bytes, op: str, longest: int) -> bytes:
        """Send a line, and return the one that comes back."""
        left = memoryview(content)
        poll = select.poll()
        poll.register(self._input, select.POLLOUT)
        poll.register(self._output, select.POLLIN)
        poll.register(self._ended, select.POLLIN)
        if self._errors is not None:
            poll.register(self._errors, select.POLLIN)
        began = time.monotonic()
        while True:
            end = self._read.find(b"\n")
            if end >= 0 and not left:
                line = bytes(self._read[:end])
                del self._read[: end + 1]
                return line
            if len(self._read) > longest:
                raise Broken(
                    f"replies to `{op}` with a line of more than {longest} bytes: "
                    f"{bytes(self._read[:40])!r} ..."
                )
            if self._is_late():
                spent = time.monotonic() - began
                late = f"does not reply to `{op}` within {spent:.1f} s{self._so_far()}"
                raise self._broken(late)
            for number, event in poll.poll(50):
                if number == self._input:
                    if event & select.POLLERR or not self._may_write(left):
                        # The other end is closed; its last words may still be on the way.
                        poll.unregister(self._input)
                        self._last_chance(op)
                        left = left[:0]
                        continue
                    left = left[self._written :]
                    if not left:
                        poll.modify(self._input, 0)
                elif number == self._errors:
                    if not self._drain():
                        poll.unregister(number)
                        self._errors = None
                elif number == self._output:
                    self._take(op)
                elif not select.select([self._output], [], [], 0)[0]:
                    # Whoever it has forked may keep its output open.
                    raise self._broken(f"{self._end()} instead of replying to `{op}`")

    def _is_late(self) -> bool:
        """Tell whether its time is over; the time in which it waits for a processor is not its own.

        On a machine that lets it wait for ever, three times as long is enough.
        """
        if self.until is None:
            return False
        late = time.monotonic() - self.until
        patience = self.until - self._began
        return late >= 0 and (late > 2 * patience or late > waited_for_processor(self._process.pid))

    def _may_write(self, content: memoryview) -> bool:
        """Write some of it, `_written` bytes; return whether the other end is open."""
        self._written = 0
        with suppress(BlockingIOError):
            try:
                self._written = os.write(self._input, content[: 1 << 16]) if content else 0
            except BrokenPipeError:
                return False
        return True

    def _last_chance(self, op: str) -> None:
        """Wait for a reply, or the end, of a process that has closed its input.

        Raises: Broken if neither comes at once.
        """
        until = time.monotonic() + MOMENT
        while time.monotonic() < until and b"\n" not in self._read:
            if select.select([self._output], [], [], 0.02)[0]:
                self._take(op)
        if b"\n" not in self._read:
            raise self._broken(f"closes its input instead of replying to `{op}`")

    def _take(self, op: str) -> None:
        """Read what it says.

        Raises: Broken if that has come to an end.
        """
        content = os.read(self._output, 1 << 16)
        if not content:
            raise self._broken(f"{self._end()} instead of replying to `{op}`")
        self._read += content

    def _drain(self) -> bool:
        assert self._errors is not None
        content = os.read(self._errors, 1 << 16)
        self._printed += content
        if len(self._printed) > 4 * KEPT:
            del self._printed[:-KEPT]
        return bool(content)

    def _end(self) -> str:
        """Return how it has ended, as the beginning of a sentence."""
        try:
            status = self._process.wait(MOMENT)
        except subprocess.TimeoutExpired:
            return "closes its output"
        if status >= 0:
            return f"ends its process, with exit status {status},"
        try:
            return f"ends its process by {signal.Signals(-status).name}"
        except ValueError:
            return f"ends its process by signal {-status}"

    def _broken(self, what: str) -> Broken:
        """Return what it did, with what it printed last."""
        said = [f"    it printed: {line}" for line in self._last_lines()]
        return Broken("\n".join([what, *said]))

    def _so_far(self) -> str:
        """Return what has come of a reply, as the end of a sentence; nothing if nothing has."""
        if not self._read:
            return ""
        return f"; so far it has said {start_of(bytes(self._read))}, without an end of line"

    def _last_lines(self) -> list[str]:
        """Return what it printed last on standard error."""
        with suppress(OSError):
            while self._errors is not None and select.select([self._errors], [], [], 0)[0]:
                if not self._drain() or len(self._printed) > KEPT:
                    break
        lines = bytes(self._printed[-KEPT:]).decode(errors="replace").splitlines()
        return [line[:160] for line in lines if line.strip()][-LINES:]


class Replies:
    """The replies to a program's requests: each is read when it is wanted."""

    def __init__(self, requests: Sequence[Request], lines: Sequence[msgspec.Raw]) -> None:
        self._requests = requests
        self._lines = lines

    def __getitem__(self, number: int) -> Reply:
        """Return the reply to a request, counted from 0.

        Raises: Declined if it is a refusal; Broken if it is not usable.
        """
        request: Ask = self._requests[number]
        return read_reply(request, self._lines[number], REPLIES[type(request)])
