"""Processes that a command starts: none of them outlives it, however it ends.

A program (`support.programs`, `subprocess.Popen`) is started with `preexec_fn=with_parent()`: the
kernel kills it when its parent ends. A process of Python that `multiprocessing` starts without a
pool (`support.pools`) calls `end_with_parent()` first. Start either from the main thread: to the
kernel the parent is the thread. What a program started on its own account, also in a session of its
own, is ended with the command, by `end_children()` for an interrupted one.
"""

import ctypes
import os
import signal
import sys
import threading
from collections.abc import Callable
from multiprocessing import parent_process
from multiprocessing.connection import wait
from typing import Final

import psutil

from spanproof.support.processes import interrupts

PR_SET_PDEATHSIG: Final = 1
PR_SET_CHILD_SUBREAPER: Final = 36
"""Requests to prctl(2): a signal when the parent ends; to become the parent of orphans."""

MOMENT: Final = 0.5
"""Seconds in which a process can tidy up after SIGTERM, before it is killed."""


def end_with_parent() -> None:
    """Let this process, which `multiprocessing` has started, end when its parent is gone."""
    parent = parent_process()
    if parent is None:
        return
    # What this process starts has to hear of an interrupt, of which the server does not.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    # The parent of a forked worker is the server, which itself ends when the command is gone.
    ask_kernel(PR_SET_PDEATHSIG, signal.SIGKILL)

    def watch() -> None:
        wait([parent.sentinel])
        os.kill(os.getpid(), signal.SIGKILL)

    # The kernel tells nothing of a parent that had gone before it was asked, or of a command that
    # is gone while the server lives on.
    threading.Thread(target=watch, daemon=True).start()


def with_parent() -> Callable[[], None]:
    """Return what a program started by this process runs first, to be killed when it ends."""
    adopt_orphans()
    parent = os.getpid()

    def child() -> None:
        ask_kernel(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)

    return child


class _Adopting:
    """Whether a command is the parent of orphans, and the children that it had before."""

    began = False
    before: frozenset[int] = frozenset()


def adopt_orphans() -> None:
    """Let a command become the parent of what a child leaves behind, for `end_children`."""
    if interrupts.caught() and not _Adopting.began:
        _Adopting.began = True
        _Adopting.before = frozenset(child.pid for child in psutil.Process().children())
        ask_kernel(PR_SET_CHILD_SUBREAPER, 1)


def end_left_over() -> None:
    """End what programs that this command has started have left behind."""
    if _Adopting.began:
        end_children()


def end_children() -> None:
    """End all processes that descend from this one: ask first, and kill what stays.

    Left alone are those that were there before it started any, as where a shell has replaced itself
    by this command. The tracker of multiprocessing's semaphores ends when this process does, and
    would be started again if it ended earlier.
    """
    for _ in range(3):
        children = _descendants()
        if not children:
            return
        for child in children:
            _send(child, signal.SIGTERM)
        _, left = psutil.wait_procs(children, timeout=MOMENT)
        for child in left:
            _send(child, signal.SIGKILL)
        psutil.wait_procs(left, timeout=1)


def _descendants() -> list[psutil.Process]:
    found = []
    for child in psutil.Process().children(recursive=True):
        try:
            tracks = "multiprocessing.resource_tracker" in " ".join(child.cmdline())
            if not tracks and child.pid not in _Adopting.before:
                found.append(child)
        except psutil.Error:
            continue
    return found


def _send(child: psutil.Process, number: signal.Signals) -> None:
    try:
        child.send_signal(number)
    except psutil.Error:
        return


def waited_for_processor(pid: int) -> float:
    """Return the seconds for which a process was ready to run and did not; 0 if nobody knows."""
    try:
        with open(f"/proc/{pid}/schedstat", encoding="ascii") as file:
            return int(file.read().split()[1]) / 1e9
    except (OSError, ValueError, IndexError):
        return 0.0


_LIBC: Final = ctypes.CDLL(None, use_errno=True)


def ask_kernel(request: int, value: int) -> None:
    """Ask the kernel of Linux for something about this process; others have no such call."""
    if sys.platform == "linux":
        _LIBC.prctl(request, value, 0, 0, 0)
