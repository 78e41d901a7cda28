"""The collector goes round: the steps of a cycle come in their order, and no other way is open."""

from typing import Final, cast

import z3

from spanproof.prove.proof import Proof, obligation
from spanproof.symbolic.integers import Integers
from spanspec.base.steps import Step
from spanspec.heap.state import collector as of
from spanspec.heap.state.collector import COLLECTOR_STEPS, CYCLE_STEPS, MARK, OFF, Collector

INTEGERS: Final = Integers()

RULES: Final = "SWP-16 SWP-32 SWP-33 SWP-34 SWP-35 SPAN-26 I-24 I-25 T-87"


def any_collector(p: Proof) -> Collector:
    """A collector that stands anywhere that its invariant allows."""
    at = p.fresh(Collector, "collector")
    assert isinstance(at, Collector)
    p.assume(p.holds(of.is_sound, at))
    return at


def goes_on(before: Collector, after: Collector) -> bool:
    """Cycles and epochs go up one at a time, and marks become of use only with a new epoch."""
    return (
        before.cycle <= after.cycle <= before.cycle + 1
        and before.epoch <= after.epoch <= before.epoch + 1
        and (not after.marked or before.marked or after.epoch == before.epoch + 1)
        and (after.epoch == before.epoch or after.phase == MARK)
    )


def unswept_by_one_step(before: Collector, after: Collector) -> bool:
    """What is swept stays so, up to a new sweep phase, in which what marking has found is used."""
    return (not before.sweepdone or after.sweepdone) == (
        not (before.sweepdone and before.marked and not after.marked)
    )


def same_cycle(before: Collector, after: Collector) -> bool:
    """The cycle stands where it stood."""
    return (
        after.phase == before.phase
        and after.cycle == before.cycle
        and after.epoch == before.epoch
        and after.mode == before.mode
        and after.marked == before.marked
        and after.sweepdone == before.sweepdone
    )


CLAIMS: Final = {
    of.BEGIN_CYCLE.name: "A cycle begins, and has neither marked nor been swept yet.",
    of.BEGIN_MARKING.name: "Marking begins with everything swept, with mark bits of a new age, and"
    " has looked through what has a finalizer, and nothing else.",
    of.LOOK_THROUGH.name: "While marking, and at no other time, more is looked through.",
    of.STOP_MARKING.name: "Marking is completed once it has begun.",
    of.END_MARKING.name: "Marking is over once it is complete.",
    of.BEGIN_SWEEP_PHASE.name: "After marking, once in a cycle, everything is to be swept.",
    of.NOTE_ALL_SWEPT.name: "That all is swept, is noted while nobody marks.",
}
"""What is claimed of each step, in words."""


def prove_step(step: Step[Collector]) -> None:
    """Register the obligation that a step keeps the invariant, and leads one stage on."""

    def build(p: Proof) -> None:
        at = any_collector(p)
        chosen = tuple(p.parameters(step.take).values())
        p.assume(p.holds(step.may, at, *chosen))
        after = p.call(step.take, at, *chosen)
        assert isinstance(after, Collector)
        p.show("the invariant", p.holds(of.is_sound, after))
        p.show("one at a time", p.holds(goes_on, at, after))
        p.show("swept", p.holds(unswept_by_one_step, at, after))
        stays = step not in CYCLE_STEPS
        due = stage(p, at) if stays else (stage(p, at) + 1) % len(STAGES)
        p.show("one stage on", stage(p, after) == due)
        if step is of.BEGIN_CYCLE:
            p.show("its mode", cast(z3.ExprRef, after.mode) == chosen[0])
        looked, before = cast(z3.ArithRef, after.scanned), cast(z3.ArithRef, at.scanned)
        if step is of.BEGIN_MARKING:
            p.show("what has a finalizer", looked == chosen[0])
        elif step is of.LOOK_THROUGH:
            p.show("while marking", at.phase == MARK)
            p.show("what has one now", looked == before + chosen[0])
            p.show("is looked through as well", looked > before)
            p.show("nothing else", p.holds(same_cycle, at, after))
        else:
            p.show("nothing is looked through", looked == before)
        if step is of.NOTE_ALL_SWEPT:
            p.show("it is noted", cast(z3.BoolRef, after.sweepdone))
            p.show("no marks are of use", z3.Not(cast(z3.BoolRef, at.marked)))
        p.possible("it has gone round before", at.epoch > 1)

    build.__doc__ = CLAIMS[step.name]
    obligation(f"collector.{step.name}", RULES, INTEGERS)(build)


STAGES: Final = CYCLE_STEPS
"""The steps that lead from stage to stage of a cycle."""


def stage(p: Proof, at: Collector) -> z3.ArithRef:
    """Return the number of the step that leads on from where the collector stands."""
    found: z3.ArithRef = z3.IntVal(len(STAGES))
    for number, step in reversed(list(enumerate(STAGES))):
        found = cast(z3.ArithRef, z3.If(guard(p, step, at), z3.IntVal(number), found))
    return found


def guard(p: Proof, step: Step[Collector], at: Collector) -> z3.BoolRef:
    """Tell whether a step is next, whether or not what is left to sweep is swept yet."""
    if step is of.BEGIN_MARKING:
        return p.holds(begun_not_marked, at)
    return p.holds(step.may, at, *(z3.IntVal(0) for _ in step.chosen))


def begun_not_marked(at: Collector) -> bool:
    """A cycle has begun that has not begun to mark: it sweeps until it may."""
    return at.phase == OFF and at.cycle == at.epoch + 1


for _step in COLLECTOR_STEPS:
    prove_step(_step)


@obligation("collector.start", RULES, INTEGERS)
def at_first_nothing_has_begun(p: Proof) -> None:
    """At first no cycle has begun, and the invariant holds."""
    at = p.fresh(Collector, "collector")
    assert isinstance(at, Collector)
    p.assume(p.holds(is_first, at))
    p.show("the invariant", p.holds(of.is_sound, at))
    p.show("a cycle may begin", p.holds(of.may_begin_cycle, at, z3.IntVal(0)))
    p.possible("at first", z3.BoolVal(True))


def is_first(at: Collector) -> bool:
    """Nothing has happened yet."""
    nothing = at.cycle == 0 and at.epoch == 0 and at.phase == OFF
    return nothing and not at.marked and not at.sweepdone


@obligation("collector.one-way", RULES, INTEGERS)
def there_is_one_way_on(p: Proof) -> None:
    """From wherever the collector stands, one step of a cycle leads on and no other; where it is to
    mark and something is unswept, that all is swept can be noted first.
    """
    at = any_collector(p)
    ways = [guard(p, step, at) for step in STAGES]
    p.show("some way", z3.Or(*ways))
    for first, one in enumerate(ways):
        for other in ways[first + 1 :]:
            p.show("no two ways", z3.Not(z3.And(one, other)))
    begun = p.holds(begun_not_marked, at)
    marks, notes = (
        p.holds(of.may_begin_marking, at, z3.IntVal(0)),
        p.holds(of.may_note_all_swept, at),
    )
    p.show("it can come to mark", z3.Implies(begun, z3.Or(marks, notes)))
    p.possible("something is unswept", z3.And(begun, z3.Not(marks)))
