"""Evaluation of a rule's expressions over symbolic values: numbers, names, fields and truth.

What is done with items, tables, objects, quantifiers and calls is in modules of these names.
"""

import ast
import builtins
import operator
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import Final, NoReturn

import z3

from spanproof.symbolic.evaluation.calls import Calls
from spanproof.symbolic.evaluation.frames import Environment, Frame, Place
from spanproof.symbolic.evaluation.interfaces import Host
from spanproof.symbolic.evaluation.objects import Objects
from spanproof.symbolic.evaluation.quantifiers import Quantifiers
from spanproof.symbolic.evaluation.subscripts import Subscripts
from spanproof.symbolic.evaluation.tables import Tables
from spanproof.symbolic.reading.sources import FunctionSource
from spanproof.symbolic.text.definitions import Mismatch
from spanproof.symbolic.text.errors import MixedSorts, NotTranslatable
from spanproof.symbolic.text.syntax import COMPARISONS, OPERATORS
from spanproof.symbolic.values.arithmetic import Scalar
from spanproof.symbolic.values.construct import (
    FALSE,
    conjunction,
    disjunction,
    equality,
    is_false,
    is_true,
    negation,
    truth,
)
from spanproof.symbolic.values.merge import as_bool, merge, scalar_of
from spanproof.symbolic.values.records import is_constant, reads_field, record_fields
from spanproof.symbolic.values.values import SymbolicObject, Value

BUILTINS: Final = {
    name: vars(builtins)[name] for name in ("all", "any", "int", "len", "max", "min", "range")
}
"""What the names of these functions mean wherever nothing else bears them."""


