"""A run of the protocol: one step after the other, each only where its guard holds."""

from collections import Counter
from typing import Final

from spanspec.base.ids import SpanId, ThreadId
from spanspec.following.system import empty_system
from spanspec.sharing.invariant import sharing_holds
from spanspec.sharing.steps import STEPS, Choice

BY_NAME: Final = {step.name: step for step in STEPS}


class NotAStep(Exception):
    """What happened is no step of the protocol; the message says what, and why."""


class Run:
    """The protocol's system at the end of the steps taken so far, and how many of each there were.

    Every method raises NotAStep if what it is asked to take or to find is not so.
    """

    def __init__(self) -> None:
        self.state = empty_system()
        self.taken: Counter[str] = Counter()

    def take(self, name: str, *chosen: Choice) -> None:
        """Take a step: its guard has to hold, and no fatal check of the runtime to fail in it."""
        step = BY_NAME[name]
        if not step.may(self.state, *chosen):
            raise NotAStep(f"{name} is not possible: {self._about(name, chosen)}")
        try:
            self.state = step.take(self.state, *chosen)
        except AssertionError as fatal:
            raise NotAStep(f"{name}: {fatal}: {self._about(name, chosen)}") from None
        self.taken[name] += 1

    def expect(self, what: str, expected: object, seen: object) -> None:
        """Require that the history tells what the protocol says."""
        if expected != seen:
            raise NotAStep(f"{what}: the protocol has {expected}, the history {seen}")

    def check(self) -> None:
        """Require the whole inductive invariant, of everything that was named so far."""
        if not sharing_holds(self.state):
            raise NotAStep("the invariant of the protocol does not hold")

    def _about(self, name: str, chosen: tuple[Choice, ...]) -> str:
        """Tell what was chosen for a step, and its records."""
        told = [f"heap sweepgen {self.state.sweepgen}"]
        for (parameter, kind), value in zip(BY_NAME[name].chosen.items(), chosen, strict=True):
            told.append(f"{parameter} {value}")
            if kind is ThreadId:
                worker = self.state.threads[ThreadId(value)]
                told += [str(worker), str(self.state.spans[worker.span])]
            elif kind is SpanId:
                told.append(str(self.state.spans[SpanId(value)]))
        return ", ".join(told)
