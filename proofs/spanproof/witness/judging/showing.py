"""Which thread shows that it is at an operation with a span: by its stack and what it has at hand.

A thread is in the middle of one operation at most, and has a span in each role at most: a refill
lets go of one, and looks for another.
"""

from typing import Final, NamedTuple

from spanproof.witness.judging.finding import JudgedImage
from spanproof.witness.judging.gofunctions import is_one_of
from spanproof.witness.judging.operations import (
    SETS,
    at_sets,
    doing,
    innermost,
    is_throwing,
    tasks_checked_by,
)
from spanproof.witness.judging.thrown import rule_of
from spanproof.witness.reading.image import SpanImage, ThreadImage

PAGES: Final = "pages"
"""The role of a span that comes from the page heap, or goes there."""


class Evidence(NamedTuple):
    """What shows that an operation is under way: the thread, and how; or that it might be."""

    thread: ThreadImage
    how: str
    role: str
    certain: bool


Place = tuple[int, str]
"""A thread, by its M, and the role in which it has a span: it has one in each at most."""


class Showing:
    """What the threads of an image show, each for one span in each role."""

    def __init__(self, scene: JudgedImage) -> None:
        self.scene = scene
        self.taken: dict[Place, int] = {}
        self.candidates: dict[tuple[int, str], list[Evidence]] = {}
        by_m = {thread.m: thread for thread in scene.image.threads}
        self.of_proc = {
            number: by_m[proc.m] for number, proc in enumerate(scene.image.procs) if proc.m in by_m
        }

    def shown(
        self, span: SpanImage, names: tuple[str, ...], role: str, task: int | None = None
    ) -> Evidence | None:
        """Return the thread that shows that it is in some functions with a span, if one does.

        A thread that is there with another span does not, unless another thread shows that one;
        one that does not show with which span might.
        """
        certain, maybe = [], None
        for thread in self.scene.image.threads:
            function = (doing if role == PAGES else innermost)(thread, names)
            if not function or (task is not None and self.has_failed(thread, task)):
                continue
            how = f"thread {thread.thread} is in {function}"
            shows = self.with_span(thread, span)
            if not shows and is_one_of(thread.frames[0], SETS):
                shows = "between a set and a register"
            if shows:
                certain.append(Evidence(thread, f"{how}, {shows}", role, True))
            elif (thread.m, role) not in self.taken:
                maybe = maybe or Evidence(thread, how, role, False)
        certain.sort(key=lambda one: one.how.endswith("register"))
        self.candidates[span.descriptor, role] = certain
        return (
            self.kept(span.descriptor, role) or self.assigned(span.descriptor, role, set()) or maybe
        )

    def kept(self, descriptor: int, role: str) -> Evidence | None:
        """Return the thread that a span was given before, if it still shows it; else free it.

        A span that asks for another one while it has one could not be given its own again.
        """
        own = {place for place, one in self.taken.items() if one == descriptor and place[1] == role}
        for evidence in self.candidates[descriptor, role]:
            if (evidence.thread.m, role) in own:
                return evidence
        for place in own:
            del self.taken[place]
        return None

    def has_failed(self, thread: ThreadImage, task: int) -> bool:
        """Tell whether a thread is throwing by the check that comes before a task.

        It has not come to the task then: the step into it checks before it writes.
        """
        if not is_throwing(thread):
            return False
        return task in tasks_checked_by(rule_of(thread.message), self.scene.span_sets)

    def throws(self, span: SpanImage) -> bool:
        """Tell whether a thread that works with a span has found it damaged.

        The runtime's checks come before the writes of their operation, which excuse nothing then.
        """
        return any(
            is_throwing(thread) and self.with_span(thread, span)
            for thread in self.scene.image.threads
        )

    def with_span(self, thread: ThreadImage, span: SpanImage) -> str:
        """Return what shows that a thread works with a span, or ""."""
        where = thread.near.get(span.descriptor)
        if where is not None:
            return f"and has the span in its {where}"
        holders = {number for number, _ in self.scene.cached.get(span.descriptor, ())}
        if any(self.of_proc.get(number) is thread for number in holders):
            return "and its P has the span cached"
        if innermost(thread, at_sets()) and span.spanclass in thread.classes:
            return f"at the sets of class {span.spanclass}"
        return ""

    def assigned(self, descriptor: int, role: str, tried: set[Place]) -> Evidence | None:
        """Give a span one of the threads that show it; those of other spans may be exchanged."""
        for evidence in self.candidates.get((descriptor, role), ()):
            place = evidence.thread.m, evidence.role
            if place in tried:
                continue
            tried.add(place)
            other = self.taken.get(place, descriptor)
            if other == descriptor or self.assigned(other, role, tried) is not None:
                self.taken[place] = descriptor
                return evidence
        return None
