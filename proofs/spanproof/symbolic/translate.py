"""Evaluation of a rule's statements over symbolic values.

Both branches of an `if` are evaluated and their variables merged; `return` is recorded with its
path condition; an `assert` becomes a side condition to prove; a `while` is cut at its stated
invariant. Expressions are in `expressions`.
"""

import ast
import builtins
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final, NamedTuple, NoReturn, TypeAlias

import z3
from mypy_extensions import i64

from spanproof.symbolic.arithmetic import Arithmetic, Scalar
from spanproof.symbolic.classes import first_value, method_of
from spanproof.symbolic.definitions import Mismatch
from spanproof.symbolic.dependence import fields_named, identity_of, loops_of, parts_read
from spanproof.symbolic.errors import MixedSorts, NotTranslatable, UnsupportedConstruct
from spanproof.symbolic.expressions import Expressions
from spanproof.symbolic.frames import (
    Contract,
    Environment,
    Frame,
    Loop,
    LoopBound,
    LoopInvariant,
    SideCondition,
)
from spanproof.symbolic.fresh import FreshSymbols, word_bits
from spanproof.symbolic.linear import Gone, Linear
from spanproof.symbolic.memory import Memory, Place, State
from spanproof.symbolic.merge import as_bool, merge, scalar_of
from spanproof.symbolic.ranges import in_ranges
from spanproof.symbolic.records import part_at, same, with_part
from spanproof.symbolic.sources import FunctionSource, SourceTree
from spanproof.symbolic.syntax import changes_nothing, has_call, parameters_refused, refusals
from spanproof.symbolic.values import SymbolicObject, SymbolicVector, Value

WRITTEN_OUT: Final = 1 << 10
"""A loop whose condition is known goes round so many times at most."""

TELLING: Final = (hex, int, len, repr, str)
"""Builtin functions that the text of an exception may be made with."""

Way: TypeAlias = Callable[[Environment, z3.BoolRef], tuple[Environment | None, z3.BoolRef]]
"""One way of a fork: from the names and the path condition to those at its end."""


class Raised(NamedTuple):
    """Where a method raised an exception: on which path, and what objects held then."""

    path: z3.BoolRef
    state: State
    where: str


def is_exception(known: object) -> bool:
    """Tell whether an object is a class of exceptions."""
    return isinstance(known, type) and issubclass(known, BaseException)


