"""Pools of worker processes, for work in Python.

Use them so::

    with pool(workers, preload=["spanproof.decide.suite"]) as processes:
        for future in as_completed([processes.submit(decide, job) for job in jobs]):
            yield future.result()

Leaving the block kills the workers, whether by its end, an exception, an interrupt or a generator
that is closed, and drops what has no result yet. A worker leaves signals from the terminal to the
command, and ends by itself when the command is gone, even if that was killed. One that is killed
breaks the pool: its work comes to a `BrokenExecutor`, of whichever kind.
"""

import os
import signal
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from contextlib import contextmanager
from errno import EAGAIN
from multiprocessing import active_children, forkserver, get_context, resource_tracker
from multiprocessing.connection import wait
from multiprocessing.util import get_temp_dir
from types import FrameType
from typing import Final, ParamSpec, TypeVar

from spanproof.support.processes.children import adopt_orphans, end_with_parent
from spanproof.support.processes.clusters import cluster, scheduler_in_force

Given = ParamSpec("Given")
Result = TypeVar("Result")

QUIET: Final = "spanproof.support.processes.quietserver"
"""The module that the server of workers loads first, so that it prints no traceback."""

OWN_TASKS: Final = 4
"""Threads and processes of a pool beside its workers, which have a thread each: the manager of the
pool, the one that fills its queue, the server, and the tracker of semaphores.
"""

NO_MORE: Final = "no more processes can be started (ulimit -u)"
SERVER_ENDED: Final = (
    "the server that starts processes has ended: the system lets it start no more (ulimit -u), "
    "or it was killed"
)

LONGEST_FOLDER: Final = 75
SHORT_FOLDER: Final = "/tmp"
"""Bytes that the folder for temporary files may have in its name, as a socket's name has 107 and 32
are `multiprocessing`'s; and the one that stands in for a longer one.
"""


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
    scheduler = scheduler or scheduler_in_force()
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
    """A pool whose server of workers may come to its end.

    It does where the system lets it fork no more, and where it is killed; nothing tells these
    apart.
    """

    def submit(
        self, fn: Callable[Given, Result], /, *args: Given.args, **kwargs: Given.kwargs
    ) -> Future[Result]:
        """Have a function called by a worker. Raises: OSError if none can be started."""
        try:
            return super().submit(fn, *args, **kwargs)
        except EOFError:
            raise BlockingIOError(EAGAIN, SERVER_ENDED) from None


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
    _keep_sockets_near()
    adopt_orphans()
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


def _keep_sockets_near() -> None:
    """Let `multiprocessing` have its sockets in a folder whose name is short enough for one."""
    if len(os.fsencode(tempfile.gettempdir())) > LONGEST_FOLDER:
        usual, tempfile.tempdir = tempfile.tempdir, SHORT_FOLDER
        try:
            get_temp_dir()  # it makes one now, and stays with it
        finally:
            tempfile.tempdir = usual


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
