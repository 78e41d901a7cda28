"""The workers of a Dask cluster, in place of processes of this machine."""

import logging
import re
from collections.abc import Callable, Iterator, Sized
from concurrent.futures import BrokenExecutor, Executor, Future, InvalidStateError
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from importlib import import_module
from threading import Event, Thread
from typing import Final, ParamSpec, TypeVar, cast

from spanproof.support.tools import Missing

Given = ParamSpec("Given")
Result = TypeVar("Result")

CONNECT: Final = 10
"""Seconds in which a cluster's scheduler has to answer, and to have a worker at first."""

LOOK: Final = 2.0
PATIENCE: Final = 60.0
"""Seconds between looks whether a cluster has workers still, and those that it may have none."""

RETRIES: Final = 3
"""How often work is done again whose worker was lost."""

LOST: Final = "the scheduler of the cluster is gone"

ADDRESS: Final = re.compile(r"((tcp|tls|wss?|ucx)://)?(\[[^\]]+\]|[^:/]+):[0-9]{1,5}|inproc://.+")
"""What the address of a scheduler looks like: at another one Dask tries for half a minute."""

_SCHEDULER: Final[ContextVar[str]] = ContextVar("scheduler", default="")


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


def scheduler_in_force() -> str:
    """Return the address of the cluster of whose workers pools are made now, "" for none."""
    return _SCHEDULER.get()


@contextmanager
def cluster(scheduler: str) -> Iterator[Executor]:
    """Give the workers of a Dask cluster as a pool.

    Raises: Missing without the package `distributed`; OSError if there is no such cluster, or it
        has no workers.
    """
    if not ADDRESS.fullmatch(scheduler):
        raise ConnectionError(f"{scheduler}: no address of a scheduler, such as tcp://host:8786")
    try:
        distributed = import_module("distributed")
    except ImportError:
        raise Missing("--scheduler needs distributed: pip install 'spanspec[cluster]'") from None
    # What it would log of a connection that is lost is told by a command, in one line.
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    logging.getLogger("distributed.client").setLevel(logging.CRITICAL)
    with distributed.Client(scheduler, timeout=CONNECT, set_as_default=False) as client:
        try:
            client.wait_for_workers(1, timeout=CONNECT)
        except TimeoutError:
            raise ConnectionError(f"the cluster at {scheduler} has no workers") from None
        executor: Executor = client.get_executor(pure=False, retries=RETRIES)
        workers = OfCluster(executor, distributed.KilledWorker)
        over = Event()
        Thread(target=watch, args=(client.nthreads, workers.give_up, over), daemon=True).start()
        try:
            yield workers
        finally:
            over.set()
            if client.status == "running":
                executor.shutdown(wait=False)


def watch(workers: Callable[[], Sized], give_up: Callable[[], None], over: Event) -> None:
    """Give up once a cluster has had no workers for some time: work would wait for ever."""
    without = 0.0
    while not over.wait(LOOK):
        try:
            has_some = len(workers()) > 0
        except Exception:  # a scheduler that is gone shows in what it was given to do
            continue
        without = 0.0 if has_some else without + LOOK
        if without >= PATIENCE:
            give_up()
            return


class OfCluster(Executor):
    """A cluster's workers, of which a lost one shows as in any other pool.

    So does a scheduler that is lost: what it was given to do has broken the pool, and a pool that
    is opened anew finds it again, or says that it is gone.
    """

    def __init__(self, executor: Executor, lost: type[Exception]) -> None:
        self._executor = executor
        self._lost = lost
        self._waiting: set[Future[object]] = set()

    def submit(
        self, fn: Callable[Given, Result], /, *args: Given.args, **kwargs: Given.kwargs
    ) -> Future[Result]:
        """Have a function called by a worker."""
        told: Future[Result] = Future()
        waits = cast("Future[object]", told)
        self._waiting.add(waits)

        def hear(done: Future[Result]) -> None:
            self._waiting.discard(waits)
            # Nobody here cancels anything: Dask does, when it has lost its scheduler.
            problem = BrokenExecutor(LOST) if done.cancelled() else done.exception()
            if isinstance(problem, self._lost):
                problem = BrokenExecutor(str(problem))
            with suppress(InvalidStateError):  # it was given up
                if problem is not None:
                    told.set_exception(problem)
                else:
                    told.set_result(done.result())

        try:
            self._executor.submit(fn, *args, **kwargs).add_done_callback(hear)
        except Exception:  # of Dask's own, as its connection is closed
            told.set_exception(BrokenExecutor(LOST))
        return told

    def give_up(self) -> None:
        """Let nobody wait any longer for what was given to workers."""
        for told in list(self._waiting):
            with suppress(InvalidStateError):
                told.set_exception(BrokenExecutor("the cluster has no workers any more"))
