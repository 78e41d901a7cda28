"""Threads of a random schedule: what each is doing, and what it sees of the others' steps."""

from collections.abc import Callable, Generator, Sequence
from typing import Protocol, TypeVar

from spanspec.base.ids import NOBODY
from spanspec.base.words import U32, U64
from spanspec.events import span_events as ev
from spanspec.events.fields import EventBase
from spanspec.heap.courses.course import Course, Waits
from spanspec.heap.decisions import Decisions
from spanspec.pages.pageheap import Actor

Section = Generator[EventBase, None, int | None]
Ending = Callable[[int | bool | None], None]
Item = TypeVar("Item")


class Chance(Protocol):
    """What decides by lot: `random.Random`, or who takes no chances."""

    def random(self) -> float:
        """Return a number from 0 up to 1."""
        ...

    def choice(self, seq: Sequence[Item]) -> Item:
        """Return one of some items."""
        ...


class ProcThread:
    """A P and its thread: the operation it is in, and what its recorder has still to note.

    `refills` is the span class that it refills, and `sweeps` that of the span it sweeps, -1 for
    none: its next step may be about the lists of these. `popped` is the span that it has popped
    and sweeps, NOBODY for none; `waits` what it waits for, if it does.
    """

    def __init__(self, number: int) -> None:
        self.actor = Actor(number, number)
        self.course: Course[object] | None = None
        self.section: Section | None = None
        self.ending: Ending | None = None
        self.wants: int | None = None
        self.answer: int | None = None
        self.refills = self.sweeps = -1
        self.last: EventBase | None = None
        self.late: EventBase | None = None
        self.claimed_after = self.uncached_after = 0
        self.waits: Waits | None = None
        self.popped = NOBODY

    @property
    def idle(self) -> bool:
        """Whether it is in no operation, waits for no pages, and all it did was noted."""
        between = self.course is None and self.section is None and self.wants is None
        return between and self.late is None


class RacingDecisions(Decisions):
    """Decides like a heap on its own, but a store that was only announced may not be seen yet."""

    def __init__(self, rng: Chance) -> None:
        super().__init__()
        self._rng = rng
        self.lines = 0
        self.bound = 0
        self.announced: dict[int, U32] = {}
        self.on_marked: Callable[[], None] = lambda: None

    def settle(self, rng: Chance) -> None:
        """Draw from elsewhere what others see early or late."""
        self._rng = rng

    def bytes_marked(self) -> U64:
        """Return the bytes of what is marked, once that is decided."""
        self.on_marked()
        return super().bytes_marked()

    def seen_generation(self, span: int) -> U32:
        """Return the span's sweepgen, or the one before if its store was only announced."""
        before = self.announced.get(span)
        if before is not None and self._rng.random() < 0.5:
            return before
        return super().seen_generation(span)

    def not_before(self) -> int:
        """Return the line at which the acting thread's step can have happened at the earliest."""
        return self.bound or self.lines + 1


def frees_pages(last: EventBase | None) -> bool:
    """Tell whether the step after this one gives a span back to the page heap."""
    if isinstance(last, ev.CentralFreesSpan):
        return last.freed == 1
    return isinstance(last, ev.SweepResult) and last.large_dead == 1


def walks(last: EventBase | None) -> int:
    """Return the span class whose lists a thread is walking, and has locked; -1 for none."""
    if isinstance(last, ev.CentralSkips):
        return last.spanclass
    if isinstance(last, ev.SweepClaim) and last.by.startswith("cs-"):
        return last.spanclass
    return -1
