"""A live process: stopped by ptrace for as long as its memory is copied, and let go as it was.

All threads are seized and interrupted; none gets a signal from this. A thread that is caught while
a signal is delivered to it gets that signal back when it is let go.
"""

import ctypes
import errno
import os
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

import psutil

from spanproof.witness.errors import WitnessError
from spanproof.witness.program.memory import TOP, Memory

PTRACE_GETREGS: Final = 12
PTRACE_DETACH: Final = 17
PTRACE_SEIZE: Final = 0x4206
PTRACE_INTERRUPT: Final = 0x4207
PTRACE_EVENT_STOP: Final = 128
WALL: Final = 0x4000_0000
REGISTERS: Final = 27
AT_ENTRY: Final = 9
PATIENCE: Final = 5.0
"""Seconds that a thread has to stop; one in an uninterruptible wait may not."""

PATIENCE_WITH_DEAD: Final = 2.0
"""Seconds until the end of a thread that was killed is told."""

LAST_PATIENCE: Final = 60.0
"""Seconds that a thread has to stop so that it can be let go; the end of spanspec does it, too."""


class Registers(NamedTuple):
    """Registers of a thread: those with a role by name, and all general ones."""

    pc: int
    sp: int
    bp: int
    thread_pointer: int
    all: tuple[int, ...]


def registers_of(words: tuple[int, ...]) -> Registers:
    """Return the registers from the kernel's `user_regs_struct`."""
    return Registers(words[16], words[19], words[4], words[21], words[:15])


class Frozen(NamedTuple):
    """What a stopped process shows: its memory, and the registers of its threads."""

    memory: "LiveMemory"
    registers: dict[int, Registers]


class LiveMemory(Memory):
    """The memory of a process, through /proc."""

    def __init__(self, pid: int) -> None:
        super().__init__()
        self._file = os.open(f"/proc/{pid}/mem", os.O_RDONLY | os.O_CLOEXEC)

    def fetch(self, address: int, size: int) -> bytes:
        """Return bytes at an address; none where there is no memory, or no process any more."""
        if not 0 <= address < TOP:
            return b""
        try:
            return os.pread(self._file, size, address)
        except OSError:
            return b""

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)


@contextmanager
def memory_of(pid: int) -> Iterator[LiveMemory]:
    """Open the memory of a process.

    Raises: WitnessError if that is not allowed.
    """
    try:
        memory = LiveMemory(pid)
    except PermissionError:
        raise WitnessError(not_allowed(pid)) from None
    except (FileNotFoundError, ProcessLookupError):
        raise WitnessError(f"there is no process {pid}") from None
    try:
        yield memory
    finally:
        memory.close()


def not_allowed(pid: int) -> str:
    """Return the line about a process that may not be looked at."""
    return (
        f"process {pid} may not be looked at: it belongs to another user, or the system allows "
        "it only to its parent or root (ptrace_scope, CAP_SYS_PTRACE)"
    )


def executable_of(pid: int) -> Path:
    """Return the file that a process runs, readable even if it was deleted or replaced.

    Raises: WitnessError if there is no such process, or it may not be looked at.
    """
    place = Path(f"/proc/{pid}/exe")
    try:
        place.stat()
    except PermissionError:
        raise WitnessError(not_allowed(pid)) from None
    except OSError:
        raise WitnessError(why_without_file(pid)) from None
    return place


def why_without_file(pid: int) -> str:
    """Return the line about a process that runs no file."""
    try:
        status = psutil.Process(pid).status()
    except psutil.NoSuchProcess:
        return (
            f"there is no process {pid}; of one in a container, the number that it has outside "
            "counts"
        )
    if status == psutil.STATUS_ZOMBIE:
        return f"process {pid} has ended, and its parent has not taken note of that yet"
    return f"process {pid} runs no file: it is a thread of the kernel"


def entry_of(pid: int) -> int | None:
    """Return the address at which the program of a process begins; None if it is not told."""
    try:
        return entry_in(Path(f"/proc/{pid}/auxv").read_bytes())
    except OSError:
        return None


