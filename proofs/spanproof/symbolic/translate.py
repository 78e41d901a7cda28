"""From calls of rules to terms: functions and methods, what they yield, and what they rely on.

A `Translator` evaluates a function's own source text over symbolic values: `statements` and
`expressions` do that, this module has what they share and what an evaluation begins and ends with.
"""

import ast
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NoReturn

import z3

from spanproof.symbolic.aliasing import apart, require_own_vectors
from spanproof.symbolic.evaluation.expressions import Expressions
from spanproof.symbolic.evaluation.frames import (
    Contract,
    Environment,
    Frame,
    Loop,
    RaisedPath,
    SideCondition,
)
from spanproof.symbolic.evaluation.statements import Statements
from spanproof.symbolic.reading.classes import first_value, method_of
from spanproof.symbolic.reading.dependence import loops_of
from spanproof.symbolic.reading.fresh import FreshSymbols
from spanproof.symbolic.reading.linear import Gone, Linear
from spanproof.symbolic.reading.sources import FunctionSource, SourceTree
from spanproof.symbolic.remembered import Remembered
from spanproof.symbolic.standins import StandIns
from spanproof.symbolic.text.definitions import Mismatch
from spanproof.symbolic.text.errors import MixedSorts, NotTranslatable, UnsupportedConstruct
from spanproof.symbolic.text.syntax import refusals
from spanproof.symbolic.values.arithmetic import Arithmetic
from spanproof.symbolic.values.construct import (
    FALSE,
    TRUE,
    conjunction,
    implication,
    negation,
    simplifies_to,
    substituted,
)
from spanproof.symbolic.values.memory import MemoryState, ObjectMemory
from spanproof.symbolic.values.memory import Place as Cell
from spanproof.symbolic.values.merge import merge
from spanproof.symbolic.values.values import SymbolicObject, Value

Inner = Callable[[Sequence[Value], z3.BoolRef], Value]
"""What a function yields where it calls itself, with these arguments and on this path."""


