"""The same work for many items, in worker processes of which one may be killed."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Future, wait
from contextlib import suppress
from threading import Lock
from typing import Final, NoReturn, TypeVar

from spanproof.support.processes.pools import pool

Item = TypeVar("Item")
Given = TypeVar("Given")
Result = TypeVar("Result")

ALONE: Final = 2
"""How often an item is tried alone: the first worker to be killed may have been another one's."""

KILLED: Final = (
    f"its process was killed, also {ALONE} times when it was tried alone: out of memory?"
)
"""What is told of an item whose worker is killed each time."""


_ONE: Final = Lock()


def one_at_a_time(work: Callable[[Given], Result], given: Given) -> Result:
    """Do a piece of work while this process does no other.

    A worker of a cluster may have several threads. But what is decided and what is patched is one
    for the whole process.
    """
    with _ONE:
        return work(given)


class Lost(BrokenExecutor):
    """Nothing can come of some items: they have their workers killed each time."""


def lost(item: object) -> NoReturn:
    """Say of an item whose worker is killed each time that nothing can come of it.

    Raises: Lost.
    """
    raise Lost(f"{item}: {KILLED}")


def each_result(
    items: Sequence[Item],
    workers: int,
    preload: Sequence[str],
    work: Callable[[Item], Result],
    killed: Callable[[Item], Result],
) -> Iterator[Result]:
    """Yield the result of each item, as it is reached; `preload` are modules that workers need.

    If a worker is killed, what was under way is tried again, each alone; what has its worker killed
    then, too, comes to what `killed` says, and the rest goes on. On an interrupt, what is under way
    is abandoned and the interrupt passed on.

    Raises: Lost at the end, with all of which `killed` says that nothing can come.
    """

    def unchanged(item: Item) -> Item:
        return item

    return each_result_of(items, workers, preload, work, killed, unchanged)


def each_result_of(
    items: Sequence[Item],
    workers: int,
    preload: Sequence[str],
    work: Callable[[Given], Result],
    killed: Callable[[Item], Result],
    given: Callable[[Item], Given],
) -> Iterator[Result]:
    """Do what `each_result` does; a worker gets what `given` says when its turn has come.

    So it may depend on results that were reached before.
    """
    waiting = deque(items)
    hopeless: list[str] = []
    while waiting:
        left: list[Item] = []
        yield from _side_by_side(waiting, min(workers, len(items)), preload, work, left, given)
        for item in left:
            try:
                result = _alone(item, preload, work, killed, given)
            except Lost as problem:
                hopeless.append(str(problem))
            else:
                yield result
    if hopeless:
        raise Lost("; ".join(hopeless))


def _side_by_side(
    waiting: deque[Item],
    workers: int,
    preload: Sequence[str],
    work: Callable[[Given], Result],
    left: list[Item],
    given: Callable[[Item], Given],
) -> Iterator[Result]:
    """Do what is waiting; if a worker is killed, stop, and tell what was under way."""
    with pool(workers, preload=preload) as processes:
        running: dict[Future[Result], Item] = {}
        while waiting or running:
            try:
                while waiting and len(running) < workers:
                    running[processes.submit(one_at_a_time, work, given(waiting[0]))] = waiting[0]
                    waiting.popleft()
            except BrokenExecutor:
                left += running.values()
                return
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                item = running.pop(future)
                try:
                    result = future.result()
                except BrokenExecutor:
                    left.append(item)
                else:
                    yield result
            if left:
                left += running.values()
                return


def _alone(
    item: Item,
    preload: Sequence[str],
    work: Callable[[Given], Result],
    killed: Callable[[Item], Result],
    given: Callable[[Item], Given],
) -> Result:
    """Do what was under way, or about to be, when a worker was killed."""
    for _ in range(ALONE):
        with pool(1, preload=preload) as processes, suppress(BrokenExecutor):
            return processes.submit(one_at_a_time, work, given(item)).result()
    return killed(item)
