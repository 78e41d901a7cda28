"""The vocabulary of claims: symbols, rules called on them, hypotheses, goals and situations."""

import sys
from collections.abc import Callable, Mapping
from types import FrameType
from typing import Final, NamedTuple

import z3

from spanproof.symbolic.evaluation.frames import Contract, Environment, Loop
from spanproof.symbolic.reading.sources import SourceTree
from spanproof.symbolic.translate import Inner, Translator
from spanproof.symbolic.values.arithmetic import Arithmetic
from spanproof.symbolic.values.construct import implication
from spanproof.symbolic.values.merge import as_bool, scalar_of
from spanproof.symbolic.values.values import SymbolicBitmap, Value


class Query(NamedTuple):
    """One question to a solver: whether the first `given` assumptions imply the goal.

    `side` marks what the translated code relies on, as opposed to what the obligation claims; `at`
    is the file and line of either.
    """

    label: str
    given: int
    goal: z3.BoolRef
    at: str = ""
    side: bool = False


class Witness(NamedTuple):
    """A situation that must be possible under all assumptions, or the proof is vacuous.

    `at` is the file and line that asks for it.
    """

    label: str
    condition: z3.BoolRef
    at: str = ""


class Case(NamedTuple):
    """One way through a rule: the condition under which it is taken, and the value returned."""

    path: z3.BoolRef
    value: Value


