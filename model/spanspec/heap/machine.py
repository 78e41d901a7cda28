"""Driving a heap that runs on its own: operations take their steps, and tell what they do."""

from collections.abc import Callable, Generator
from typing import Final, TypeVar, cast

from spanspec.base.words import U32
from spanspec.events.fields import EventBase
from spanspec.heap.courses.course import Course, NeedPages, StopsWorld, Waits
from spanspec.heap.decisions import Decisions
from spanspec.heap.state.state import HeapState
from spanspec.pages.courses.pagealloc import allocate
from spanspec.pages.memory.arena import Os
from spanspec.pages.pageheap import Actor, PageHeap
from spanspec.pages.tables.runs import PhysicalPages

Result = TypeVar("Result")

Steps = Generator[EventBase | Waits, None, Result]
"""An operation that goes on when it is told to: after each observation, and while it waits."""


ALONE: Final = "an operation waits for a thread that does not exist"


def completed(steps: Steps[Result]) -> Result:
    """Take all steps of an operation, with no other in between, and return its result.

    Raises: RuntimeError if it waits for another thread, as there is none.
    """
    try:
        while True:
            if type(next(steps)) is Waits:
                raise RuntimeError(ALONE)
    except StopIteration as end:
        result: Result = end.value
        return result


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
        self._lines = self.decisions.telling
        self.observed: list[EventBase] = []
        self._on_event = on_event

    def tell(self, event: EventBase) -> None:
        """Add an observation."""
        self.observed.append(event)
        self._lines.tell(event)
        if self._on_event is not None:
            self._on_event(event)

    def drive(self, actor: Actor, course: Course[Result]) -> Result:
        """Run an operation to its end.

        It is what `completed(self.steps(...))` does, with nobody in between to be told of each
        step: handing steps on takes longer than many of them.

        Raises: RuntimeError if it waits for another thread, as there is none.
        """
        answer: int | None = None
        while True:
            try:
                step = course.send(answer)
            except StopIteration as end:
                result: Result = end.value
                return result
            answer = None
            if type(step) is NeedPages:
                answer = self._whole(allocate(self.state.pages, actor, step.npages))
            elif type(step) is Waits:
                if not step.until():
                    raise RuntimeError(ALONE)
            elif type(step) is not StopsWorld:
                self.tell(cast(EventBase, step))

    def _whole(self, section: Generator[EventBase, None, Result]) -> Result:
        """Run a section under the lock of the page heap to its end."""
        while True:
            try:
                step = next(section)
            except StopIteration as end:
                result: Result = end.value
                return result
            self.tell(step)

    def steps(
        self, actor: Actor, course: Course[Result], whole_sections: bool = False
    ) -> Steps[Result]:
        """Run an operation step by step, with pages from the page heap as it asks for them.

        Other operations may take steps in between; but for one that stops the world. With
        `whole_sections`, those under the lock of the page heap are one step each.
        """
        answer: int | None = None
        while True:
            try:
                step = course.send(answer)
            except StopIteration as end:
                result: Result = end.value
                return result
            answer = None
            # By class: to ask of what else is a record takes as long as a small step.
            if type(step) is NeedPages:
                section = allocate(self.state.pages, actor, step.npages)
                answer = yield from self._told(section, whole_sections)
            elif type(step) is Waits:
                # Asked again each time: another thread may have undone what it had waited for.
                while not step.until():
                    yield step
            elif type(step) is not StopsWorld:  # it is stopped: nobody else is at work
                event = cast(EventBase, step)
                self.tell(event)
                yield event

    def _told(self, section: Generator[EventBase, None, Result], whole: bool) -> Steps[Result]:
        """Run a section under the lock of the page heap step by step, or to its end."""
        last: EventBase | None = None
        while True:
            try:
                step = next(section)
            except StopIteration as end:
                result: Result = end.value
                break
            self.tell(step)
            last = step
            if not whole:
                yield step
        # Not above: a compiled generator that is closed where it has yielded inside of an exception
        # handler makes its caller lose the exception that it handles.
        if whole and last is not None:
            yield last
        return result
