"""Processes that a command starts: none of them outlives it, however it ends.

Work in Python goes to a pool::

    with pool(workers, preload=["spanproof.decide.suite"]) as processes:
        for future in as_completed([processes.submit(decide, job) for job in jobs]):
            yield future.result()

Leaving the block kills the workers, whether by its end, an exception, an interrupt or a generator
that is closed, and drops what has no result yet. A worker leaves signals from the terminal to the
command, and ends by itself when the command is gone, even if that was killed.

A program (`subprocess.run`, `subprocess.Popen`) is started with `preexec_fn=with_parent()`: the
kernel kills it when its parent ends. A process of Python that `multiprocessing` starts without a
pool calls `end_with_parent()` first. Start either from the main thread: to the kernel the parent is
the thread. What a program started on its own account, also in a session of its own, is ended with
the command, by `end_children()` for an interrupted one.
"""

import ctypes
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from contextvars import ContextVar
from errno import EAGAIN
from importlib import import_module
from multiprocessing import (
    active_children,
    forkserver,
    get_context,
    parent_process,
    resource_tracker,
)
from multiprocessing.connection import wait
from multiprocessing.util import get_temp_dir
from types import FrameType
from typing import Final, ParamSpec, TypeVar

import psutil

from spanproof.support import interrupts
from spanproof.support.tools import Missing

Given = ParamSpec("Given")
Result = TypeVar("Result")

PR_SET_PDEATHSIG: Final = 1
PR_SET_CHILD_SUBREAPER: Final = 36
"""Requests to prctl(2): a signal when the parent ends; to become the parent of orphans."""

CONNECT: Final = 10
"""Seconds in which a cluster's scheduler has to answer."""

RETRIES: Final = 3
"""How often work is done again whose worker was lost."""

_SCHEDULER: Final[ContextVar[str]] = ContextVar("scheduler", default="")

QUIET: Final = "spanproof.support.quietserver"
"""The module that the server of workers loads first, so that it prints no traceback."""

OWN_TASKS: Final = 4
"""Threads and processes of a pool beside its workers, which have a thread each: the manager of the
pool, the one that fills its queue, the server, and the tracker of semaphores.
"""

NO_MORE: Final = "no more processes can be started (ulimit -u)"

LONGEST_FOLDER: Final = 75
SHORT_FOLDER: Final = "/tmp"
"""Bytes that the folder for temporary files may have in its name, as a socket's name has 107 and 32
are `multiprocessing`'s; and the one that stands in for a longer one.
"""

MOMENT: Final = 0.5
"""Seconds in which a process can tidy up after SIGTERM, before it is killed."""


@contextmanager
def pool(workers: int, preload: Sequence[str] = (), scheduler: str = "") -> Iterator[Executor]:
    """Give a pool of worker processes, each forked from a server that has loaded some modules.

    The server is one for the whole command: modules to preload are those of its first pool. With
    the address of a scheduler of Dask, such as tcp://host:8786, or inside of `pools_at` one, the
    workers are those of its cluster, which must have this package; one that is lost is replaced,
    and its work done again. What loses its worker again and again has broken the pool.

    Raises: Missing without the package `distributed`; OSError if there is no such cluster, and
        where work is submitted, too, if the system lets no more processes be started.
    """
    scheduler = scheduler or _SCHEDULER.get()
    if scheduler:
        with cluster(scheduler) as executor:
            yield executor
        return
    make_sure_of_room(OWN_TASKS + 2 * workers)
    get_ready(preload)
    others = set(active_children())
    processes = Workers(workers, mp_context=get_context("forkserver"), initializer=_serve)
    try:
        yield processes
    finally:
        started = [child for child in active_children() if child not in others]
        processes.shutdown(wait=False, cancel_futures=True)
        # Waiting for them may last for ever: where one of them was killed, the executor asks the
        # others to end by SIGTERM, which they leave to the command, and its queue may be stuck.
        for child in started:
            child.kill()
        wait([child.sentinel for child in started], timeout=2)


class Workers(ProcessPoolExecutor):
    """A pool whose server of workers may come to its end, since the system lets it fork no more."""

    def submit(
        self, fn: Callable[Given, Result], /, *args: Given.args, **kwargs: Given.kwargs
    ) -> Future[Result]:
        """Have a function called by a worker. Raises: OSError if none can be started."""
        try:
            return super().submit(fn, *args, **kwargs)
        except EOFError:
            raise BlockingIOError(EAGAIN, NO_MORE) from None


