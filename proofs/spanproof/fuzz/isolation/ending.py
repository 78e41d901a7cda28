"""What a process may take in which an implementation runs, and how it ended."""

from typing import Final, Literal, NamedTuple

import msgspec
import psutil

MOST_MEMORY: Final = min(2 << 30, psutil.virtual_memory().total // 2)
"""Bytes of memory that a worker may use: 2 GiB, or half of what the machine has."""

MOST_SECONDS: Final = 5.0
"""Seconds that a program may take; most take a twentieth of a second, few half a second."""

Cause = Literal[
    "done", "exit", "signal", "time", "memory", "stopped", "damaged", "lost", "refused", "bug"
]


class Limits(NamedTuple):
    """What a worker may take for one program: seconds in which it can run, and bytes of memory."""

    seconds: float = MOST_SECONDS
    memory: int = MOST_MEMORY


class Ended(msgspec.Struct, frozen=True):
    """How a worker ended, and what it printed last.

    `number` is its exit status, or the signal's number. `done` is the only good end; `stopped` is
    what the command asked for; `damaged` that it wrote what is no message; `lost` means that the
    supervisor is gone, too; `refused` that the system has let no worker be started, with its error
    as the number; for `bug`, what was printed is the traceback of an exception in our own code.
    """

    cause: Cause
    number: int = 0
    printed: bytes = b""
