"""Loops: a `while` is cut at its stated invariant, or written out as often as is bounded."""

import ast
from collections.abc import Callable, Sequence
from typing import Final

import z3
from mypy_extensions import i64

from spanproof.symbolic.evaluation.frames import Environment, Frame, LoopBound, LoopInvariant
from spanproof.symbolic.evaluation.interfaces import Evaluator, Executor, Host, Outcome
from spanproof.symbolic.reading.fresh import word_bits
from spanproof.symbolic.values.arithmetic import Scalar
from spanproof.symbolic.values.construct import conjunction, has_sort, implication, negation
from spanproof.symbolic.values.merge import as_bool, scalar_of
from spanproof.symbolic.values.values import Value

WRITTEN_OUT: Final = 1 << 10
"""A loop whose condition is known goes round so many times at most."""


class Loops:
    """Evaluates `while` for a `Translator`."""

    def __init__(self, host: Host, expressions: Evaluator, statements: Executor) -> None:
        self._host = host
        self._expressions = expressions
        self._statements = statements

    def is_cut(self, frame: Frame, loop: ast.While) -> bool:
        """Tell whether a loop is cut at an invariant: in a rule, unless a bound is stated."""
        stated = self._host.loops.get(self._name_of(frame, loop))
        if isinstance(self._host.loops.get(frame.source.qualified), LoopBound):
            return False
        return "." not in frame.source.name or isinstance(stated, LoopInvariant)

    def _name_of(self, frame: Frame, loop: ast.While) -> str:
        """Return the name under which a loop is stated: that of its function, or `name#2`..."""
        number = next(n for n, one in enumerate(frame.loops, start=1) if one is loop)
        return frame.source.qualified if number == 1 else f"{frame.source.qualified}#{number}"

    def written_out(
        self,
        frame: Frame,
        loop: ast.While,
        env: Environment,
        path: z3.BoolRef,
        rounds: int,
        known: int = WRITTEN_OUT,
    ) -> Outcome:
        """Write a loop out: as often as its condition is known, or as often as it is bounded."""
        test = self._expressions.evaluate(frame, loop.test, env, path)
        if test is False:
            return env, path
        if test is True:
            if known == 0:
                self._host.unsupported(frame.source, loop, f"a loop goes round {WRITTEN_OUT} times")
            around, path = self._statements.block(frame, loop.body, env, path)
            if around is None:
                return None, path
            return self.written_out(frame, loop, around, path, rounds, known - 1)
        condition = as_bool(test)
        bound = self._host.loops.get(frame.source.qualified)
        if not isinstance(bound, LoopBound):
            needs = "a loop whose condition is not known needs an invariant, or a bound"
            self._host.unsupported(frame.source, loop, needs)
        if rounds == 0:
            self._host.side(f"loop of {frame.source.name}: has ended", path, negation(condition))
            return env, conjunction(path, negation(condition))

        def again(env: Environment, path: z3.BoolRef) -> Outcome:
            around, path = self._statements.block(frame, loop.body, env, path)
            if around is None:
                return None, path
            return self.written_out(frame, loop, around, path, rounds - 1, known)

        def leave(env: Environment, path: z3.BoolRef) -> Outcome:
            return env, path

        return self._statements.fork(frame, loop, condition, env, path, again, leave)

    def cut(self, frame: Frame, loop: ast.While, env: Environment, path: z3.BoolRef) -> Outcome:
        """Cut a loop: enter with the invariant, forget what changes, go round once, leave."""
        known = self._name_of(frame, loop)
        contract = self._host.loops.get(known)
        if not isinstance(contract, LoopInvariant) or loop.orelse:
            needs = "a loop needs a stated invariant, and no else"
            self._host.unsupported(frame.source, loop, needs)
        state = self._host.memory.state
        where = f"loop of {frame.source.name}"
        self._host.side(
            f"{where}: holds at entry", path, self._about(frame, contract.invariant, env, path)
        )
        around = dict(env)
        kinds = self._host.kinds_of(contract.invariant)
        for name in sorted(_assigned(loop.body)):
            if name in env:
                kind = kinds.get(name, int)
                self._fits(f"{where}: {name} fits its type", kind, env[name], path)
                around[name] = self._forget(frame, loop, name, env[name], kind)
        self._host.loop_states[known] = around
        self._host.arrivals.append((known, around))
        invariant = self._about(frame, contract.invariant, around, path)
        self._host.assumptions.append(implication(self._host.reached(path), invariant))
        if contract.definition is not None:
            definition = self._about(frame, contract.definition, around, path)
            self._host.assumptions.append(implication(path, definition))
        kept = set(self._host.linear.gone)
        test = self._expressions.evaluate(frame, loop.test, around, path)
        condition = as_bool(test)
        before = self._measure(frame, contract.variant, around, path)
        inside = conjunction(path, condition)
        end, end_path = self._statements.block(frame, loop.body, dict(around), inside)
        if set(self._host.linear.gone) - kept:
            self._host.unsupported(frame.source, loop, "a loop replaces a table")
        if self._host.memory.state is not state:
            self._host.unsupported(frame.source, loop, "a loop that is cut changes an object")
        if end is not None:
            again = self._about(frame, contract.invariant, end, end_path)
            self._host.side(f"{where}: is kept by a round", end_path, again)
            smaller = self._measure(frame, contract.variant, end, end_path)
            for name in sorted(around.keys() & _assigned(loop.body)):
                if name not in end:
                    self._host.unsupported(frame.source, loop, f"{name} has no value after a round")
                kind = kinds.get(name, int)
                self._fits(f"{where}: {name} still fits its type", kind, end[name], end_path)
            less = self._host.arithmetic.compare("<", smaller, before)
            self._host.side(f"{where}: ends", end_path, as_bool(less))
            self._host.assumptions.append(negation(end_path))
        return around, conjunction(path, negation(condition))

    def _fits(self, label: str, kind: object, value: Value, path: z3.BoolRef) -> None:
        """Require that a loop variable is what its symbol can be: a number of the arithmetic, in
        the range of its annotation.
        """
        if isinstance(value, bool | z3.BoolRef):
            return
        number, compare = scalar_of(value), self._host.arithmetic.compare
        self._host.arithmetic.exact(number)
        bits = word_bits(kind)
        if bits is not None:
            low = as_bool(compare(">=", number, Scalar(0)))
            high = as_bool(compare("<=", number, Scalar((1 << bits) - 1)))
            self._host.side(label, path, conjunction(low, high))

    def _forget(self, frame: Frame, at: ast.stmt, name: str, value: Value, kind: object) -> Value:
        stem = self._host.fresh_name(f"{frame.source.name}.{name}")
        if isinstance(value, bool | z3.BoolRef):
            return z3.Bool(stem)
        if word_bits(kind) is None and kind not in (int, i64):
            what = f"a loop cannot change a {kind}: {name}"
            return self._host.unsupported(frame.source, at, what)
        if type(value) is int or (
            isinstance(value, z3.ExprRef) and has_sort(value, self._host.arithmetic.sort)
        ):
            return self._host.symbols.value(kind, stem)
        return self._host.unsupported(frame.source, at, f"a loop cannot change {name}")

    def _arguments(
        self, frame: Frame, rule: Callable[..., object], env: Environment
    ) -> list[Value]:
        source = self._host.sources.function(rule)
        entry = {f"entry_{name}": value for name, value in frame.entry.items()}
        known = {**self._host.ghosts, **entry, **env}
        names = [argument.arg for argument in source.tree.args.args]
        for name in names:
            if name not in known:
                self._host.unsupported(source, source.tree, f"no variable {name} at the loop")
        return [known[name] for name in names]

    def _about(
        self, frame: Frame, rule: Callable[..., bool], env: Environment, path: z3.BoolRef
    ) -> z3.BoolRef:
        return as_bool(self._host.call(rule, *self._arguments(frame, rule, env), path=path))

    def _measure(
        self, frame: Frame, rule: Callable[..., int], env: Environment, path: z3.BoolRef
    ) -> Scalar:
        return scalar_of(self._host.call(rule, *self._arguments(frame, rule, env), path=path))


def _assigned(body: Sequence[ast.stmt]) -> set[str]:
    """Return the names that a loop body assigns to."""
    return {
        node.id
        for statement in body
        for node in ast.walk(statement)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }
