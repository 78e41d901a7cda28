"""The same work for many items, in worker processes of which one may be killed."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from typing import Final, NoReturn, TypeVar

from spanproof.support.processes import pool

Item = TypeVar("Item")
Result = TypeVar("Result")

ALONE: Final = 2
"""How often an item is tried alone: the first worker to be killed may have been another one's."""

KILLED: Final = (
    f"its process was killed, also {ALONE} times when it was tried alone: out of memory?"
)
"""What is told of an item whose worker is killed each time."""


def lost(item: object) -> NoReturn:
    """Say of an item whose worker is killed each time that nothing can come of it.

    Raises: BrokenProcessPool.
    """
    raise BrokenProcessPool(f"{item}: {KILLED}")


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
    """
    waiting = deque(items)
    while waiting:
        left: list[Item] = []
        yield from _side_by_side(waiting, min(workers, len(items)), preload, work, left)
        for item in left:
            yield _alone(item, preload, work, killed)


def _side_by_side(
    waiting: deque[Item],
    workers: int,
    preload: Sequence[str],
    work: Callable[[Item], Result],
    left: list[Item],
) -> Iterator[Result]:
    """Do what is waiting; if a worker is killed, stop, and tell what was under way."""
    with pool(workers, preload=preload) as processes:
        running: dict[Future[Result], Item] = {}
        while waiting or running:
            try:
                while waiting and len(running) < workers:
                    running[processes.submit(work, waiting[0])] = waiting[0]
                    waiting.popleft()
            except BrokenProcessPool:
                left += running.values()
                return
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                item = running.pop(future)
                try:
                    result = future.result()
                except BrokenProcessPool:
                    left.append(item)
                else:
                    yield result
            if left:
                left += running.values()
                return


def _alone(
    item: Item,
    preload: Sequence[str],
    work: Callable[[Item], Result],
    killed: Callable[[Item], Result],
) -> Result:
    """Do what was under way, or about to be, when a worker was killed."""
    for _ in range(ALONE):
        with pool(1, preload=preload) as processes, suppress(BrokenProcessPool):
            return processes.submit(work, item).result()
    return killed(item)
