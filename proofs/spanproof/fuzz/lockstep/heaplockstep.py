"""Running a program on the model's heap and on another, and comparing both after every step.

Results and events are compared after each call. After each step, what it has changed in the model
is compared, and the invariants that it can break are checked; all is, at the end of a program, and
of every so many calls. Whatever differs, the program is run once more with all compared after each
step, so that the step which parts the two is named.
"""

from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import Final

from spanproof.fuzz.differences.differences import (
    IMPLEMENTATION,
    MODEL,
    Difference,
    compare_events,
    compare_states,
)
from spanproof.fuzz.heapsides import (
    Event,
    Schedulable,
    ShowsParts,
    ShowsWhole,
    ShowsWholeEvents,
    Side,
    SideFactory,
    WholeEvent,
)
from spanproof.fuzz.lockstep.divergence import Run, StepHeard, run_steps
from spanproof.fuzz.lockstep.heapcalls import (
    Call,
    Holdings,
    Outcome,
    make_each,
    met,
    outcome_of,
    parted_results,
    same,
)
from spanproof.fuzz.lockstep.interleaved import InTurns
from spanproof.fuzz.lockstep.novelty import Novelty
from spanproof.fuzz.programs.heapprogram import HeapProgram, Step, Together, describe_step
from spanproof.fuzz.sides.modelheap import ModelHeap
from spanproof.fuzz.sides.shape import as_compared
from spanspec.heap.changes import Changes
from spanspec.heap.parts import part_of
from spanspec.invariants import Violation, violations, violations_at

CHECKPOINT: Final = 512
"""Calls after which all is compared, whatever they have changed."""

MOST_UNSEEN: Final = 16
"""Calls of one step after which it is compared what they have changed; the step may have more."""


class HeapLockstep:
    """The model's heap and another, that take every step together.

    A heap that shows a part of its state is asked for what a step has changed; with `thorough`, and
    any other heap, for all of it after each step.
    """

    def __init__(
        self, program: HeapProgram, factory: SideFactory, *, thorough: bool = False
    ) -> None:
        with MODEL:
            self.model = ModelHeap(program)
        with IMPLEMENTATION:
            self.other: Side = factory(program)
        self.holdings = Holdings(self.model, self.other)
        self.exercised: Counter[str] = Counter()
        self._tells = self.other if isinstance(self.other, ShowsWholeEvents) else None
        self._shows = showing_whole(self.other)
        self._parts: ShowsParts | None = None
        if isinstance(self.other, ShowsParts) and not thorough:
            self._parts = self.other
            self._changes = Changes(self.model.heap.state)
        self._due = CHECKPOINT
        self._unseen, self._shape = 0, False
        self._novelty = Novelty(self.model.heap.state)
        self.features = self._novelty.features
        self.model.events()
        with IMPLEMENTATION:
            self.other.events()

    def take(self, step: Step) -> None:
        """Take one step on both sides and compare.

        Raises: Difference if they differ.
        """
        try:
            if type(step) is Together:
                self._take_together(step)
            else:
                make_each(self.holdings.calls(step), partial(self._make, step))
                if self._unseen and self._parts is not None:
                    self._compare_part(self._parts, self._shape)
            if self._parts is None or type(step) is Together or self._due <= 0:
                self.compare()
        except BaseException:
            self._count()
            raise

    def _count(self) -> None:
        """Count the calls that were made, and what was told, since that was counted last."""
        exercised = self.exercised
        for kinds, path in self._novelty.paths.items():
            times, path.times = path.times, 0
            if times:
                exercised["calls"] += times
                for kind in kinds:
                    exercised[kind] += times

    def _take_together(self, step: Together) -> None:
        if not isinstance(self.other, Schedulable):
            raise TypeError("this heap cannot be stopped between its steps: it has no `obey`")
        turns = InTurns(self.model, self.other, self.exercised, self.holdings.calls)
        turns.on_meeting = self._novelty.steps_meet
        if self._parts is not None:
            turns.compare = partial(self._compare_in_the_middle, self._parts)
        turns.run(step)
        self._novelty.look_anew()

    def _make(self, step: Step, call: Call) -> Outcome:
        """Make a call of a step on both sides, compare what it comes to, and return that.

        Raises: Difference at the first difference.
        """
        expected = outcome_of(self.model, MODEL, call)
        seen = outcome_of(self.other, IMPLEMENTATION, call)
        if (type(expected) is not int or expected != seen) and not same(expected, seen):
            raise parted_results(step, expected, seen, call)
        told = self.model.whole_events()
        tells = self._tells
        try:
            # Mostly alike with what need not be, too.
            if tells is None:
                compare_as_shown(told, self.other.events())
            elif (whole := tells.whole_events()) != told and whole is not None:
                compare_as_shown(told, list(map(as_compared, whole)))
        except BaseException as problem:
            IMPLEMENTATION.blame(problem)
            raise
        reason = ""
        if type(expected) is not int:
            come_to = met(expected)
            self.exercised.update(come_to)
            reason = come_to[-1]
        if not self._novelty.call_ends(type(step).__name__, reason, told).alone:
            self._shape = True
        self._unseen += 1
        if self._unseen >= MOST_UNSEEN and self._parts is not None:
            self._compare_part(self._parts, self._shape)
        return expected

    def _compare_part(self, other: ShowsParts, shape: bool) -> None:
        """Compare what calls have changed in the model, and check what they can have broken there.

        Raises: Difference at the first difference.
        """
        self._due -= self._unseen
        self._unseen, self._shape = 0, False
        with MODEL:
            state = self.model.heap.state
            wanted = self._changes.look(shape)
            expected = part_of(state, wanted)
        with IMPLEMENTATION:
            seen = other.part(wanted)
        if seen != expected:
            self.compare()
            raise Difference("a part of the state", expected, seen, after=True)
        with MODEL:
            at = state.spans if self._changes.phase_has_changed() else wanted.spans
            broken = list(violations_at(state, at, wanted.spans if shape else ()))
        refuse(broken)

    def _compare_in_the_middle(self, other: ShowsParts, unready: set[int]) -> None:
        """Compare what has changed in the model while operations are under way.

        Spans whose slots are not set up yet are left out. Raises: Difference.
        """
        with MODEL:
            wanted = self._changes.look(True)
            ready = [span for span in wanted.spans if span not in unready]
            wanted = wanted._replace(spans=ready)
            expected = part_of(self.model.heap.state, wanted)
        with IMPLEMENTATION:
            seen = other.part(wanted)
        if seen != expected:
            raise Difference("a part of the state", expected, seen, after=True)

    def compare(self) -> None:
        """Compare the whole state, and check the model's own invariants.

        Raises: Difference at the first difference.
        """
        self._count()
        if not self._agree():
            self._compare_states()
        with MODEL:
            broken = list(violations(self.model.heap.state))
        refuse(broken)
        self._due = CHECKPOINT
        self._unseen, self._shape = 0, False
        if self._parts is not None:
            self._changes.look(True)

    def end(self) -> None:
        """Let both heaps go."""
        self.model.end()

    def _agree(self) -> bool:
        """Tell whether both show the same whole state where that is quickly compared.

        If not, what `state` shows tells where they part; so does what it raises.
        """
        if self._shows is None:
            return False
        try:
            return self._shows.whole() == self.model.whole()
        except Exception:
            return False

    def _compare_states(self) -> None:
        """Compare the whole state by its named parts.

        Raises: Difference at the first difference.
        """
        with MODEL:
            expected = self.model.state()
        with IMPLEMENTATION:
            shown = self.other.state()
            if shown is not None:
                compare_states(expected, shown)
            if self._shows is not None:
                with MODEL:
                    whole = self.model.whole()
                raise Difference("the whole state", whole, self._shows.whole(), after=True)


