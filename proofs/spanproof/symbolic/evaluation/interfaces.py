"""What the parts of a translator ask of each other.

`Translator` is the host of all: it has what was assumed, claimed and stored so far. Expressions ask
for those inside them, and statements for those in them, and each part knows no more of the others.
"""

import ast
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import NoReturn, Protocol, TypeAlias

import z3

from spanproof.symbolic.evaluation.frames import (
    Contract,
    Environment,
    Frame,
    Loop,
    Place,
    RaisedPath,
)
from spanproof.symbolic.reading.fresh import FreshSymbols
from spanproof.symbolic.reading.linear import Linear
from spanproof.symbolic.reading.sources import FunctionSource, SourceTree
from spanproof.symbolic.values.arithmetic import Arithmetic, Scalar
from spanproof.symbolic.values.memory import ObjectMemory
from spanproof.symbolic.values.values import SymbolicObject, Value

Outcome: TypeAlias = tuple[Environment | None, z3.BoolRef]
"""The names and the path condition behind statements; no names if no path comes there."""

Way: TypeAlias = Callable[[Environment, z3.BoolRef], Outcome]
"""One way of a fork: from the names and the path condition to those at its end."""


class Host(Protocol):
    """What the parts of a translator ask of it."""

    arithmetic: Arithmetic
    sources: SourceTree
    loops: dict[str, Loop]
    contracts: dict[str, Contract]
    assumptions: list[z3.BoolRef]
    asserted: set[str]
    results: dict[str, list[Value]]
    ghosts: dict[str, Value]
    loop_states: dict[str, Environment]
    arrivals: list[tuple[str, Environment]]
    objects: list[SymbolicObject]
    raised: list[RaisedPath]
    linear: Linear
    memory: ObjectMemory
    symbols: FreshSymbols
    at: str
    named: int

    def claim(self, label: str, path: z3.BoolRef, goal: z3.BoolRef) -> None:
        """Record a condition to prove on a path that comes here."""
        ...

    def side(self, label: str, path: z3.BoolRef, goal: z3.BoolRef) -> None:
        """Record a condition to prove under a path condition."""
        ...

    def reached(self, path: z3.BoolRef) -> z3.BoolRef:
        """Return a path without what does not come here, because it raised an exception before."""
        ...

    def beyond(self, raised: int, path: z3.BoolRef) -> z3.BoolRef:
        """Return a path behind what may have been raised since: there nothing was."""
        ...

    def fresh_name(self, stem: str) -> str:
        """Return a symbol name that was not used before."""
        ...

    def call(
        self, function: Callable[..., object], *arguments: Value, path: z3.BoolRef | None = None
    ) -> Value:
        """Return what a rule yields at symbolic arguments, on the paths where `path` holds."""
        ...

    def apply(self, source: FunctionSource, arguments: Sequence[Value], path: z3.BoolRef) -> Value:
        """Evaluate a call of a rule."""
        ...

    def apply_method(
        self, target: SymbolicObject, name: str, arguments: Sequence[Value], path: z3.BoolRef
    ) -> Value:
        """Evaluate a call of a method."""
        ...

    def method_source(self, kind: type, name: str) -> FunctionSource:
        """Return the text of a method of a class."""
        ...

    def returns_value(self, frame: Frame, value: Value, path: z3.BoolRef) -> None:
        """Note that a function returns a value on a path."""
        ...

    def merge(
        self, source: FunctionSource, at: ast.AST, condition: z3.BoolRef, one: Value, other: Value
    ) -> Value:
        """Return `one` where the condition holds and `other` elsewhere."""
        ...

    def parameters(self, source: FunctionSource, arguments: Sequence[Value]) -> list[str]:
        """Return the names of a function's parameters, which are as many as the arguments."""
        ...

    def result_kind(self, source: FunctionSource) -> object:
        """Return the annotated type of what a function yields."""
        ...

    def static(self, source: FunctionSource, annotation: ast.expr) -> object:
        """Return the object that an annotation denotes."""
        ...

    def kinds_of(self, rule: Callable[..., object]) -> Mapping[str, object]:
        """Return the annotated types of a rule's parameters."""
        ...

    def refusing(self, source: FunctionSource, at: ast.AST) -> AbstractContextManager[None]:
        """Turn what cannot be translated into a refusal that names file and line."""
        ...

    def unsupported(self, source: FunctionSource, at: ast.AST, what: str) -> NoReturn:
        """Refuse a construct, naming file and line."""
        ...


class Evaluator(Protocol):
    """What is asked of the evaluation of expressions, by its parts and by statements."""

    def evaluate(self, frame: Frame, node: ast.expr, env: Environment, path: z3.BoolRef) -> Value:
        """Return the value of an expression on a path."""
        ...

    def value(self, node: ast.expr, place: Place) -> Value:
        """Evaluate an expression."""
        ...

    def scalar(self, node: ast.expr, place: Place) -> Scalar:
        """Evaluate an integer expression, keeping its exactness conditions open."""
        ...

    def exact(self, scalar: Scalar, node: ast.expr, place: Place) -> Value:
        """Claim that a number is exact, and return it."""
        ...

    def compare(self, symbol: str, left: Value, right: Value) -> z3.BoolRef | bool:
        """Compare two numbers, or two truth values."""
        ...

    def named(self, name: str, node: ast.AST, place: Place) -> Value:
        """Return what a name stands for."""
        ...

    def is_builtin(self, name: str, place: Place) -> bool:
        """Tell whether a name means what Python's builtin functions mean by it."""
        ...

    def arguments(self, node: ast.Call, names: Sequence[str], place: Place) -> list[Value]:
        """Evaluate arguments in the order of the parameters."""
        ...

    def refuse(self, node: ast.AST, place: Place, what: str) -> NoReturn:
        """Refuse a construct, naming file and line."""
        ...


class Executor(Protocol):
    """What loops ask of the evaluation of statements."""

    def block(
        self, frame: Frame, body: Sequence[ast.stmt], env: Environment, path: z3.BoolRef
    ) -> Outcome:
        """Evaluate statements one after the other."""
        ...

    def fork(
        self,
        frame: Frame,
        statement: ast.stmt,
        condition: z3.BoolRef,
        env: Environment,
        path: z3.BoolRef,
        either: Way,
        other: Way,
    ) -> Outcome:
        """Go both ways, and merge what the names and the objects hold where they meet again."""
        ...