def make_sure_of_room(tasks: int) -> None:
    """Start so many threads for a moment, which to the system are the same as processes.

    A pool that can start some of its threads and not all of them would never come to an end.

    Raises: OSError if the system does not let them be started.
    """
    enough = threading.Event()
    started: list[threading.Thread] = []
    try:
        for _ in range(tasks):
            thread = threading.Thread(target=enough.wait, daemon=True)
            thread.start()
            started.append(thread)
    except RuntimeError:
        raise BlockingIOError(EAGAIN, NO_MORE) from None
    finally:
        enough.set()
        for thread in started:
            thread.join()


def get_ready(preload: Sequence[str]) -> None:
    """Start the server that workers are forked from, which loads modules while others load here.

    Nothing waits for it. The first pool has to ask for the same modules.
    """
    _adopt_orphans()
    get_context("forkserver").set_forkserver_preload([QUIET, *preload])
    # While it loads them, the server has Python's own handler of SIGINT, which prints a traceback.
    # It is not needed there: the server ends when the command does. Who starts the tracker, as the
    # server's beginning does, lets SIGINT come in again.
    start_tracker()
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)


def start_tracker() -> None:
    """Start the tracker of multiprocessing's semaphores, which leaves signals to the command.

    By itself it does not leave SIGHUP: a closed terminal would end it before the command, which
    starts another then, and that one knows nothing of the semaphores and prints so.
    """
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
    try:
        resource_tracker.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)


@contextmanager
def pools_at(scheduler: str) -> Iterator[None]:
    """Let the pools that are opened meanwhile be those of a cluster, unless its address is empty.

    So what uses a pool need not know where its workers are.
    """
    token = _SCHEDULER.set(scheduler)
    try:
        yield
    finally:
        _SCHEDULER.reset(token)


@contextmanager
def cluster(scheduler: str) -> Iterator[Executor]:
    """Give the workers of a Dask cluster as a pool.

    Raises: Missing, OSError as `pool` does.
    """
    try:
        distributed = import_module("distributed")
    except ImportError:
        raise Missing("--scheduler needs distributed: pip install 'spanspec[cluster]'") from None
    with distributed.Client(scheduler, timeout=CONNECT, set_as_default=False) as client:
        executor: Executor = client.get_executor(pure=False, retries=RETRIES)
        try:
            yield OfCluster(executor, distributed.KilledWorker)
        finally:
            executor.shutdown(wait=False)


class OfCluster(Executor):
    """A cluster's workers, of which a lost one shows as in any other pool."""

    def __init__(self, executor: Executor, lost: type[Exception]) -> None:
        self._executor = executor
        self._lost = lost

    def submit(
        self, fn: Callable[Given, Result], /, *args: Given.args, **kwargs: Given.kwargs
    ) -> Future[Result]:
        """Have a function called by a worker."""
        told: Future[Result] = Future()

        def hear(done: Future[Result]) -> None:
            if done.cancelled():
                told.cancel()
                return
            problem = done.exception()
            if isinstance(problem, self._lost):
                problem = BrokenProcessPool(str(problem))
            if problem is not None:
                told.set_exception(problem)
            else:
                told.set_result(done.result())

        self._executor.submit(fn, *args, **kwargs).add_done_callback(hear)
        return told


def _serve() -> None:
    """Prepare a worker: its signals are the command's affair, and so is its end."""
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        # Not SIG_IGN, which programs that a worker starts would inherit.
        signal.signal(number, _left_to_the_command)
    if "z3" in sys.modules:
        # It would take an interrupt from the terminal for a reason to answer `unknown`.
        sys.modules["z3"].set_param("ctrl_c", False)
    sys.excepthook = sys.__excepthook__  # the server's is silent
    try:
        end_with_parent()
    except RuntimeError:
        os._exit(1)  # there is no thread to be had that would watch over it


def _left_to_the_command(number: int, frame: FrameType | None) -> None:
    """Do nothing about a signal."""


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
    _adopt_orphans()
    parent = os.getpid()

    def child() -> None:
        ask_kernel(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)

    return child


def _keep_sockets_near() -> None:
    """Let `multiprocessing` have its sockets in a folder whose name is short enough for one."""
    if len(os.fsencode(tempfile.gettempdir())) > LONGEST_FOLDER:
        usual, tempfile.tempdir = tempfile.tempdir, SHORT_FOLDER
        try:
            get_temp_dir()  # it makes one now, and stays with it
        finally:
            tempfile.tempdir = usual


class _Adopting:
    """Whether a command is the parent of orphans, and the children that it had before."""

    began = False
    before: frozenset[int] = frozenset()


def _adopt_orphans() -> None:
    """Let a command become the parent of what a child leaves behind, for `end_children`."""
    _keep_sockets_near()
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