def _returns_nothing(tree: ast.FunctionDef) -> bool:
    """Tell whether a function says that it returns None."""
    return isinstance(tree.returns, ast.Constant) and tree.returns.value is None


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
        self.contracts = dict(contracts or {})
        self.assumptions: list[z3.BoolRef] = []
        self.sides: list[SideCondition] = []
        self.results: dict[str, list[Value]] = {}
        self.asserted: set[str] = set()
        self.ghosts: dict[str, Value] = {}
        self._claimed: dict[int, z3.BoolRef] = {}
        self._yielded: dict[tuple[object, ...], tuple[Value, list[Value]]] = {}
        self.loop_states: dict[str, Environment] = {}
        self.symbols = FreshSymbols(arithmetic, self.assumptions.append)
        self.linear = Linear()
        self.memory = Memory(arithmetic, self._first)
        self.raised: list[Raised] = []
        self._raised_from = 0
        self._object_names: dict[int, str] = {}
        self._expressions = Expressions(self)
        self._stack: list[str] = []
        self._symbols_taken: dict[str, str] = {}
        self._by_arguments: dict[str, list[tuple[tuple[Value, ...], Value]]] = {}
        self._count = 0
        self._at = ""

    def fresh_name(self, stem: str) -> str:
        """Return a symbol name that was not used before."""
        self._count += 1
        return f"{stem}!{self._count}"

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
        with self._refusing(source, source.tree):
            self._begin()
            value = self.apply(source, arguments, z3.BoolVal(True) if path is None else path)
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
        with self._refusing(source, source.tree):
            self._begin()
            found, gone, _ = self._returns(source, arguments, z3.BoolVal(True))
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
        if not z3.is_true(z3.simplify(goal)):
            # Not in its simplified form: in which order that has its parts hangs on which terms
            # this process has seen before.
            claim = z3.Implies(self._reached(path), goal)
            if claim.get_id() in self._claimed:
                return
            self._claimed[claim.get_id()] = claim
            self.sides.append(SideCondition(label, len(self.assumptions), claim, self._at))

    def _reached(self, path: z3.BoolRef) -> z3.BoolRef:
        """Return a path without what does not come here, because it raised an exception before."""
        return self._beyond(self._raised_from, path)

    # --- functions ----------------------------------------------------------------------------

    def apply(self, source: FunctionSource, arguments: Sequence[Value], path: z3.BoolRef) -> Value:
        """Evaluate a function body, or use its contract if one is stated.

        Raises: UnsupportedConstruct on recursion and on anything outside the subset.
        """
        if source.qualified in self.contracts:
            return self._by_contract(source, arguments, path)
        returns, gone, states = self._returns(source, arguments, path)
        value, behind, state = returns[-1][1], gone[-1], states[-1]
        for (condition, earlier), replaced, left in zip(
            reversed(returns[:-1]), reversed(gone[:-1]), reversed(states[:-1]), strict=True
        ):
            # The value counts on the caller's path only, so it need not repeat that condition.
            local = z3.substitute(condition, (path, z3.BoolVal(True)))
            state = self.memory.join(local, left, state)
            with self.linear.joining(replaced, behind):
                value = self._merge(source, source.tree, local, earlier, value)
            behind = self.linear.gone
        self.memory.state = state
        self.results.setdefault(source.qualified, []).append(value)
        return value

    def _returns(
        self, source: FunctionSource, arguments: Sequence[Value], path: z3.BoolRef
    ) -> tuple[list[tuple[z3.BoolRef, Value]], list[Gone], list[State]]:
        """Return each value of a function with its path, what was replaced, and what was stored."""
        self._require_subset(source)
        names = self._parameters(source, arguments)
        if source.qualified in self._stack:
            self.unsupported(source, source.tree, f"{source.name} calls itself")
        entry = dict(zip(names, arguments, strict=True))
        frame = Frame(source, dict(entry), [], [], [])
        frame.loops.extend(loops_of(source.tree))
        self._stack.append(source.qualified)
        raised = len(self.raised)
        self.linear.enter()
        try:
            after, falls_through = self._block(frame, source.tree.body, dict(entry), path)
            if after is not None and _returns_nothing(source.tree):
                self._returns_value(frame, None, falls_through)
                after = None
            if not frame.returns and len(self.raised) > raised:
                # It raises on every path: what it would return is never seen.
                self._returns_value(frame, self._anything(source), z3.BoolVal(False))
        finally:
            self._stack.pop()
            gone = self.linear.leave()
        if after is not None and not z3.is_false(z3.simplify(falls_through)):
            self.side(f"{source.name} returns on every path", falls_through, z3.BoolVal(False))
        if not frame.returns:
            self.unsupported(source, source.tree, f"{source.name} never returns")
        return frame.returns, gone, frame.states

    def _anything(self, source: FunctionSource) -> Value:
        """Return an unknown value of the kind that a function returns."""
        if _returns_nothing(source.tree):
            return None
        try:
            return self.symbols.value(self._result_kind(source), self.fresh_name(source.name))
        except TypeError as problem:
            return self.unsupported(source, source.tree, str(problem))

    def _returns_value(self, frame: Frame, value: Value, path: z3.BoolRef) -> None:
        frame.returns.append((path, value))
        frame.states.append(self.memory.state)
        self.linear.returns()

    def _beyond(self, raised: int, path: z3.BoolRef) -> z3.BoolRef:
        """Return a path behind what may have been raised since: there nothing was."""
        since = [one.path for one in self.raised[raised:]]
        return z3.And(path, *(z3.Not(one) for one in since)) if since else path

    # --- methods ------------------------------------------------------------------------------

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
        except NotTranslatable as problem:
            path_of = self.sources.module(target.kind.__module__).path
            raise UnsupportedConstruct(path_of, 1, str(problem)) from None
        with self._refusing(source, source.tree):
            self._begin()
            given = z3.BoolVal(True) if path is None else path
            value = self.apply(source, [target, *arguments], given)
            self._end(source, value)
            return value

    def made(self, kind: type, name: str) -> SymbolicObject:
        """Return an object that a proof gives to methods: of its fields nothing is known."""
        identity = self.memory.given()
        self._object_names[identity.as_long()] = name
        return SymbolicObject(kind, identity)

    def _first(self, place: Place, identity: z3.ExprRef) -> Value:
        """Return what a field holds of which nothing is known yet."""
        return first_value(self.symbols, self.memory, self._object_names, place, identity)

    def _require_subset(self, source: FunctionSource) -> None:
        """Refuse a function that has a construct outside the subset, reached or not."""
        for line, what in refusals(source.tree, method="." in source.name):
            raise UnsupportedConstruct(source.path, line, what)

    def _parameters(self, source: FunctionSource, arguments: Sequence[Value]) -> list[str]:
        names = [argument.arg for argument in source.tree.args.args]
        if len(names) != len(arguments):
            self.unsupported(source, source.tree, f"{source.name} takes {len(names)} arguments")
        return names

    @contextmanager
    def _refusing(self, source: FunctionSource, at: ast.AST) -> Iterator[None]:
        """Turn what cannot be translated into a refusal that names file and line."""
        try:
            yield
        except (MixedSorts, NotTranslatable) as problem:
            self.unsupported(source, at, str(problem))
        except z3.Z3Exception as problem:
            self.unsupported(source, at, f"values of different kinds meet: {problem}")
        except RecursionError:
            self.unsupported(source, at, "it is nested too deeply")

    def _by_contract(
        self, source: FunctionSource, arguments: Sequence[Value], path: z3.BoolRef
    ) -> Value:
        stated = self.contracts[source.qualified]
        contract = self.sources.function(stated.ensures)
        for line, what in parameters_refused(source.tree):
            raise UnsupportedConstruct(source.path, line, what)
        self._parameters(source, arguments)
        self._require(source, stated, arguments, path)
        value = self._result_of(source, stated, arguments)
        ghosts = [argument.arg for argument in contract.tree.args.args][len(arguments) + 1 :]
        for name in ghosts:
            if name not in self.ghosts:
                self.unsupported(contract, contract.tree, f"the proof names no value {name}")
        extra = [self.ghosts[name] for name in ghosts]
        fact = self.apply(contract, [*arguments, value, *extra], path)
        self.assumptions.append(z3.Implies(self._reached(path), as_bool(fact)))
        self.results.setdefault(source.qualified, []).append(value)
        return value

    def _result_of(
        self, source: FunctionSource, stated: Contract, arguments: Sequence[Value]
    ) -> Value:
        """Return an unknown result of a rule, the same one for the same arguments."""
        changing = any(isinstance(one, SymbolicObject | SymbolicVector) for one in arguments)
        for known, result in () if changing else self._by_arguments.get(source.qualified, ()):
            if all(map(same, known, arguments)):
                return result
        kind = self._result_kind(source)
        parts = parts_read(source, arguments)
        terms = [self._term(part) for part in parts]
        try:
            if arguments and all(term is not None for term in terms):
                value = self.symbols.result(kind, self._symbol_of(source), terms)
            else:
                value = self._same_for_same(source, kind, parts)
        except TypeError as problem:
            self.unsupported(source, source.tree, str(problem))
        entry = dict(zip(self._parameters(source, arguments), arguments, strict=True))
        for place, origin in stated.keeps:
            name, _, inside = origin.partition(".")
            value = with_part(value, place, part_at(entry[name], inside))
        self._by_arguments.setdefault(source.qualified, []).append((tuple(arguments), value))
        return value

    def _same_for_same(self, source: FunctionSource, kind: object, parts: list[Value]) -> Value:
        """Return what a function with a contract yields: the same for the very same arguments."""
        key = (source.qualified, *(identity_of(part) for part in parts))
        if key not in self._yielded:
            value = self.symbols.value(kind, self.fresh_name(source.name))
            self._yielded[key] = value, parts  # keeps the arguments alive: ids are reused
        return self._yielded[key][0]

    def _require(
        self,
        source: FunctionSource,
        stated: Contract,
        arguments: Sequence[Value],
        path: z3.BoolRef,
    ) -> None:
        """Claim what a contract needs of the arguments, and that they fit their annotations.

        Of a record, what the function does not look at may be anything.
        """
        for parameter, value in zip(source.tree.args.args, arguments, strict=True):
            if parameter.annotation is None:
                continue
            kind = self.static(source, parameter.annotation)
            named = fields_named(source.tree, parameter.arg)
            claims = in_ranges(self.arithmetic, kind, value, self.symbols.in_range, named)
            fits = z3.And(*claims)
            self.side(f"{source.name} needs {parameter.arg} in its range", path, fits)
        if stated.requires is not None:
            needed = self.apply(self.sources.function(stated.requires), arguments, path)
            self.side(f"{source.name} needs {stated.requires.__name__}", path, as_bool(needed))

    def _symbol_of(self, source: FunctionSource) -> str:
        """Return the name of the function that stands for a rule with a contract.

        It is the rule's own, unless a rule of another module has taken it.
        """
        owner = self._symbols_taken.setdefault(source.name, source.module)
        return source.name if owner == source.module else source.qualified

    def kind_of_result(self, function: Callable[..., object]) -> object:
        """Return the annotated type of what a rule yields; an integer if there is none."""
        return self._result_kind(self.sources.function(function))

    def _result_kind(self, source: FunctionSource) -> object:
        returned = source.tree.returns
        return self.static(source, returned) if returned is not None else int

    def static(self, source: FunctionSource, annotation: ast.expr) -> object:
        """Return the object that an annotation denotes."""
        try:
            return self._expressions.static(source, annotation)
        except (NameError, TypeError, AttributeError) as problem:
            return self.unsupported(source, annotation, f"an annotation: {problem}")

    def _term(self, value: Value) -> z3.ExprRef | None:
        """Return a scalar as a term, or None for a value of another shape."""
        if type(value) is int:
            return self.arithmetic.exact(Scalar(value))
        return value if isinstance(value, z3.ExprRef) else None

    # --- statements ---------------------------------------------------------------------------

    def _block(
        self, frame: Frame, body: Sequence[ast.stmt], env: Environment, path: z3.BoolRef
    ) -> tuple[Environment | None, z3.BoolRef]:
        """Evaluate statements; the environment is None if none of the paths falls through."""
        for statement in body:
            caller, self._at = self._at, f"{frame.source.path}:{statement.lineno}"
            raised = len(self.raised)
            with self._refusing(frame.source, statement):
                outcome, path = self._one(frame, statement, env, path)
            self._at = caller
            if not isinstance(statement, ast.If | ast.For | ast.While | ast.Raise):
                path = self._beyond(raised, path)
            if outcome is None:
                return None, path
            env = outcome
        return env, path

    def _one(
        self, frame: Frame, statement: ast.stmt, env: Environment, path: z3.BoolRef
    ) -> tuple[Environment | None, z3.BoolRef]:
        """Evaluate one statement."""
        match statement:
            case ast.Return(value=ast.expr() as expression):
                value = self._expressions.evaluate(frame, expression, env, path)
                self._returns_value(frame, value, path)
                return None, z3.BoolVal(False)
            case ast.Return():
                self._returns_value(frame, None, path)
                return None, z3.BoolVal(False)
            case ast.Raise():
                self._is_told(frame, statement, env)
                reached = self._reached(path)
                self.raised.append(Raised(reached, self.memory.state, frame.source.qualified))
                return None, z3.BoolVal(False)
            case ast.If():
                return self._if(frame, statement, env, path)
            case ast.For():
                return self._for(frame, statement, env, path)
            case ast.While() if self._is_cut(frame, statement):
                return self._while(frame, statement, env, path)
            case ast.While():
                bound = self.loops.get(frame.source.qualified)
                rounds = bound.rounds if isinstance(bound, LoopBound) else 0
                return self._written_out(frame, statement, env, path, rounds, WRITTEN_OUT)
        self._simple(frame, statement, env, path)
        return env, path

    def _simple(
        self, frame: Frame, statement: ast.stmt, env: Environment, path: z3.BoolRef
    ) -> None:
        evaluate = self._expressions.evaluate
        match statement:
            case ast.Assign(targets=[target], value=expression):
                self._assign(frame, target, evaluate(frame, expression, env, path), env, path)
            case ast.AnnAssign(target=target, value=ast.expr() as expression):
                self._assign(frame, target, evaluate(frame, expression, env, path), env, path)
            case ast.AugAssign(target=target, op=op, value=expression):
                target, known = self._once(frame, target, expression, env, path)
                sum_ = ast.copy_location(ast.BinOp(_read(target), op, expression), statement)
                self._assign(frame, target, evaluate(frame, sum_, known, path), known, path)
            case ast.Assert(test=test, msg=message):
                claim = as_bool(evaluate(frame, test, env, path))
                says = message.value if isinstance(message, ast.Constant) else ast.unparse(test)
                self.asserted.add(f"{frame.source.qualified}: {says!s}")
                self.side(f"{frame.source.name} asserts {says!r}", path, claim)
                self.assumptions.append(z3.Implies(self._reached(path), claim))
            case ast.Expr(value=ast.Constant(value=str())) | ast.Pass():
                pass
            case ast.Expr(value=ast.Call() as expression):
                evaluate(frame, expression, env, path)
            case _:
                kind = type(statement).__name__
                self.unsupported(frame.source, statement, f"a rule cannot contain {kind}")

    def _once(
        self,
        frame: Frame,
        target: ast.expr,
        value: ast.expr,
        env: Environment,
        path: z3.BoolRef,
    ) -> tuple[ast.expr, Environment]:
        """Return the place that a statement changes, and the names that it is given by.

        Python finds the place once, before it evaluates what is added: calls may move it.
        """
        if isinstance(target, ast.Name) or not (has_call(target) or has_call(value)):
            return target, env
        assert isinstance(target, ast.Attribute | ast.Subscript)
        known = {**env, "(the object)": self._expressions.evaluate(frame, target.value, env, path)}
        base = ast.copy_location(ast.Name("(the object)", ast.Load()), target)
        if isinstance(target, ast.Attribute):
            return ast.copy_location(ast.Attribute(base, target.attr, target.ctx), target), known
        known["(the index)"] = self._expressions.evaluate(frame, target.slice, env, path)
        index = ast.copy_location(ast.Name("(the index)", ast.Load()), target)
        return ast.copy_location(ast.Subscript(base, index, target.ctx), target), known

    def _is_told(self, frame: Frame, statement: ast.Raise, env: Environment) -> None:
        """Refuse an exception whose making may change an object: its text is not evaluated."""
        this = env.get("self")
        for call in (node for node in ast.walk(statement) if isinstance(node, ast.Call)):
            match call.func:
                case ast.Attribute(value=ast.Name(id="self"), attr=name) if isinstance(
                    this, SymbolicObject
                ):
                    source = self.method_source(this.kind, name)
                    if not changes_nothing(source.tree):
                        self.unsupported(frame.source, call, f"{name} may change an object")
                case ast.Name(id=name):
                    known = self.sources.module(frame.source.module).namespace.get(name)
                    known = known or vars(builtins).get(name)
                    if not (known in TELLING or is_exception(known)):
                        self.unsupported(frame.source, call, f"{name} may change an object")
                case _:
                    what = f"{ast.unparse(call)} may change an object"
                    self.unsupported(frame.source, call, what)

    def _assign(
        self, frame: Frame, target: ast.expr, value: Value, env: Environment, path: z3.BoolRef
    ) -> None:
        if isinstance(target, ast.Name):
            env[target.id] = value
        elif isinstance(target, ast.Attribute | ast.Subscript):
            self._expressions.store(frame, target, value, env, path)
        elif isinstance(target, ast.Tuple) and isinstance(value, tuple):
            if len(target.elts) != len(value):
                self.unsupported(frame.source, target, "the tuple has another length")
            for part, item in zip(target.elts, value, strict=True):
                self._assign(frame, part, item, env, path)
        else:
            self.unsupported(frame.source, target, "only names and tuples can be assigned to")

    def _if(
        self, frame: Frame, statement: ast.If, env: Environment, path: z3.BoolRef
    ) -> tuple[Environment | None, z3.BoolRef]:
        test = self._expressions.evaluate(frame, statement.test, env, path)
        if isinstance(test, bool):
            return self._block(frame, statement.body if test else statement.orelse, env, path)
        return self._fork(
            frame,
            statement,
            as_bool(test),
            env,
            path,
            lambda env, path: self._block(frame, statement.body, env, path),
            lambda env, path: self._block(frame, statement.orelse, env, path),
        )

    def _fork(
        self,
        frame: Frame,
        statement: ast.stmt,
        condition: z3.BoolRef,
        env: Environment,
        path: z3.BoolRef,
        either: Way,
        other: Way,
    ) -> tuple[Environment | None, z3.BoolRef]:
        """Go both ways, and merge what the names and the objects hold where they meet again."""
        ended = len(frame.returns) + len(self.raised)
        start, state = self.linear.gone, self.memory.state
        self.linear.gone = dict(start)
        yes, yes_path = either(dict(env), z3.And(path, condition))
        one, self.linear.gone = self.linear.gone, dict(start)
        first, self.memory.state = self.memory.state, state
        no, no_path = other(dict(env), z3.And(path, z3.Not(condition)))
        if yes is None or no is None:
            if no is None and yes is not None:
                self.linear.gone = one
                self.memory.state = first
            return (no, no_path) if yes is None else (yes, yes_path)
        self.memory.state = self.memory.join(condition, first, self.memory.state)
        with self.linear.joining(one, self.linear.gone):
            merged = {
                name: self._merge(frame.source, statement, condition, yes[name], no[name])
                for name in yes
                if name in no
            }
        rejoined = len(frame.returns) + len(self.raised) == ended
        return merged, path if rejoined else z3.Or(yes_path, no_path)

    def _is_cut(self, frame: Frame, loop: ast.While) -> bool:
        """Tell whether a loop is cut at an invariant: in a rule, unless a bound is stated."""
        stated = self.loops.get(self._loop_name(frame, loop))
        if isinstance(self.loops.get(frame.source.qualified), LoopBound):
            return False
        return "." not in frame.source.name or isinstance(stated, LoopInvariant)

    def _loop_name(self, frame: Frame, loop: ast.While) -> str:
        """Return the name under which a loop is stated: that of its function, or `name#2`..."""
        number = next(n for n, one in enumerate(frame.loops, start=1) if one is loop)
        return frame.source.qualified if number == 1 else f"{frame.source.qualified}#{number}"

    def _written_out(
        self,
        frame: Frame,
        loop: ast.While,
        env: Environment,
        path: z3.BoolRef,
        rounds: int,
        known: int,
    ) -> tuple[Environment | None, z3.BoolRef]:
        """Write a loop out: as often as its condition is known, or as often as it is bounded."""
        test = self._expressions.evaluate(frame, loop.test, env, path)
        if test is False:
            return env, path
        if test is True:
            if known == 0:
                self.unsupported(frame.source, loop, f"a loop goes round {WRITTEN_OUT} times")
            around, path = self._block(frame, loop.body, env, path)
            if around is None:
                return None, path
            return self._written_out(frame, loop, around, path, rounds, known - 1)
        condition = as_bool(test)
        bound = self.loops.get(frame.source.qualified)
        if not isinstance(bound, LoopBound):
            needs = "a loop whose condition is not known needs an invariant, or a bound"
            self.unsupported(frame.source, loop, needs)
        if rounds == 0:
            self.side(f"loop of {frame.source.name}: has ended", path, z3.Not(condition))
            return env, z3.And(path, z3.Not(condition))

        def again(env: Environment, path: z3.BoolRef) -> tuple[Environment | None, z3.BoolRef]:
            around, path = self._block(frame, loop.body, env, path)
            if around is None:
                return None, path
            return self._written_out(frame, loop, around, path, rounds - 1, known)

        return self._fork(frame, loop, condition, env, path, again, lambda env, path: (env, path))

    def _for(
        self, frame: Frame, loop: ast.For, env: Environment, path: z3.BoolRef
    ) -> tuple[Environment | None, z3.BoolRef]:
        """Write out a loop over a range of known length."""
        assert isinstance(loop.target, ast.Name)
        after: Environment | None = env
        for index in self._expressions.known_range(frame, loop.iter, env, path):
            assert after is not None
            after[loop.target.id] = index
            after, path = self._block(frame, loop.body, after, path)
            if after is None:
                return None, path
        return after, path

    def _while(
        self, frame: Frame, loop: ast.While, env: Environment, path: z3.BoolRef
    ) -> tuple[Environment | None, z3.BoolRef]:
        """Cut a loop: enter with the invariant, forget what changes, go round once, leave."""
        known = self._loop_name(frame, loop)
        contract = self.loops.get(known)
        if not isinstance(contract, LoopInvariant) or loop.orelse:
            needs = "a loop needs a stated invariant, and no else"
            self.unsupported(frame.source, loop, needs)
        state = self.memory.state
        where = f"loop of {frame.source.name}"
        self.side(
            f"{where}: holds at entry", path, self._about(frame, contract.invariant, env, path)
        )
        around = dict(env)
        kinds = self.kinds_of(contract.invariant)
        for name in sorted(_assigned(loop.body)):
            if name in env:
                kind = kinds.get(name, int)
                self._fits(f"{where}: {name} fits its type", kind, env[name], path)
                around[name] = self._forget(frame, loop, name, env[name], kind)
        self.loop_states[known] = around
        invariant = self._about(frame, contract.invariant, around, path)
        self.assumptions.append(z3.Implies(self._reached(path), invariant))
        if contract.definition is not None:
            definition = self._about(frame, contract.definition, around, path)
            self.assumptions.append(z3.Implies(path, definition))
        kept = set(self.linear.gone)
        test = self._expressions.evaluate(frame, loop.test, around, path)
        condition = as_bool(test)
        before = self._measure(frame, contract.variant, around, path)
        end, end_path = self._block(frame, loop.body, dict(around), z3.And(path, condition))
        if set(self.linear.gone) - kept:
            self.unsupported(frame.source, loop, "a loop replaces a table")
        if self.memory.state is not state:
            self.unsupported(frame.source, loop, "a loop that is cut changes an object")
        if end is not None:
            again = self._about(frame, contract.invariant, end, end_path)
            self.side(f"{where}: is kept by a round", end_path, again)
            smaller = self._measure(frame, contract.variant, end, end_path)
            for name in sorted(around.keys() & _assigned(loop.body)):
                if name not in end:
                    self.unsupported(frame.source, loop, f"{name} has no value after a round")
                kind = kinds.get(name, int)
                self._fits(f"{where}: {name} still fits its type", kind, end[name], end_path)
            less = self.arithmetic.compare("<", smaller, before)
            self.side(f"{where}: ends", end_path, as_bool(less))
            self.assumptions.append(z3.Not(end_path))
        return around, z3.And(path, z3.Not(condition))

    def kinds_of(self, rule: Callable[..., object]) -> dict[str, object]:
        """Return the annotated types of a rule's parameters."""
        source = self.sources.function(rule)
        return {
            argument.arg: self.static(source, argument.annotation)
            for argument in source.tree.args.args
            if argument.annotation is not None
        }

    def _fits(self, label: str, kind: object, value: Value, path: z3.BoolRef) -> None:
        """Require that a loop variable is what its symbol can be: a number of the arithmetic, in
        the range of its annotation.
        """
        if isinstance(value, bool | z3.BoolRef):
            return
        number, compare = scalar_of(value), self.arithmetic.compare
        self.arithmetic.exact(number)
        bits = word_bits(kind)
        if bits is not None:
            low = as_bool(compare(">=", number, Scalar(0)))
            high = as_bool(compare("<=", number, Scalar((1 << bits) - 1)))
            self.side(label, path, z3.And(low, high))

    def _forget(self, frame: Frame, at: ast.stmt, name: str, value: Value, kind: object) -> Value:
        stem = self.fresh_name(f"{frame.source.name}.{name}")
        if isinstance(value, bool | z3.BoolRef):
            return z3.Bool(stem)
        if word_bits(kind) is None and kind not in (int, i64):
            return self.unsupported(frame.source, at, f"a loop cannot change a {kind}: {name}")
        if type(value) is int or (
            isinstance(value, z3.ExprRef) and value.sort() == self.arithmetic.sort
        ):
            return self.symbols.value(kind, stem)
        return self.unsupported(frame.source, at, f"a loop cannot change {name}")

    def _arguments(
        self, frame: Frame, rule: Callable[..., object], env: Environment
    ) -> list[Value]:
        source = self.sources.function(rule)
        entry = {f"entry_{name}": value for name, value in frame.entry.items()}
        known = {**self.ghosts, **entry, **env}
        names = [argument.arg for argument in source.tree.args.args]
        for name in names:
            if name not in known:
                self.unsupported(source, source.tree, f"no variable {name} at the loop")
        return [known[name] for name in names]

    def _about(
        self, frame: Frame, rule: Callable[..., bool], env: Environment, path: z3.BoolRef
    ) -> z3.BoolRef:
        return as_bool(self.call(rule, *self._arguments(frame, rule, env), path=path))

    def _measure(
        self, frame: Frame, rule: Callable[..., int], env: Environment, path: z3.BoolRef
    ) -> Scalar:
        return scalar_of(self.call(rule, *self._arguments(frame, rule, env), path=path))

    def _merge(
        self, source: FunctionSource, at: ast.AST, condition: z3.BoolRef, one: Value, other: Value
    ) -> Value:
        try:
            return merge(self.arithmetic, condition, one, other)
        except MixedSorts as problem:
            return self.unsupported(source, at, f"branches do not agree: {problem}")

    def unsupported(self, source: FunctionSource, at: ast.AST, what: str) -> NoReturn:
        """Refuse a construct, naming file and line.

        Raises: UnsupportedConstruct, always.
        """
        raise UnsupportedConstruct(source.path, getattr(at, "lineno", 0), what)


def _read(target: ast.expr) -> ast.expr:
    """Return what reads the place that a statement stores in."""
    match target:
        case ast.Attribute(value=base, attr=name):
            return ast.copy_location(ast.Attribute(base, name, ast.Load()), target)
        case ast.Subscript(value=base, slice=index):
            return ast.copy_location(ast.Subscript(base, index, ast.Load()), target)
        case ast.Name(id=name):
            return ast.copy_location(ast.Name(name, ast.Load()), target)
    raise TypeError(type(target).__name__)


def _assigned(body: Sequence[ast.stmt]) -> set[str]:
    """Return the names that a loop body assigns to."""
    return {
        node.id
        for statement in body
        for node in ast.walk(statement)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }
