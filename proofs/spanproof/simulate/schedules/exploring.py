"""Every schedule of a few threads: that each course takes its steps only where they may be taken.

Random schedules find what is likely. Here a small system is explored to its end: each thread has a
few operations, and at each moment everyone who can go on is tried. A state that was seen before,
with the same threads at the same places, is not gone through again. What is told, with the schedule
that leads there: a step whose guard does not hold, a fatal check, an invariant that is broken, and
threads none of which can go on.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, TypeVar

from spanproof.simulate.schedules.racing import Interleaved
from spanproof.simulate.schedules.scenes import Malloc, Scene
from spanproof.simulate.schedules.threads import ProcThread
from spanspec.base.ids import NOBODY
from spanspec.events import span_events as ev
from spanspec.events.fields import EventBase
from spanspec.heap.courses.mcache import prepare_for_sweep
from spanspec.heap.courses.publishing import is_publishing, see_published
from spanspec.heap.courses.sweeping import finish_sweeping, sweepone
from spanspec.heap.snapshot import snapshot_of
from spanspec.invariants import violations
from spanspec.sharing.tables.records import IDLE
from spanspec.span.mspan import is_allocated, set_marked

Item = TypeVar("Item")

MOST_STATES: Final = 20_000
"""States after which an exploration gives up, and says so."""

LONGEST: Final = 1000
"""Moves after which a schedule, with what was done before it, counts as one that has no end.

