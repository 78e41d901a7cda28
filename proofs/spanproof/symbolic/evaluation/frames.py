"""What the evaluation of a rule goes through: its frames, its loops, and what it has to prove."""

import ast
from collections.abc import Callable, Mapping
from typing import NamedTuple, TypeAlias

import z3

from spanproof.symbolic.reading.sources import FunctionSource
from spanproof.symbolic.values.construct import conjunction
from spanproof.symbolic.values.memory import MemoryState
from spanproof.symbolic.values.values import Value

Environment = dict[str, Value]


class LoopInvariant(NamedTuple):
    """What holds whenever a `while` is reached, and the number that shrinks at each round.

    Both are rules over the function's variables, taken by parameter name; a parameter named
    `entry_x` is the value of the function's parameter `x` at entry. `definition` may state, at an
    arbitrary arrival, what a ghost function is; it must not restrict the code's own variables.
    """

    invariant: Callable[..., bool]
    variant: Callable[..., int]
    definition: Callable[..., bool] | None = None


class LoopBound(NamedTuple):
    """How often the loops of a function go round at most: they are written out so many times, and
    that they have ended then is claimed.
    """

    rounds: int


Loop: TypeAlias = "LoopInvariant | LoopBound"


class Contract(NamedTuple):
    """What stands in for a function that is proved elsewhere.

    `ensures` holds of its arguments, its result and, by name, of values of the proof; `requires`
    holds of its arguments, and is claimed at each use, as are the ranges of their annotations.
    `keeps` has the parts of the result that are parts of an argument as they were, both by name:
    `("span.alloc_bits", "span.alloc_bits")`. `proved_by` is the obligation that shows it of the
    function's body. Where `fits` holds of the arguments, the result is shown to be in the range of
    its type; elsewhere that is taken for granted (assumption `laid-out`).
    """

    ensures: Callable[..., bool]
    requires: Callable[..., bool] | None = None
    proved_by: str = ""
    keeps: tuple[tuple[str, str], ...] = ()
    fits: Callable[..., bool] | None = None


class SideCondition(NamedTuple):
    """Something that the translated code relies on and that has to be proved.

    `given` is the number of assumptions in force at that point: later ones may not be used. `at` is
    the file and line of the statement that relies on it.
    """

    label: str
    given: int
    goal: z3.BoolRef
    at: str = ""


class RaisedPath(NamedTuple):
    """Where a method raised an exception: on which path, and what objects held then."""

    path: z3.BoolRef
    state: MemoryState
    where: str


class Frame(NamedTuple):
    """One function being evaluated: its source, its arguments, and its returns so far."""

    source: FunctionSource
    entry: Mapping[str, Value]
    returns: list[tuple[z3.BoolRef, Value]]
    loops: list[ast.While]
    states: list[MemoryState]


class Place:
    """Where an expression stands: its frame, its variables, and its path condition.

    Most expressions ask for no path condition, so it is made when one does.
    """

    def __init__(self, frame: Frame, env: Environment, *path: z3.BoolRef) -> None:
        self.frame = frame
        self.env = env
        self._path = path

    @property
    def path(self) -> z3.BoolRef:
        """The condition under which the expression is evaluated."""
        if len(self._path) > 1:
            self._path = (conjunction(*self._path),)
        return self._path[0]

    def under(self, condition: z3.BoolRef) -> "Place":
        """Return the same place on a narrower path."""
        return Place(self.frame, self.env, *self._path, condition)

    def with_name(self, name: str, value: Value) -> "Place":
        """Return the same place with one more variable."""
        return Place(self.frame, {**self.env, name: value}, *self._path)