class Expressions:
    """Evaluates expressions for a `Translator`."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._arithmetic = host.arithmetic
        self._denoted: dict[ast.expr, object] = {}
        self._objects = Objects(host, self)
        tables = Tables(host, self)
        self._subscripts = Subscripts(host, self, self._objects, tables)
        self.quantifiers = Quantifiers(host, self, tables)
        self._calls = Calls(host, self, self._objects, tables, self._subscripts, self.quantifiers)

    def store(
        self, frame: Frame, target: ast.expr, value: Value, env: Environment, path: z3.BoolRef
    ) -> None:
        """Store a value in a field or an item."""
        self._objects.store(target, value, Place(frame, env, path))

    def evaluate(self, frame: Frame, node: ast.expr, env: Environment, path: z3.BoolRef) -> Value:
        """Return the value of an expression; its exactness becomes side conditions.

        Raises: UnsupportedConstruct, naming file and line.
        """
        return self.value(node, Place(frame, env, path))

    def static(self, source: FunctionSource, node: ast.expr) -> object:
        """Return the object that an annotation denotes in its module."""
        if node not in self._denoted:
            namespace = self._host.sources.module(source.module).namespace
            code = compile(ast.Expression(node), source.path, "eval", dont_inherit=True)
            self._denoted[node] = eval(code, namespace)
        return self._denoted[node]

    def refuse(self, node: ast.AST, place: Place, what: str) -> NoReturn:
        """Refuse a construct, naming file and line.

        Raises: UnsupportedConstruct, always.
        """
        self._host.unsupported(place.frame.source, node, what)

    def value(self, node: ast.expr, place: Place) -> Value:
        """Evaluate and discharge: the result is exact or its conditions are recorded."""
        try:
            if isinstance(node, ast.BinOp | ast.UnaryOp) and not (
                isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not)
            ):
                return self.exact(self.scalar(node, place), node, place)
            return self._plain(node, place)
        except (MixedSorts, NotTranslatable) as problem:
            return self.refuse(node, place, str(problem))
        except z3.Z3Exception as problem:
            return self.refuse(node, place, f"values of different kinds meet: {problem}")

    def exact(self, scalar: Scalar, node: ast.expr, place: Place) -> Value:
        """Claim that a number is exact, and return it."""
        for condition in scalar.conditions:
            says = f"{place.frame.source.name} computes {ast.unparse(node)} exactly"
            self._host.side(says, place.path, condition)
        return scalar.term

    def scalar(self, node: ast.expr, place: Place) -> Scalar:
        """Evaluate an integer expression, keeping its exactness conditions open."""
        match node:
            case ast.BinOp(left=left, op=op, right=right) if type(op) in OPERATORS:
                return self._arithmetic.binary(
                    OPERATORS[type(op)], self.scalar(left, place), self.scalar(right, place)
                )
            case ast.UnaryOp(op=ast.Invert(), operand=operand):
                return self._arithmetic.invert(self.scalar(operand, place))
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return self._arithmetic.binary("-", Scalar(0), self.scalar(operand, place))
            case ast.BinOp(op=op) | ast.UnaryOp(op=ast.UAdd() as op):
                self.refuse(node, place, f"operator {type(op).__name__} has no counterpart")
        return scalar_of(self.value(node, place))

    def _plain(self, node: ast.expr, place: Place) -> Value:
        match node:
            case ast.Constant(value=bool() | int() | None as known):
                return known
            case ast.Compare(ops=[ast.Is() | ast.IsNot()]):
                return self._objects.is_none(node, place)
            case ast.Name(id=name):
                return self.named(name, node, place)
            case ast.Attribute(value=base, attr=attribute):
                return self._attribute(self.value(base, place), attribute, node, place)
            case ast.Constant(value=str() as text) if "." in place.frame.source.name:
                return text
            case ast.List():
                return self._objects.made_list(node, place)
            case ast.Tuple(elts=elements):
                return tuple(self.value(element, place) for element in elements)
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                value = self.value(operand, place)
                return not value if isinstance(value, bool) else negation(as_bool(value))
            case ast.BoolOp(op=op, values=values):
                return self._connective(isinstance(op, ast.And), values, place)
            case ast.IfExp(test=test, body=body, orelse=orelse):
                return self._choice(test, body, orelse, place)
            case ast.Compare():
                return self._comparison(node, place)
            case ast.Subscript(value=base, slice=index):
                return self._subscripts.item(base, index, node, place)
            case ast.Call():
                return self._calls.value(node, place)
        return self.refuse(node, place, f"a rule cannot contain {type(node).__name__}")

    # --- names and fields -------------------------------------------------------------------------

    def named(self, name: str, node: ast.AST, place: Place) -> Value:
        """Return what a name stands for: a variable, or a constant of the module."""
        if name in place.env:
            return place.env[name]
        if name in place.frame.source.local:
            self.refuse(node, place, f"{name} may have no value here: not every path gives it one")
        try:
            value = self._host.sources.lookup(place.frame.source.module, name)
        except KeyError:
            return self.refuse(node, place, f"{name} may have no value here")
        except Mismatch as problem:
            return self.refuse(node, place, problem.what)
        if not is_constant(value):
            self.refuse(node, place, f"{name} is no constant: {type(value).__name__}")
        return value

    def is_builtin(self, name: str, place: Place) -> bool:
        """Tell whether a name means what Python's builtin functions mean by it."""
        if name not in BUILTINS or name in place.env or name in place.frame.source.local:
            return False
        namespace = self._host.sources.module(place.frame.source.module).namespace
        if namespace.get("__builtins__", builtins) not in (builtins, vars(builtins)):
            return False
        known: object = vars(builtins).get(name)  # it may have been replaced
        with suppress(KeyError, Mismatch):
            known = self._host.sources.lookup(place.frame.source.module, name)
        return known is BUILTINS[name]

    def _attribute(self, base: Value, name: str, node: ast.AST, place: Place) -> Value:
        if isinstance(base, SymbolicObject):
            return self._objects.field(base, name, node, place)
        if name in (record_fields(type(base)) or {}) and reads_field(type(base), name):
            return getattr(base, name)
        return self.refuse(node, place, f"no field {name}")

    # --- truth ------------------------------------------------------------------------------------

    def _connective(self, every: bool, values: Sequence[ast.expr], place: Place) -> Value:
        """Evaluate and/or from left to right; a later operand is on a narrower path."""
        terms: list[z3.BoolRef] = []
        for node in values:
            evaluated = partial(self.value, node, place)
            value = self._objects.unchanged(node, place, evaluated) if terms else evaluated()
            if isinstance(value, bool):
                if value != every:
                    terms.append(truth(value))
                    break
                continue
            term = as_bool(value)
            terms.append(term)
            place = place.under(term if every else negation(term))
        if not terms:
            return every
        if all(is_true(term) or is_false(term) for term in terms):
            known = (is_true(term) for term in terms)
            return all(known) if every else any(known)
        return conjunction(*terms) if every else disjunction(*terms)

    def _choice(self, test: ast.expr, body: ast.expr, orelse: ast.expr, place: Place) -> Value:
        condition = self.value(test, place)
        if isinstance(condition, bool):
            return self.value(body if condition else orelse, place)
        term = as_bool(condition)
        linear = self._host.linear
        start, memory = linear.gone, self._host.memory
        linear.gone, state = dict(start), memory.state
        yes = self.value(body, place.under(term))
        one, linear.gone = linear.gone, dict(start)
        first, memory.state = memory.state, state
        no = self.value(orelse, place.under(negation(term)))
        memory.state = memory.join(term, first, memory.state)
        with linear.joining(one, linear.gone):
            return merge(self._arithmetic, term, yes, no)

    def _comparison(self, node: ast.Compare, place: Place) -> Value:
        """Evaluate a chain from left to right; a later operand is on a narrower path."""
        terms: list[z3.BoolRef] = []
        left = self.value(node.left, place)
        for op, right_node in zip(node.ops, node.comparators, strict=True):
            evaluated = partial(self.value, right_node, place)
            right = self._objects.unchanged(node, place, evaluated) if terms else evaluated()
            outcome = self.compare(COMPARISONS[type(op)], left, right)
            if outcome is False:
                return conjunction(*terms, FALSE) if terms else False
            if outcome is not True:
                terms.append(as_bool(outcome))
                place = place.under(terms[-1])
            left = right
        if not terms:
            return True
        return conjunction(*terms) if len(terms) > 1 else terms[0]

    def compare(self, symbol: str, left: Value, right: Value) -> z3.BoolRef | bool:
        """Compare two numbers, or two truth values.

        Raises: NotTranslatable or MixedSorts if they cannot be compared so.
        """
        if isinstance(left, bool | z3.BoolRef) and isinstance(right, bool | z3.BoolRef):
            if symbol not in ("==", "!="):
                raise NotTranslatable("truth values can only be compared for equality")
            if isinstance(left, bool) and isinstance(right, bool):
                return bool(operator.eq(left, right)) == (symbol == "==")
            same = equality(as_bool(left), as_bool(right))
            return same if symbol == "==" else negation(same)
        return self._arithmetic.compare(symbol, scalar_of(left), scalar_of(right))

    # --- for the parts ----------------------------------------------------------------------------

    def arguments(self, node: ast.Call, names: Sequence[str], place: Place) -> list[Value]:
        """Evaluate arguments, positional and by keyword, in the order of the parameters."""
        given = {
            name: self.value(argument, place)
            for name, argument in zip(names, node.args, strict=False)
        }
        for keyword in node.keywords:
            if keyword.arg is None or keyword.arg not in names or keyword.arg in given:
                self.refuse(node, place, f"unexpected argument {keyword.arg}")
            given[keyword.arg] = self.value(keyword.value, place)
        if len(given) != len(names) or len(node.args) > len(names):
            self.refuse(node, place, f"expected the arguments {', '.join(names)}")
        return [given[name] for name in names]