None of a scene that holds has 200.
"""


class NotBegun(AssertionError):
    """What a scene says was done before cannot be done."""


class ThreadMove(NamedTuple):
    """A thread takes its next step; or others see, early, that a sweep of its is complete."""

    thread: int
    seen_early: bool = False

    def __str__(self) -> str:
        return f"{self.thread}{'*' if self.seen_early else ''}"


class Explored(NamedTuple):
    """What came of a scene: how much was explored, and what went wrong after which moves."""

    scene: str
    states: int
    moves: int
    complete: bool
    steps: Counter[str]
    failure: str | None = None
    schedule: tuple[ThreadMove, ...] = ()


class Settled:
    """Takes no chances: what is drawn at random elsewhere is a move here, or does not happen."""

    def random(self) -> float:
        """Return what lets nothing happen."""
        return 0.99

    def choice(self, seq: Sequence[Item]) -> Item:
        """Return the first one."""
        return seq[0]


class Scheduled(Interleaved):
    """A scene on the way: threads do what their programs say, and move when they are told to."""

    def __init__(self, scene: Scene, on_event: Callable[[EventBase], None] | None = None) -> None:
        super().__init__(0, len(scene.threads), on_event)
        self.rng = Settled()
        self._decisions.settle(self.rng)
        self._scene = scene
        self._left = [list(reversed(program)) for program in scene.threads]
        self._places = [0] * len(scene.threads)
        self._chosen = self._workers[0]
        self.made = 0
        for thread, operation in scene.before:
            self._left[thread].append(operation)
            while self._left[thread][len(scene.threads[thread]) :] or not self._at_rest():
                able = (
                    number for number, worker in enumerate(self._workers) if self._can_go(worker)
                )
                self._prepare(thread if self._can_go(self._workers[thread]) else next(able))
        self._places = [0] * len(scene.threads)

    def _prepare(self, thread: int) -> None:
        """Let a thread take a step of what was done before the scene.

        Raises: NotBegun if it goes wrong, or has no end: else it would be tried for ever.
        """
        failure = self.move(ThreadMove(thread)) or self.endless()
        if failure is not None:
            raise NotBegun(f"before the scene: {failure}")

    def _at_rest(self) -> bool:
        return not self._stopping and self.all_idle

    # --- moves ------------------------------------------------------------------------------------

    def moves(self) -> list[ThreadMove]:
        """Return what can happen next."""
        found = []
        for number, worker in enumerate(self._workers):
            if self._can_go(worker):
                found.append(ThreadMove(number))
            if self._publishes(worker) != NOBODY:
                found.append(ThreadMove(number, seen_early=True))
        return found

    def move(self, move: ThreadMove) -> str | None:
        """Let something happen; return what went wrong, if anything did."""
        self.made += 1
        self._chosen = worker = self._workers[move.thread]
        if move.seen_early:
            see_published(self.state, self._publishes(worker))
            return None
        self._places[move.thread] += 1
        try:
            self.act()
        except Exception as problem:
            return f"the model raises {type(problem).__name__}: {problem}"
        return None

    def _publishes(self, worker: ProcThread) -> int:
        span = worker.last.span if isinstance(worker.last, ev.SweepResult) else NOBODY
        return span if span != NOBODY and is_publishing(self.state, span) else NOBODY

    def _can_go(self, worker: ProcThread) -> bool:
        if worker.idle and not self._left[worker.actor.p] and not self._stopping:
            return False
        return super()._can_go(worker)

    def _next_worker(self) -> ProcThread:
        return self._chosen

    def _begin(self, worker: ProcThread) -> None:
        actor = worker.actor
        if self._unflushed(worker):
            flush = prepare_for_sweep(self.state, actor, self.state.mcache_of[actor.p])
            self._start(worker, "flush", flush)
            return
        match self._left[actor.p].pop():
            case Malloc(size=size):
                self._allocate(worker, size)
            case "sweep":
                self._start(worker, "sweep", sweepone(self.state, actor, "bg"))
            case "finish sweeping":
                self._start(worker, "finish", finish_sweeping(self.state, actor))
            case "stop the world":
                self._collect(worker)
            case "manual":
                self._manual_span(worker)

    def _mark(self) -> None:
        """Mark the objects that the scene says are alive."""
        for span, found in self.state.spans.items():
            record = found
            for slot in range(record.nelems):
                if is_allocated(record, slot) and self._scene.marks(span + slot):
                    record = set_marked(record, slot)
            self.state.spans[span] = record

    # --- what was reached -------------------------------------------------------------------------

    def key(self) -> tuple[object, ...]:
        """Return what the coming moves hang on: the state, and where each thread is."""
        threads = tuple(sorted((k, v) for k, v in self.state.tables.threads.records.items()))
        spans = tuple(sorted((k, v) for k, v in self.state.tables.spans.records.items()))
        places = tuple(
            (len(left), worker.idle, worker.waits is not None, place)
            for left, worker, place in zip(self._left, self._workers, self._places, strict=True)
        )
        return snapshot_of(self.state), threads, spans, places, self._stopping

    def wrong(self) -> str | None:
        """Return what is wrong with the state that was reached, if anything is."""
        for problem in violations(self.state, now=self._how_quiet()):
            return f"{problem.invariant}: {problem.what}"
        return None

    def endless(self) -> str | None:
        """Return that it goes on for too long, if it does."""
        return f"after {LONGEST} moves it has not ended" if self.made >= LONGEST else None

    def wrong_at_the_end(self) -> str | None:
        """Return what is wrong where nobody can go on any more."""
        if any(self._left) or not self._at_rest():
            return "nobody can go on"
        for thread, worker in self.state.tables.threads.records.items():
            if worker.task != IDLE:
                return f"thread {thread} has not ended what it was at: {worker}"
        return None


def events_of(scene: Scene, schedule: Sequence[ThreadMove]) -> list[EventBase]:
    """Return the events of a schedule, without those of what was done before.

    Where that cannot be done, they are those on the way there.
    """
    told: list[EventBase] = []
    try:
        run = Scheduled(scene, told.append)
    except NotBegun:
        return told
    told.clear()
    for move in schedule:
        run.move(move)
    return told


def explore(
    scene: Scene, most: int = MOST_STATES, on_state: Callable[[int], None] | None = None
) -> Explored:
    """Go through every schedule of a scene, up to so many states."""
    seen: set[tuple[object, ...]] = set()
    steps: Counter[str] = Counter()
    moves = 0
    waiting: list[tuple[ThreadMove, ...]] = [()]

    def outcome(complete: bool, failure: str | None, schedule: Sequence[ThreadMove]) -> Explored:
        return Explored(scene.name, len(seen), moves, complete, steps, failure, tuple(schedule))

    while waiting:
        schedule = list(waiting.pop())
        try:
            run = Scheduled(scene)
        except NotBegun as problem:
            return outcome(False, str(problem), ())
        for move in schedule:
            failure = run.move(move)
            moves += 1
            if failure is not None:
                return outcome(False, failure, schedule)
        while True:
            failure = run.wrong() or run.endless()
            if failure is not None:
                return outcome(False, failure, schedule)
            key = run.key()
            if key in seen:
                break
            seen.add(key)
            if on_state is not None:
                on_state(len(seen))
            if len(seen) >= most:
                return outcome(False, None, ())
            able = run.moves()
            if not able:
                failure = run.wrong_at_the_end()
                if failure is not None:
                    return outcome(False, failure, schedule)
                break
            waiting.extend((*schedule, other) for other in able[1:])
            schedule.append(able[0])
            moves += 1
            failure = run.move(able[0])
            if failure is not None:
                return outcome(False, failure, schedule)
        steps.update(run.state.taken)
    return outcome(True, None, ())
