"""Driving a heap that runs on its own: operations run to their end, and tell what they do."""

from collections.abc import Callable, Generator
from typing import TypeVar

from spanspec.base.words import U32
from spanspec.events.fields import EventBase
from spanspec.heap.decisions import Decisions
from spanspec.heap.state import Course, HeapState, NeedPages, StopsWorld, Waits
from spanspec.pages.arena import Os
from spanspec.pages.pagealloc import allocate
from spanspec.pages.pageheap import Actor, PageHeap
from spanspec.pages.runs import PhysicalPages

Result = TypeVar("Result")


class Machine:
    """The state of a heap, what it decides by itself, and the observations of the step at hand."""

    def __init__(
        self,
        os: Os | None,
        phys: PhysicalPages,
        on_event: Callable[[EventBase], None] | None,
        decisions: Decisions | None = None,
        sweepgen: U32 = 0,
    ) -> None:
        self.decisions = Decisions() if decisions is None else decisions
        self.state = HeapState(self.decisions, PageHeap(self.decisions, os, phys), sweepgen)
        self.decisions.state = self.state
        self.observed: list[EventBase] = []
        self._on_event = on_event
        self.on_wait: Callable[[], None] | None = None

    def tell(self, event: EventBase) -> None:
        """Add an observation."""
        self.observed.append(event)
        self.decisions.told(event)
        if self._on_event is not None:
            self._on_event(event)

    def drive(self, actor: Actor, course: Course[Result]) -> Result:
        """Run an operation to its end, with pages from the page heap as it asks for them."""
        answer: int | None = None
        try:
            while True:
                step = course.send(answer)
                answer = None
                if isinstance(step, NeedPages):
                    answer = self._follow(allocate(self.state.pages, actor, step.npages))
                elif isinstance(step, Waits):
                    self._wait(step)
                elif not isinstance(step, StopsWorld):  # it is stopped: nobody else is at work
                    self.tell(step)
        except StopIteration as end:
            result: Result = end.value
            return result

    def _wait(self, step: Waits) -> None:
        """Let other threads go on, if there are any: `on_wait` comes back when one has."""
        while not step.until():
            if self.on_wait is None:
                raise RuntimeError("an operation waits for a thread that does not exist")
            self.on_wait()

    def _follow(self, section: Generator[EventBase, None, Result]) -> Result:
        """Run a section under the lock of the page heap to its end."""
        try:
            while True:
                self.tell(next(section))
        except StopIteration as end:
            result: Result = end.value
            return result