def entry_in(auxiliary: bytes) -> int | None:
    """Return AT_ENTRY of an auxiliary vector."""
    pairs = struct.iter_unpack("<QQ", auxiliary[: len(auxiliary) // 16 * 16])
    return next((value for kind, value in pairs if kind == AT_ENTRY), None)


_libc: Final = ctypes.CDLL(None, use_errno=True)
_libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
_libc.ptrace.restype = ctypes.c_long


def _ptrace(request: int, thread: int, data: ctypes.c_void_p | None = None) -> int:
    """Call ptrace; return 0, or the error number."""
    return ctypes.get_errno() if _libc.ptrace(request, thread, None, data) else 0


def threads_of(pid: int) -> list[int]:
    """Return the threads of a process; none if it has ended."""
    try:
        return [int(name) for name in os.listdir(f"/proc/{pid}/task")]
    except OSError:
        return []


@contextmanager
def stopped(pid: int) -> Iterator[Frozen]:
    """Stop all threads of a process; let them go on in any case at the end.

    Raises: WitnessError if that is not allowed, or a thread cannot be stopped.
    """
    seized: set[int] = set()
    signals: dict[int, int] = {}
    with memory_of(pid) as memory:
        try:
            stop_all(pid, seized, signals)
            yield Frozen(memory, dict(read_registers(signals)))
        finally:
            # The first thread last: the kernel tells of its end only after that of the others.
            for thread, signal in sorted(signals.items(), key=lambda one: one[0] == pid):
                let_go(pid, thread, signal)
            for thread in sorted(seized - signals.keys(), key=lambda one: one == pid):
                let_go_late(pid, thread)


def let_go(pid: int, thread: int, signal: int) -> None:
    """Let a stopped thread go on, with the signal that it is owed.

    One that was killed meanwhile is reaped: nobody else can. Only the process itself is left to its
    parent, if that is us.
    """
    if _ptrace(PTRACE_DETACH, thread, ctypes.c_void_p(signal)):
        deadline = time.monotonic() + PATIENCE_WITH_DEAD
        ours = thread == pid and is_child(pid)
        while not ours and time.monotonic() < deadline:
            try:
                if os.waitpid(thread, WALL | os.WNOHANG)[0]:
                    return
            except ChildProcessError:
                return
            time.sleep(0.001)


def is_child(pid: int) -> bool:
    """Tell whether a process is a child of this one."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return int(status.rpartition(")")[2].split()[1]) == os.getpid()


def let_go_late(pid: int, thread: int) -> None:
    """Let a thread go that was seized and has not stopped: it can only be let go where it stops."""
    deadline = time.monotonic() + LAST_PATIENCE
    while time.monotonic() < deadline:
        try:
            found, status = os.waitpid(thread, WALL | os.WNOHANG)
        except ChildProcessError:
            return
        if found:
            if os.WIFSTOPPED(status):
                let_go(pid, thread, owed(status))
            return
        time.sleep(0.001)


def owed(status: int) -> int:
    """Return the signal that a thread has to be given back, by how it stopped; 0 for none."""
    return 0 if status >> 16 == PTRACE_EVENT_STOP else os.WSTOPSIG(status)


def stop_all(pid: int, seized: set[int], signals: dict[int, int]) -> None:
    """Stop every thread, and those that are created meanwhile; note the signal each is owed.

    `seized` are the threads that have to be let go of, stopped or not.

    Raises: WitnessError.
    """
    tried: set[int] = set()
    while True:
        fresh = [thread for thread in threads_of(pid) if thread not in tried]
        if not fresh:
            break
        tried.update(fresh)
        waiting = []
        for thread in fresh:
            failure = _ptrace(PTRACE_SEIZE, thread)
            if failure == errno.EPERM:
                raise WitnessError(f"{not_allowed(pid)}, or a debugger is attached")
            if failure:
                continue
            seized.add(thread)
            if not _ptrace(PTRACE_INTERRUPT, thread):
                waiting.append(thread)
        for thread in waiting:
            wait_for(thread, signals)
    if not signals:
        raise WitnessError(f"process {pid} has ended")


def wait_for(thread: int, signals: dict[int, int]) -> None:
    """Wait until a thread has stopped.

    Raises: WitnessError if it does not.
    """
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            found, status = os.waitpid(thread, WALL | os.WNOHANG)
        except ChildProcessError:
            return
        if found:
            if os.WIFSTOPPED(status):
                signals[thread] = owed(status)
            return
        if time.monotonic() > deadline:
            raise WitnessError(
                f"thread {thread} does not stop: it waits for a device, or has no processor"
            )
        time.sleep(0.0001)


def read_registers(threads: dict[int, int]) -> Iterator[tuple[int, Registers]]:
    """Yield the registers of stopped threads."""
    buffer = (ctypes.c_ulonglong * REGISTERS)()
    for thread in threads:
        if not _ptrace(PTRACE_GETREGS, thread, ctypes.cast(buffer, ctypes.c_void_p)):
            yield thread, registers_of(tuple(buffer))
