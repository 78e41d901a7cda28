"""Evaluation of a rule's statements over symbolic values.

Both branches of an `if` are evaluated and their variables merged; `return` is recorded with its
path condition; an `assert` becomes a side condition to prove. Loops are in `loops`, expressions in
`expressions`.
"""

import ast
import builtins
from collections.abc import Sequence
from typing import Final

import z3

from spanproof.symbolic.evaluation.expressions import Expressions
from spanproof.symbolic.evaluation.frames import Environment, Frame, LoopBound, RaisedPath
from spanproof.symbolic.evaluation.interfaces import Host, Outcome, Way
from spanproof.symbolic.evaluation.loops import Loops
from spanproof.symbolic.text.syntax import changes_nothing, has_call
from spanproof.symbolic.values.construct import (
    FALSE,
    conjunction,
    disjunction,
    implication,
    negation,
)
from spanproof.symbolic.values.merge import as_bool
from spanproof.symbolic.values.values import SymbolicObject, Value

TELLING: Final = (hex, int, len, repr, str)
"""Builtin functions that the text of an exception may be made with."""


class Statements:
    """Evaluates statements for a `Translator`."""

    def __init__(self, host: Host, expressions: Expressions) -> None:
        self._host = host
        self._expressions = expressions
        self._loops = Loops(host, expressions, self)

    def block(
        self, frame: Frame, body: Sequence[ast.stmt], env: Environment, path: z3.BoolRef
    ) -> Outcome:
        """Evaluate statements; the environment is None if none of the paths falls through."""
        for statement in body:
            caller, self._host.at = self._host.at, f"{frame.source.path}:{statement.lineno}"
            raised = len(self._host.raised)
            with self._host.refusing(frame.source, statement):
                outcome, path = self._one(frame, statement, env, path)
            self._host.at = caller
            if not isinstance(statement, ast.If | ast.For | ast.While | ast.Raise):
                path = self._host.beyond(raised, path)
            if outcome is None:
                return None, path
            env = outcome
        return env, path

    def _one(
        self, frame: Frame, statement: ast.stmt, env: Environment, path: z3.BoolRef
    ) -> Outcome:
        """Evaluate one statement."""
        match statement:
            case ast.Return(value=ast.expr() as expression):
                value = self._expressions.evaluate(frame, expression, env, path)
                self._host.returns_value(frame, value, path)
                return None, FALSE
            case ast.Return():
                self._host.returns_value(frame, None, path)
                return None, FALSE
            case ast.Raise():
                self._is_told(frame, statement, env)
                reached = self._host.reached(path)
                raised = RaisedPath(reached, self._host.memory.state, frame.source.qualified)
                self._host.raised.append(raised)
                return None, FALSE
            case ast.If():
                return self._if(frame, statement, env, path)
            case ast.For():
                return self._for(frame, statement, env, path)
            case ast.While() if self._loops.is_cut(frame, statement):
                return self._loops.cut(frame, statement, env, path)
            case ast.While():
                bound = self._host.loops.get(frame.source.qualified)
                rounds = bound.rounds if isinstance(bound, LoopBound) else 0
                return self._loops.written_out(frame, statement, env, path, rounds)
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
                self._host.asserted.add(f"{frame.source.qualified}: {says!s}")
                self._host.side(f"{frame.source.name} asserts {says!r}", path, claim)
                self._host.assumptions.append(implication(self._host.reached(path), claim))
            case ast.Expr(value=ast.Constant(value=str())) | ast.Pass():
                pass
            case ast.Expr(value=ast.Call() as expression):
                evaluate(frame, expression, env, path)
            case _:
                kind = type(statement).__name__
                self._host.unsupported(frame.source, statement, f"a rule cannot contain {kind}")

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
                    source = self._host.method_source(this.kind, name)
                    if not changes_nothing(source.tree):
                        self._host.unsupported(frame.source, call, f"{name} may change an object")
                case ast.Name(id=name):
                    known = self._host.sources.module(frame.source.module).namespace.get(name)
                    known = known or vars(builtins).get(name)
                    if not (known in TELLING or is_exception(known)):
                        self._host.unsupported(frame.source, call, f"{name} may change an object")
                case _:
                    what = f"{ast.unparse(call)} may change an object"
                    self._host.unsupported(frame.source, call, what)

    def _assign(
        self, frame: Frame, target: ast.expr, value: Value, env: Environment, path: z3.BoolRef
    ) -> None:
        if isinstance(target, ast.Name):
            env[target.id] = value
        elif isinstance(target, ast.Attribute | ast.Subscript):
            self._expressions.store(frame, target, value, env, path)
        elif isinstance(target, ast.Tuple) and isinstance(value, tuple):
            if len(target.elts) != len(value):
                self._host.unsupported(frame.source, target, "the tuple has another length")
            for part, item in zip(target.elts, value, strict=True):
                self._assign(frame, part, item, env, path)
        else:
            self._host.unsupported(frame.source, target, "only names and tuples can be assigned to")

    def _if(self, frame: Frame, statement: ast.If, env: Environment, path: z3.BoolRef) -> Outcome:
        test = self._expressions.evaluate(frame, statement.test, env, path)
        if isinstance(test, bool):
            return self.block(frame, statement.body if test else statement.orelse, env, path)
        return self.fork(
            frame,
            statement,
            as_bool(test),
            env,
            path,
            lambda env, path: self.block(frame, statement.body, env, path),
            lambda env, path: self.block(frame, statement.orelse, env, path),
        )

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
        ended = len(frame.returns) + len(self._host.raised)
        start, state = self._host.linear.gone, self._host.memory.state
        self._host.linear.gone = dict(start)
        yes, yes_path = either(dict(env), conjunction(path, condition))
        one, self._host.linear.gone = self._host.linear.gone, dict(start)
        first, self._host.memory.state = self._host.memory.state, state
        no, no_path = other(dict(env), conjunction(path, negation(condition)))
        if yes is None or no is None:
            if no is None and yes is not None:
                self._host.linear.gone = one
                self._host.memory.state = first
            return (no, no_path) if yes is None else (yes, yes_path)
        self._host.memory.state = self._host.memory.join(condition, first, self._host.memory.state)
        with self._host.linear.joining(one, self._host.linear.gone):
            merged = {
                name: self._host.merge(frame.source, statement, condition, yes[name], no[name])
                for name in yes
                if name in no
            }
        rejoined = len(frame.returns) + len(self._host.raised) == ended
        return merged, path if rejoined else disjunction(yes_path, no_path)

    def _for(self, frame: Frame, loop: ast.For, env: Environment, path: z3.BoolRef) -> Outcome:
        """Write out a loop over a range of known length."""
        assert isinstance(loop.target, ast.Name)
        after: Environment | None = env
        for index in self._expressions.quantifiers.known_range(frame, loop.iter, env, path):
            assert after is not None
            after[loop.target.id] = index
            after, path = self.block(frame, loop.body, after, path)
            if after is None:
                return None, path
        return after, path


def is_exception(known: object) -> bool:
    """Tell whether an object is a class of exceptions."""
    return isinstance(known, type) and issubclass(known, BaseException)


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