class Translator:
    """Turns calls of rules into terms.

    `assumptions` are facts about the symbols made so far (ranges, contracts, loop invariants);
    `sides` are the conditions that the code itself has to meet; `ghosts` are symbols that loop
    invariants and contracts may take by parameter name although the code does not have them.
    """

    def __init__(
        self,
        arithmetic: Arithmetic,
        sources: SourceTree | None = None,
        loops: Mapping[str, Loop] | None = None,
        contracts: Mapping[str, Contract] | None = None,
    ) -> None:
        self.arithmetic = arithmetic
        self.sources = sources or SourceTree()
        self.loops = dict(loops or {})
        self.recursion: dict[str, Inner] = {}
        self.contracts = dict(contracts or {})
        self.assumptions: list[z3.BoolRef] = []
        self.sides: list[SideCondition] = []
        self.results: dict[str, list[Value]] = {}
        self.asserted: set[str] = set()
        self.ghosts: dict[str, Value] = {}
        self._claimed: dict[int, z3.BoolRef] = {}
        self.loop_states: dict[str, Environment] = {}
        self.arrivals: list[tuple[str, Environment]] = []
        self.symbols = FreshSymbols(arithmetic, self.assumptions.append)
        self.linear = Linear()
        self.memory = ObjectMemory(arithmetic, self._first)
        self.raised: list[RaisedPath] = []
        self._raised_from = 0
        self._object_names: dict[int, str] = {}
        self.objects: list[SymbolicObject] = []
        self._expressions = Expressions(self)
        self._statements = Statements(self, self._expressions)
        self._stand_ins = StandIns(self)
        self._remembered = Remembered(self, self._evaluated)
        self._stack: list[str] = []
        self.named = 0
        self.at = ""

    def fresh_name(self, stem: str) -> str:
        """Return a symbol name that was not used before."""
        self.named += 1
        return f"{stem}!{self.named}"

    def call(
        self,
        function: Callable[..., object],
        *arguments: Value,
        path: z3.BoolRef | None = None,
    ) -> Value:
        """Return what a rule yields at symbolic arguments, on the paths where `path` holds.

        Raises: UnsupportedConstruct if its source leaves the subset.
        """
        source = self.sources.function(function)
        with self.refusing(source, source.tree):
            self._begin()
            value = self.apply(source, arguments, TRUE if path is None else path)
            self._end(source, value)
            return value

    def cases(
        self, function: Callable[..., object], *arguments: Value
    ) -> list[tuple[z3.BoolRef, Value]]:
        """Return each `return` of a rule with its path condition, unmerged.

        Exactly one path condition holds for any arguments. A goal about one path is far easier
        to decide than one about a value that was merged from all of them.

        Raises: UnsupportedConstruct if its source leaves the subset.
        """
        source = self.sources.function(function)
        with self.refusing(source, source.tree):
            self._begin()
            found, gone, _ = self._returns(source, arguments, TRUE)
            for (_, value), replaced in zip(found, gone, strict=True):
                self.linear.gone = replaced
                self._end(source, value)
            return found

    def _begin(self) -> None:
        """Begin with tables none of which was replaced, unless a rule is being evaluated."""
        if not self._stack:
            self.linear.begin()
            self._raised_from = len(self.raised)

    def _end(self, source: FunctionSource, value: Value) -> None:
        """Refuse a rule that yields a table that it replaced, or replaces one and yields none."""
        where = None if self._stack else self.linear.escaped(value)
        if where is not None:
            what = f"{source.name} does not yield the table that it made of another ({where})"
            self.unsupported(source, source.tree, what)

    def side(self, label: str, path: z3.BoolRef, goal: z3.BoolRef) -> None:
        """Record a condition to prove under a path condition, unless it was recorded before."""
        if not simplifies_to(goal, True):
            # Not in its simplified form: in which order that has its parts hangs on which terms
            # this process has seen before.
            self.claim(label, self.reached(path), goal)

    def claim(self, label: str, path: z3.BoolRef, goal: z3.BoolRef) -> None:
        """Record a condition to prove on a path that comes here, unless it was recorded before."""
        if self._remembered.recording:
            self._remembered.claim(label, path, goal, self.at)
            return
        claim = implication(path, goal)
        if claim.get_id() not in self._claimed:
            self._claimed[claim.get_id()] = claim
            self.sides.append(SideCondition(label, len(self.assumptions), claim, self.at))

    def reached(self, path: z3.BoolRef) -> z3.BoolRef:
        """Return a path without what does not come here, because it raised an exception before."""
        return self.beyond(self._raised_from, path)

    # --- functions --------------------------------------------------------------------------------

    def apply(self, source: FunctionSource, arguments: Sequence[Value], path: z3.BoolRef) -> Value:
        """Evaluate a function body, or use its contract if one is stated.

        Raises: UnsupportedConstruct on recursion and on anything outside the subset.
        """
        if source.qualified in self.contracts:
            return self._stand_ins.result(source, arguments, path)
        if source.qualified in self._stack and source.qualified in self.recursion:
            return self.recursion[source.qualified](arguments, path)
        return self._remembered.value(source, arguments, path)

    def _evaluated(
        self, source: FunctionSource, arguments: Sequence[Value], path: z3.BoolRef
    ) -> Value:
        """Return what a function's body yields: its returns, merged."""
        returns, gone, states = self._returns(source, arguments, path)
        value, behind, state = returns[-1][1], gone[-1], states[-1]
        for (condition, earlier), replaced, left in zip(
            reversed(returns[:-1]), reversed(gone[:-1]), reversed(states[:-1]), strict=True
        ):
            # The value counts on the caller's path only, so it need not repeat that condition.
            local = substituted(condition, path, TRUE)
            state = self.memory.join(local, left, state)
            with self.linear.joining(replaced, behind):
                value = self.merge(source, source.tree, local, earlier, value)
            behind = self.linear.gone
        self.memory.state = state
        self.results.setdefault(source.qualified, []).append(value)
        return value

    def _returns(
        self, source: FunctionSource, arguments: Sequence[Value], path: z3.BoolRef
    ) -> tuple[list[tuple[z3.BoolRef, Value]], list[Gone], list[MemoryState]]:
        """Return each value of a function with its path, what was replaced, and what was stored."""
        self._require_subset(source, arguments)
        names = self.parameters(source, arguments)
        if source.qualified in self._stack:
            self.unsupported(source, source.tree, f"{source.name} calls itself")
        entry = dict(zip(names, arguments, strict=True))
        frame = Frame(source, dict(entry), [], [], [])
        frame.loops.extend(loops_of(source.tree))
        self._stack.append(source.qualified)
        raised = len(self.raised)
        self.linear.enter()
        try:
            body = source.tree.body
            after, falls_through = self._statements.block(frame, body, dict(entry), path)
            if after is not None and _returns_nothing(source.tree):
                self.returns_value(frame, None, falls_through)
                after = None
            if not frame.returns and len(self.raised) > raised:
                # It raises on every path: what it would return is never seen.
                self.returns_value(frame, self._anything(source), FALSE)
        finally:
            self._stack.pop()
            gone = self.linear.leave()
        if after is not None and not simplifies_to(falls_through, False):
            self.side(f"{source.name} returns on every path", falls_through, FALSE)
        if not frame.returns:
            self.unsupported(source, source.tree, f"{source.name} never returns")
        return frame.returns, gone, frame.states

    def _anything(self, source: FunctionSource) -> Value:
        """Return an unknown value of the kind that a function returns."""
        if _returns_nothing(source.tree):
            return None
        try:
            return self.symbols.value(self.result_kind(source), self.fresh_name(source.name))
        except TypeError as problem:
            return self.unsupported(source, source.tree, str(problem))

    def returns_value(self, frame: Frame, value: Value, path: z3.BoolRef) -> None:
        """Note that a function returns a value on a path."""
        frame.returns.append((path, value))
        frame.states.append(self.memory.state)
        self.linear.returns()

    def beyond(self, raised: int, path: z3.BoolRef) -> z3.BoolRef:
        """Return a path behind what may have been raised since: there nothing was."""
        since = [one.path for one in self.raised[raised:]]
        return conjunction(path, *(negation(one) for one in since)) if since else path

    # --- methods ----------------------------------------------------------------------------------

    def method_source(self, kind: type, name: str) -> FunctionSource:
        """Return the text of a method of a class.

        Raises: UnsupportedConstruct if it is none of ours, or not what runs.
        """
        try:
            found = method_of(kind, name, self.sources)
        except Mismatch as problem:
            path = self.sources.module(kind.__module__).path
            raise UnsupportedConstruct(path, problem.line, problem.what) from None
        if found is None:
            raise NotTranslatable(f"{kind.__name__} has no method {name}")
        owner, definition = found
        module = self.sources.module(owner.__module__)
        full = f"{owner.__name__}.{name}"
        self.sources.reached.add(f"{owner.__module__}.{full}")
        return FunctionSource(
            owner.__module__, full, definition.tree, module.path, definition.local
        )

    def apply_method(
        self, target: SymbolicObject, name: str, arguments: Sequence[Value], path: z3.BoolRef
    ) -> Value:
        """Evaluate a call of a method of an object."""
        return self.apply(self.method_source(target.kind, name), [target, *arguments], path)

    def call_method(
        self,
        target: SymbolicObject,
        name: str,
        *arguments: Value,
        path: z3.BoolRef | None = None,
    ) -> Value:
        """Return what a method yields at symbolic arguments, on the paths where `path` holds.

        Raises: UnsupportedConstruct if its source leaves the subset.
        """
        try:
            source = self.method_source(target.kind, name)
            for one in (target, *arguments):
                if isinstance(one, SymbolicObject):
                    require_own_vectors(one.kind)
        except NotTranslatable as problem:
            path_of = self.sources.module(target.kind.__module__).path
            raise UnsupportedConstruct(path_of, 1, str(problem)) from None
        with self.refusing(source, source.tree):
            self._begin()
            given = TRUE if path is None else path
            value = self.apply(source, [target, *arguments], given)
            self._end(source, value)
            if not self._stack:
                self._vectors_are_apart(source, given)
            return value

    def _vectors_are_apart(self, source: FunctionSource, path: z3.BoolRef) -> None:
        """Claim that no two fields hold one vector, where a method returns and where it raises."""
        ways = [(self.reached(path), self.memory.state)]
        ways += [(one.path, one.state) for one in self.raised[self._raised_from :]]
        now = self.memory.state
        for way, state in ways:
            self.memory.state = state
            for fields, claim in apart(self.memory, self.objects):
                self.side(f"{source.name}: {fields} hold two vectors", way, claim)
        self.memory.state = now

    def made(self, kind: type, name: str) -> SymbolicObject:
        """Return an object that a proof gives to methods: of its fields nothing is known."""
        identity = self.memory.given()
        self._object_names[identity.as_long()] = name
        self.objects.append(SymbolicObject(kind, identity))
        return self.objects[-1]

    def _first(self, place: Cell, identity: z3.ExprRef) -> Value:
        """Return what a field holds of which nothing is known yet."""
        return first_value(self.symbols, self.memory, self._object_names, place, identity)

    # --- what is refused --------------------------------------------------------------------------

    def _require_subset(self, source: FunctionSource, arguments: Sequence[Value]) -> None:
        """Refuse a function that has a construct outside the subset, reached or not.

        What is given objects that methods change may contain what a method may.
        """
        changes = any(isinstance(one, SymbolicObject) for one in arguments)
        for line, what in refusals(source.tree, method=changes or "." in source.name):
            raise UnsupportedConstruct(source.path, line, what)

    def parameters(self, source: FunctionSource, arguments: Sequence[Value]) -> list[str]:
        """Return the names of a function's parameters, which are as many as the arguments."""
        names = [argument.arg for argument in source.tree.args.args]
        if len(names) != len(arguments):
            self.unsupported(source, source.tree, f"{source.name} takes {len(names)} arguments")
        return names

    @contextmanager
    def refusing(self, source: FunctionSource, at: ast.AST) -> Iterator[None]:
        """Turn what cannot be translated into a refusal that names file and line."""
        try:
            yield
        except (MixedSorts, NotTranslatable) as problem:
            self.unsupported(source, at, str(problem))
        except z3.Z3Exception as problem:
            self.unsupported(source, at, f"values of different kinds meet: {problem}")
        except RecursionError:
            self.unsupported(source, at, "it is nested too deeply")

    # --- types ------------------------------------------------------------------------------------

    def kind_of_result(self, function: Callable[..., object]) -> object:
        """Return the annotated type of what a rule yields; an integer if there is none."""
        return self.result_kind(self.sources.function(function))

    def result_kind(self, source: FunctionSource) -> object:
        """Return the annotated type of what a function yields; an integer if there is none."""
        returned = source.tree.returns
        return self.static(source, returned) if returned is not None else int

    def static(self, source: FunctionSource, annotation: ast.expr) -> object:
        """Return the object that an annotation denotes."""
        try:
            return self._expressions.static(source, annotation)
        except (NameError, TypeError, AttributeError) as problem:
            return self.unsupported(source, annotation, f"an annotation: {problem}")

    def kinds_of(self, rule: Callable[..., object]) -> dict[str, object]:
        """Return the annotated types of a rule's parameters."""
        source = self.sources.function(rule)
        return {
            argument.arg: self.static(source, argument.annotation)
            for argument in source.tree.args.args
            if argument.annotation is not None
        }

    def merge(
        self, source: FunctionSource, at: ast.AST, condition: z3.BoolRef, one: Value, other: Value
    ) -> Value:
        """Return `one` where the condition holds and `other` elsewhere.

        Raises: UnsupportedConstruct if the two have different shapes.
        """
        try:
            return merge(self.arithmetic, condition, one, other)
        except MixedSorts as problem:
            return self.unsupported(source, at, f"branches do not agree: {problem}")

    def unsupported(self, source: FunctionSource, at: ast.AST, what: str) -> NoReturn:
        """Refuse a construct, naming file and line.

        Raises: UnsupportedConstruct, always.
        """
        raise UnsupportedConstruct(source.path, getattr(at, "lineno", 0), what)


def _returns_nothing(tree: ast.FunctionDef) -> bool:
    """Tell whether a function says that it returns None."""
    return isinstance(tree.returns, ast.Constant) and tree.returns.value is None
