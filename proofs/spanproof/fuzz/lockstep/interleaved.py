"""Several Ps at once, in an order that the program says, on both sides.

A thread of the implementation runs until its step ends. The model's call on the same P, which needs
no thread, then takes as many steps as the implementation told events, and both have to have told
the same; so the grain is the implementation's, and the model need not know it. Then the states are
compared, but for what a step of the implementation leaves half done.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial
from itertools import cycle
from typing import Final, cast

from spanproof.fuzz.differences.differences import (
    IMPLEMENTATION,
    MODEL,
    Difference,
    Raised,
    Told,
    compare_events,
    compare_states,
)
from spanproof.fuzz.differences.partrules import of_message
from spanproof.fuzz.heapsides import Schedulable, Side
from spanproof.fuzz.lockstep.heapcalls import (
    Call,
    Calls,
    Located,
    Outcome,
    Refusal,
    answer_of,
    met,
    outcome_of,
    parted_results,
    same,
)
from spanproof.fuzz.programs.heapprogram import Task, Together
from spanproof.fuzz.scheduler import CallingThread, Scheduler, StopReason
from spanproof.fuzz.sides.earlierlooks import Look
from spanproof.fuzz.sides.modelheap import ModelHeap
from spanspec.base.ids import NOBODY
from spanspec.heap.courses.course import Waits
from spanspec.heap.courses.publishing import see_published
from spanspec.heap.courses.sweeping import seen_swept
from spanspec.heap.machine import Steps
from spanspec.heap.state.addresses import span_at
from spanspec.span.sweepgen import needs_sweep

DEBT: Final = "dd"
"""The event of who sweeps before it takes a span."""

OWN: Final = {"m", "t"}
"""Events of what a P does with what it has to itself."""


class ModelCaller:
    """The calls of one P on the model's side, each of which takes its steps when it is told to."""

    def __init__(self, model: ModelHeap) -> None:
        self._model = model
        self._steps: Steps[int | None] | None = None
        self.result: Outcome = 0

    @property
    def in_call(self) -> bool:
        """Whether its call has not ended."""
        return self._steps is not None

    def begin(self, call: Call) -> None:
        """Begin a call, which takes no step yet."""
        self._steps = self._model.begin(call)

    def go_on(self, steps: int) -> StopReason:
        """Take so many steps, unless the call ends or waits before.

        Raises: Raised, with the model's name, if the model raises anything but a refusal.
        """
        for _ in range(steps):
            step = self._step()
            if step is not StopReason.STEP:
                return step
        return StopReason.STEP

    def _step(self) -> StopReason:
        under_way = self._steps
        assert under_way is not None, "the model takes steps of calls that were begun"

        def on(_: Side) -> int | None:
            try:
                waits.append(isinstance(next(under_way), Waits))
            except StopIteration as end:
                result: int | None = end.value
                return result
            return None

        waits: list[bool] = []
        self.result = outcome_of(self._model, MODEL, on)
        if not waits:
            self._steps = None
            return StopReason.ENDED
        return StopReason.WAITS if waits[0] else StopReason.STEP


class Caller:
    """What one P does: its calls; on the implementation's side, a thread for them.

    `unready` is a span that it has put into use, and whose slots are not set up yet; with `large`,
    its object not allocated. `looked` is what it could see where it began to wait, if it
    has told of nothing since. `located` is the address that its call is about, if it is about one;
    `begins`: the call has not stopped so far.
    """

    def __init__(
        self,
        tasks: list[Task],
        calls: Callable[[Task], Calls],
        model: "ModelCaller",
        other: CallingThread,
    ) -> None:
        self.task = tasks[0]
        self.p = self.task.p
        self.model = model
        self.other = other
        self.waits = False
        self.unready = -1
        self.large = False
        self.looked: Look | None = None
        self.located: int | None = None
        self.begins = False
        self._calls_of = calls
        self._calls = chained(map(self._begin, tasks))
        self._answer: int | None = None

    def _begin(self, task: Task) -> Calls:
        """Begin a task; return its calls."""
        self.task = task
        return self._calls_of(task)

    def next_call(self) -> Call | None:
        """Return the next call, None if there is none."""
        try:
            return self._calls.send(self._answer)
        except StopIteration:
            return None
        finally:
            self._answer = None

    def answer(self, outcome: Outcome) -> None:
        """Note what a call came to."""
        self._answer = answer_of(outcome)

    def note_unready(self, events: Iterable[Told]) -> None:
        """Note by its events which span is in use and not set up yet."""
        for kind, figures in events:
            if kind == "si":
                span = figures.get("s")
                self.unready = span if isinstance(span, int) else -1
                self.large = figures.get("lg") == 1
            elif kind == ("m" if self.large else "ib"):
                self.unready = -1