def showing_whole(side: Side) -> ShowsWhole | None:
    """Return a heap if it shows its whole state in plain tuples, too.

    One that is derived from such a heap, and shows something else by name, is asked for that.
    """
    if not isinstance(side, ShowsWhole):
        return None
    whole, state = (
        next((one for one in type(side).__mro__ if name in vars(one)), object)
        for name in ("whole", "state")
    )
    return side if issubclass(whole, state) else None


def compare_as_shown(told: list[WholeEvent], seen: Sequence[tuple[str, Event]] | None) -> None:
    """Compare what a call has told of in the model with what the other heap shows, if it does.

    Raises: Difference at the first event that differs.
    """
    if seen is not None:
        compare_events(list(map(as_compared, told)), seen)


def refuse(broken: list[Violation]) -> None:
    """Raise Difference for the first invariant of the model that its own state breaks."""
    for problem in broken:
        raise Difference(
            f"invariant {problem.invariant} of the model's own state",
            f"breaks it: {problem.what}",
            "is in the same state",
            side="model",
            rules=(problem.invariant,),
            after=True,
        )


def run_heap_program_quickly(
    program: HeapProgram,
    factory: SideFactory,
    on_step: StepHeard | None = None,
    *,
    thorough: bool = False,
) -> Run:
    """Run a program in lockstep, up to a divergence.

    Whatever a side raises is a divergence, and names the side: a crash is an observation. A
    difference in what no call has changed is told when all is compared, in a later step perhaps.
    With `thorough` all is compared after each step.
    """
    return run_steps(
        program,
        program.steps,
        lambda: HeapLockstep(program, factory, thorough=thorough),
        describe_step,
        on_step,
    )


def run_heap_program(
    program: HeapProgram, factory: SideFactory, on_step: StepHeard | None = None
) -> Run:
    """Run a program in lockstep, and once more if the sides part, to name the first difference."""
    found = run_heap_program_quickly(program, factory, on_step)
    if found.divergence is None:
        return found
    again = run_heap_program_quickly(program, factory, on_step, thorough=True)
    return found if again.divergence is None else again
