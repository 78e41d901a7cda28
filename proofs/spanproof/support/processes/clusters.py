"""The workers of a Dask cluster, in place of processes of this machine."""

from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future
from contextlib import contextmanager
from contextvars import ContextVar
from importlib import import_module
from typing import Final, ParamSpec, TypeVar

from spanproof.support.tools import Missing

Given = ParamSpec("Given")
Result = TypeVar("Result")

CONNECT: Final = 10
"""Seconds in which a cluster's scheduler has to answer."""

RETRIES: Final = 3
"""How often work is done again whose worker was lost."""

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

    Raises: Missing without the package `distributed`; OSError if there is no such cluster.
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
                problem = BrokenExecutor(str(problem))
            if problem is not None:
                told.set_exception(problem)
            else:
                told.set_result(done.result())

        self._executor.submit(fn, *args, **kwargs).add_done_callback(hear)
        return told