class Claims:
    """Claims under construction: what is assumed, and what has to follow from it."""

    def __init__(
        self,
        arithmetic: Arithmetic,
        sources: SourceTree | None = None,
        loops: Mapping[str, Loop] | None = None,
        contracts: Mapping[str, Contract] | None = None,
    ) -> None:
        self._own_hypotheses = 0
        self._loops, self._contracts = loops, contracts
        self._translator = Translator(arithmetic, sources, loops, contracts)
        self._goals: list[Query] = []
        self.witnesses: list[Witness] = []
        self.symbols: dict[str, Value] = {}
        self.looked_up: dict[str, Value] = {}

    @property
    def arithmetic(self) -> Arithmetic:
        """The representation of integers."""
        return self._translator.arithmetic

    @property
    def translator(self) -> Translator:
        """What turns rules and methods into terms."""
        return self._translator

    @property
    def assumptions(self) -> list[z3.BoolRef]:
        """Everything assumed so far, in order."""
        return self._translator.assumptions

    @property
    def counted(self) -> Mapping[str, Callable[..., SymbolicBitmap]]:
        """The unknown bitmaps, made of what they depend on, by the name of their count."""
        return self._translator.symbols.counted

    @property
    def named(self) -> Mapping[str, Value]:
        """The values that loop invariants and contracts may mention, by name."""
        return self._translator.ghosts

    @property
    def queries(self) -> list[Query]:
        """All goals and side conditions, in the order of what they may assume."""
        sides = [Query(*side, side=True) for side in self._translator.sides]
        return sorted([*sides, *self._goals], key=lambda query: (query.given, not query.side))

    @property
    def reached(self) -> frozenset[str]:
        """Qualified names of the functions whose source was read."""
        return frozenset(self._translator.sources.reached)

    @property
    def asserted(self) -> frozenset[str]:
        """The assertions that are goals of this proof: `module.function: what it says`."""
        return frozenset(self._translator.asserted)

    def fresh(self, kind: object, name: str) -> Value:
        """Return an unknown value of an annotated type; its ranges are assumed."""
        self.symbols[name] = self._translator.symbols.value(kind, name)
        return self.symbols[name]

    def parameters(self, rule: Callable[..., object]) -> dict[str, Value]:
        """Return an unknown value for each parameter of a rule but the first, by its name."""
        kinds = self._translator.kinds_of(rule)
        return {name: self.fresh(kind, name) for name, kind in list(kinds.items())[1:]}

    def number(self, kind: object, name: str) -> z3.ExprRef:
        """Return an unknown integer of an annotated type."""
        value = self.fresh(kind, name)
        assert isinstance(value, z3.ExprRef)
        return value

    def call(self, rule: Callable[..., object], *arguments: Value) -> Value:
        """Return the value of a rule at symbolic arguments."""
        return self._translator.call(rule, *arguments)

    def call_given(
        self, given: z3.BoolRef, rule: Callable[..., object], *arguments: Value
    ) -> Value:
        """Return the value of a rule where `given` holds; arbitrary elsewhere."""
        return self._translator.call(rule, *arguments, path=given)

    def holds(self, rule: Callable[..., bool], *arguments: Value) -> z3.BoolRef:
        """Return the truth value of a rule at symbolic arguments."""
        return as_bool(self.call(rule, *arguments))

    def implied(
        self, given: z3.BoolRef, rule: Callable[..., bool], *arguments: Value
    ) -> z3.BoolRef:
        """Return `given implies rule(...)`; the rule is read only on paths where `given` holds."""
        value = self._translator.call(rule, *arguments, path=given)
        return implication(given, as_bool(value))

    def cases(self, rule: Callable[..., object], *arguments: Value) -> list["Case"]:
        """Return each way through a rule: its path condition, and what it then yields."""
        return [Case(*case) for case in self._translator.cases(rule, *arguments)]

    def integer(self, rule: Callable[..., int], *arguments: Value) -> z3.ExprRef:
        """Return the integer that a rule yields at symbolic arguments, as a term."""
        return self.arithmetic.exact(scalar_of(self.call(rule, *arguments)))

    def constant(self, dotted: str) -> object:
        """Return a constant of ours, as the sources under proof define it; `dotted` is its name.

        Written out, that name is all of its module that an obligation rests on.
        """
        module, _, name = dotted.rpartition(".")
        return self._translator.sources.lookup(module, name)

    def results_of(self, rule: Callable[..., object]) -> list[Value]:
        """Return what each call of a rule yielded, calls inside other rules included."""
        source = self._translator.sources.function(rule)
        results = self._translator.results.get(source.qualified, [])
        for number, result in enumerate(results):
            self.looked_up[f"{source.qualified}#{number}"] = result
        return results

    def at_loop(self, rule: Callable[..., object], variable: str) -> z3.ExprRef:
        """Return the value of a rule's variable at an arbitrary arrival at its loop."""
        source = self._translator.sources.function(rule)
        value = self._translator.loop_states[source.qualified][variable]
        self.looked_up[f"{source.qualified}.{variable}"] = value
        return self.arithmetic.exact(scalar_of(value))

    def by_recursion(self, function: str, inner: Inner) -> None:
        """Let `inner` say what a function yields where it calls itself: the induction's hypothesis.

        `function` is its qualified name. What the proof assumes of that value is what it shows of
        the function's own; that the arguments are smaller is for the proof to say.
        """
        self._translator.recursion[function] = inner

    def arrivals(self, function: str) -> list[Environment]:
        """Return what the variables of a function are at each arrival at its loop so far.

        `function` is its qualified name, of a method, too.
        """
        return [env for name, env in self._translator.arrivals if name == function]

    def assume(self, *facts: z3.BoolRef | bool) -> None:
        """Add hypotheses of this obligation's own."""
        self._own_hypotheses += len(facts)
        self.conclude(*facts)

    def conclude(self, *facts: z3.BoolRef | bool) -> None:
        """Add what an argument outside the solver yields: an induction, a definition, a lemma."""
        self._translator.assumptions.extend(as_bool(fact) for fact in facts)

    def integer_given(
        self, given: z3.BoolRef, rule: Callable[..., int], *arguments: Value
    ) -> z3.ExprRef:
        """Return the integer that a rule yields where `given` holds; arbitrary elsewhere."""
        value = self._translator.call(rule, *arguments, path=given)
        return self.arithmetic.exact(scalar_of(value))

    def arbitrary(self, name: str, kind: object) -> z3.ExprRef:
        """Return an unknown integer that loop invariants and contracts may mention by name.

        What is proved of it is proved of every value, so it stands for "for all".
        """
        value = self.number(kind, name)
        self.name(name, value)
        return value

    def name(self, name: str, value: Value) -> None:
        """Let loop invariants and contracts mention a value by name."""
        self._translator.ghosts[name] = value

    def show(self, label: str, goal: z3.BoolRef | bool, given: z3.BoolRef | None = None) -> None:
        """Add a goal that everything assumed so far must imply, wherever `given` holds."""
        claim = as_bool(goal) if given is None else implication(given, as_bool(goal))
        self._goals.append(Query(label, len(self.assumptions), claim, claimed_at()))

    def lemma(self, label: str, goal: z3.BoolRef | bool, given: z3.BoolRef | None = None) -> None:
        """Add a goal, and let the goals after it build on it."""
        claim = as_bool(goal) if given is None else implication(given, as_bool(goal))
        self.show(label, claim)
        self.conclude(claim)

    def possible(self, label: str, condition: z3.BoolRef | bool = True) -> None:
        """Require that the hypotheses can be met together with a condition."""
        self.witnesses.append(Witness(label, as_bool(condition), claimed_at()))


def claimed_at() -> str:
    """Return the file and line at which an obligation states the claim that is being added."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_globals.get("__name__") in VOCABULARY:
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}" if frame is not None else ""


VOCABULARY: Final = (
    __name__,
    "spanproof.prove.proof",
    "spanproof.theorems.heap.keeping",
    "spanproof.theorems.induction",
)
"""The modules through which obligations state their claims."""