class InTurns:
    """Runs the tasks of a `Together`.

    `on_meeting` hears what a step of one thread and the next one, of another, have told. `compare`
    compares the states after each step, but for some spans; it may be replaced.
    """

    def __init__(
        self,
        model: ModelHeap,
        other: Schedulable,
        exercised: Counter[str],
        calls: Callable[[Task], Calls],
    ) -> None:
        self._model = model
        self._other = other
        self._exercised = exercised
        self._calls = calls
        self._scheduler = Scheduler()
        self._callers: list[Caller] = []
        self._last: tuple[int, list[str]] = (-1, [])
        self.on_meeting: Callable[[list[str], list[str]], None] | None = None
        self.compare: Callable[[set[int]], None] = self._compare_all

    def run(self, together: Together) -> None:
        """Run all tasks to their end.

        Raises: Difference if the sides differ.
        """
        self._other.obey(self._scheduler)
        threads: list[CallingThread] = []
        try:
            for p in sorted({task.p for task in together.tasks}):
                model, other = ModelCaller(self._model), CallingThread(self._scheduler, f"of P {p}")
                threads.append(other)
                tasks = [task for task in together.tasks if task.p == p]
                self._callers.append(Caller(tasks, self._calls, model, other))
            self._take_turns(together.order)
        finally:
            for thread in threads:
                thread.close()
            self._other.obey(None)

    def _take_turns(self, order: tuple[int, ...]) -> None:
        choices = cycle(order or (0,))
        last: Caller | None = None
        while self._callers:
            able = [caller for caller in self._callers if not caller.waits]
            if not able:
                raise Difference("the threads", "one can go on", "each waits for another")
            if last in able:
                place = able.index(last)
                able = able[place:] + able[:place]
            caller = able[next(choices) % len(able)] if len(able) > 1 else able[0]
            if last is not None and caller is not last and last.other.in_call:
                self._exercised["switches"] += 1
            if not self._advance(caller):
                self._callers.remove(caller)
            if not caller.waits:
                for one in self._callers:
                    one.waits = False
            last = caller

    def _advance(self, caller: Caller) -> bool:
        """Let a P take a step; return whether it has more to do.

        Calls that end at once, as most allocations do, touch nothing but the P: they are part of
        the step.
        """
        while True:
            begins = not caller.other.in_call
            if begins:
                call = caller.next_call()
                if call is None:
                    return False
                self._exercised["calls"] += 1
                caller.other.begin(partial(outcome_of, self._other, IMPLEMENTATION, call))
                caller.model.begin(call)
                caller.located = call.address if isinstance(call, Located) else None
                caller.begins = True
            with IMPLEMENTATION:
                stop = caller.other.go_on()
            told = self._follow(caller, stop)
            if not (begins and stop is StopReason.ENDED and OWN.issuperset(told)):
                return True

    def _follow(self, caller: Caller, stop: StopReason) -> list[str]:
        """Let the model take the steps that the implementation has taken, and compare.

        Returns the kinds of the events that told of them.
        """
        with IMPLEMENTATION:
            seen = self._other.events()
            if seen is None:
                raise TypeError("a heap of several Ps has to show its events")
        told = [kind for kind, _ in seen if not kind.startswith("os ")]
        caller.note_unready(seen)
        caller.waits = stop is StopReason.WAITS
        self._exercised["waits"] += caller.waits
        self._let_model_look(caller, told)
        self._let_model_follow(caller, stop, told)
        with IMPLEMENTATION:
            compare_events(self._model.events(), seen)
        self._exercised.update(kind for kind, _ in seen)
        if stop is StopReason.ENDED:
            self._compare_ends(caller)
        if told or stop is not StopReason.WAITS:
            self.compare({caller.unready for caller in self._callers})
        if told:
            p, before = self._last
            if p not in (-1, caller.p) and self.on_meeting is not None:
                self.on_meeting(before, told)
            self._last = caller.p, told
        return told

    def _let_model_look(self, caller: Caller, told: list[str]) -> None:
        """Let the model see what the implementation has seen before it told of anything."""
        if caller.other.left:
            # Nobody waits for it any more, although it may have told of nothing since.
            self._model.looks.left.add(caller.p)
            caller.other.left = False
        if caller.waits and not told:
            if caller.looked is None:
                caller.looked = self._model.looks.look()
            if caller.begins and caller.located is not None:
                self._let_model_wait(caller, caller.located)
        caller.begins = False

    def _let_model_follow(self, caller: Caller, stop: StopReason, told: list[str]) -> None:
        """Let the model take as many steps as were told of, and the last of a call that has ended.

        Raises: Difference if it cannot.
        """
        # It tells of a debt as soon as it looks, so there may have been none if it told of others.
        self._model.looks.earlier = caller.looked if told and told[0] != DEBT else None
        if stop is StopReason.ENDED:
            # One step more than was told would be one too many, and shows as such.
            self._let_model_go_on(caller, len(told) + 1)
        elif told:
            self._let_model_go_on(caller, len(told))
        self._model.looks.earlier = None
        if told or stop is StopReason.ENDED:
            caller.looked = None
        if stop is StopReason.PUBLISHED:
            with MODEL:
                see_published(self._model.heap.state, caller.other.span)

    def _compare_ends(self, caller: Caller) -> None:
        """Compare what a call has come to on both sides.

        Raises: Difference if that is not the same, or the model's call goes on.
        """
        if caller.model.in_call:
            raise Difference("the call", "goes on", "has ended")
        expected = caller.model.result
        outcome = cast(Outcome, caller.other.result)
        refused = isinstance(expected, Refusal) and isinstance(outcome, Refusal)
        if not same(expected, outcome) and not (refused and self._is_unready(caller.located)):
            raise parted_results(caller.task, expected, outcome)
        caller.answer(outcome)
        self._exercised.update(met(outcome))

    def _is_unready(self, address: int | None) -> bool:
        """Tell whether an address lies in a span that another thread is putting into use.

        Why there is no object may be said in another way then: one side has got further with it.
        """
        with MODEL:
            span = NOBODY if address is None else self._model.heap.state.pages.map.span_of(address)
        return span != NOBODY and any(span == caller.unready for caller in self._callers)

    def _let_model_wait(self, caller: Caller, address: int) -> None:
        """Let the model wait as well, where the span of an object is being swept by another thread.

        It has looked for the span by then, as the implementation has; later that may be in use no
        more.
        """
        with MODEL:
            state = self._model.heap.state
            span = span_at(state, address)
            if (
                span != NOBODY
                and not needs_sweep(state.sweepgen, state.generation(span))
                and not seen_swept(state, span)
            ):
                caller.model.go_on(1)

    def _let_model_go_on(self, caller: Caller, steps: int) -> None:
        state = self._model.heap.state
        sweepers = state.sweepers
        try:
            with MODEL:
                stopped = caller.model.go_on(steps)
        except Raised as problem:
            # It follows the order of the implementation, which may be one that no model can follow.
            raise Difference(
                "the model, in the order of the implementation's steps",
                problem.says,
                "takes these steps",
                side="model",
                rules=of_message(problem.says),
            ) from None
        if state.sweepers is not sweepers:
            # Its own step has said what was seen before; and it may sweep again.
            self._model.looks.left.discard(caller.p)
        if stopped is StopReason.WAITS:
            raise Difference(
                "the call", "waits for another thread", "goes on", rules=("SWP-18", "SWP-38")
            )

    def _compare_all(self, spans: set[int]) -> None:
        """Compare the whole states, but for some spans.

        Raises: Difference at the first difference.
        """
        unready = {f"span {span}" for span in spans}
        with MODEL:
            expected = self._model.state_now()
        with IMPLEMENTATION:
            shown = self._other.state_now()
            if shown is not None:
                compare_states(
                    {name: part for name, part in expected.items() if name not in unready},
                    {name: part for name, part in shown.items() if name not in unready},
                )


def chained(all_calls: Iterable[Calls]) -> Calls:
    """Return the calls of several steps, one step after another."""
    for calls in all_calls:
        yield from calls
