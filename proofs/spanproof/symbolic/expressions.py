"""Evaluation of a rule's expressions over symbolic values."""

import ast
import builtins
import operator
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import Final, NewType, NoReturn, cast

import msgspec
import z3
from librt.vecs import vec
from mypy_extensions import i64

from spanproof.symbolic.arithmetic import Arithmetic, Scalar
from spanproof.symbolic.classes import is_changeable
from spanproof.symbolic.definitions import Mismatch
from spanproof.symbolic.errors import MixedSorts, NotTranslatable, UnsupportedConstruct
from spanproof.symbolic.frames import Environment, Frame, Host, Place
from spanproof.symbolic.memory import LIST
from spanproof.symbolic.merge import as_bitmap, as_bool, merge, scalar_of
from spanproof.symbolic.objects import Objects
from spanproof.symbolic.ranges import in_ranges
from spanproof.symbolic.records import (
    is_constant,
    is_named_tuple,
    parts_of,
    reads_field,
    record_fields,
    same,
    takes_its_fields,
    with_changes,
)
from spanproof.symbolic.sources import FunctionSource
from spanproof.symbolic.syntax import COMPARISONS, OPERATORS
from spanproof.symbolic.values import (
    SymbolicBitmap,
    SymbolicObject,
    SymbolicTable,
    SymbolicVector,
    SymbolicWords,
    Value,
)

MOST_BITS: Final = 1 << 16
"""The index of a bit is a U16, and bits are counted up to this at most."""

BUILTINS: Final = {
    name: vars(builtins)[name] for name in ("all", "any", "int", "len", "max", "min", "range")
}
"""What the names of these functions mean wherever nothing else bears them."""

UNROLL_LIMIT = 70
"""A quantifier over a known range of at most this many values is written out."""


def _offset(node: ast.expr) -> tuple[str, ast.expr | None]:
    """Return `a + b` as the text of `a`, and `b`; None for none."""
    match node:
        case ast.BinOp(left=base, op=ast.Add(), right=offset):
            return ast.dump(base), offset
    return ast.dump(node), None


class Expressions:
    """Evaluates expressions for a `Translator`."""

    def __init__(self, translator: Host) -> None:
        self._translator = translator
        self._objects = Objects(translator, self)

    def store(
        self, frame: Frame, target: ast.expr, value: Value, env: Environment, path: z3.BoolRef
    ) -> None:
        """Store a value in a field or an item."""
        self._objects.store(target, value, Place(frame, env, path))

    def known_range(
        self, frame: Frame, over: ast.expr, env: Environment, path: z3.BoolRef
    ) -> list[Value]:
        """Return the numbers of a `range(a, b)` whose length is known."""
        place = Place(frame, env, path)
        match over:
            case ast.Call(func=ast.Name(id="range"), args=[*limits], keywords=[]) if (
                self._is_builtin("range", place) and 1 <= len(limits) <= 2
            ):
                low, high = [0, *(self.value(limit, place) for limit in limits)][-2:]
            case _:
                return self.refuse(over, place, "a loop is over range(a, b)")
        first, end = scalar_of(low), scalar_of(high)
        length = self._known_length(first, end)
        if length is None and len(limits) == 2:
            (one, less), (other, more) = (_offset(limit) for limit in limits)
            values = [self.value(part, place) for part in (less, more) if part is not None]
            if one == other and all(type(value) is int for value in values):
                offsets = [0 if part is None else self.value(part, place) for part in (less, more)]
                length = max(0, scalar_of(offsets[1]).term - scalar_of(offsets[0]).term)
        if length is None or length > UNROLL_LIMIT:
            self.refuse(over, place, f"a range of a known length up to {UNROLL_LIMIT} is needed")
        return [
            self._exact(self._arithmetic.binary("+", first, Scalar(i)), over, place)
            for i in range(length)
        ]

    def _known_length(self, first: Scalar, end: Scalar) -> int | None:
        if isinstance(first.term, int) and isinstance(end.term, int):
            return max(0, end.term - first.term)
        length = z3.simplify(self._arithmetic.lift(end).term - self._arithmetic.lift(first).term)
        if isinstance(length, z3.BitVecNumRef):
            return max(0, int(length.as_signed_long()))
        return max(0, length.as_long()) if isinstance(length, z3.IntNumRef) else None

    @property
    def _arithmetic(self) -> Arithmetic:
        return self._translator.arithmetic

    def evaluate(self, frame: Frame, node: ast.expr, env: Environment, path: z3.BoolRef) -> Value:
        """Return the value of an expression; its exactness becomes side conditions.

        Raises: UnsupportedConstruct, naming file and line.
        """
        return self.value(node, Place(frame, env, path))

    def static(self, source: FunctionSource, node: ast.expr) -> object:
        """Return the object that an annotation denotes in its module."""
        namespace = self._translator.sources.module(source.module).namespace
        code = compile(ast.Expression(node), source.path, "eval", dont_inherit=True)
        return eval(code, namespace)

    def refuse(self, node: ast.AST, place: Place, what: str) -> NoReturn:
        """Refuse a construct, naming file and line.

        Raises: UnsupportedConstruct, always.
        """
        self._translator.unsupported(place.frame.source, node, what)

    def value(self, node: ast.expr, place: Place) -> Value:
        """Evaluate and discharge: the result is exact or its conditions are recorded."""
        try:
            if isinstance(node, ast.BinOp | ast.UnaryOp) and not (
                isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not)
            ):
                return self._exact(self._scalar(node, place), node, place)
            return self._plain(node, place)
        except (MixedSorts, NotTranslatable) as problem:
            return self.refuse(node, place, str(problem))
        except z3.Z3Exception as problem:
            return self.refuse(node, place, f"values of different kinds meet: {problem}")

    def _exact(self, scalar: Scalar, node: ast.expr, place: Place) -> Value:
        for condition in scalar.conditions:
            says = f"{place.frame.source.name} computes {ast.unparse(node)} exactly"
            self._translator.side(says, place.path, condition)
        return scalar.term

    def _scalar(self, node: ast.expr, place: Place) -> Scalar:
        """Evaluate an integer expression, keeping its exactness conditions open."""
        match node:
            case ast.BinOp(left=left, op=op, right=right) if type(op) in OPERATORS:
                return self._arithmetic.binary(
                    OPERATORS[type(op)], self._scalar(left, place), self._scalar(right, place)
                )
            case ast.UnaryOp(op=ast.Invert(), operand=operand):
                return self._arithmetic.invert(self._scalar(operand, place))
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return self._arithmetic.binary("-", Scalar(0), self._scalar(operand, place))
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
                return self._name(name, node, place)
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
                return not value if isinstance(value, bool) else z3.Not(as_bool(value))
            case ast.BoolOp(op=op, values=values):
                return self._connective(isinstance(op, ast.And), values, place)
            case ast.IfExp(test=test, body=body, orelse=orelse):
                return self._choice(test, body, orelse, place)
            case ast.Compare():
                return self._comparison(node, place)
            case ast.Subscript(value=base, slice=index):
                return self._subscript(base, index, node, place)
            case ast.Call():
                return self._call(node, place)
        return self.refuse(node, place, f"a rule cannot contain {type(node).__name__}")

    # --- names and parts ----------------------------------------------------------------------

    def _name(self, name: str, node: ast.AST, place: Place) -> Value:
        if name in place.env:
            return place.env[name]
        if name in place.frame.source.local:
            self.refuse(node, place, f"{name} may have no value here: not every path gives it one")
        try:
            value = self._translator.sources.lookup(place.frame.source.module, name)
        except KeyError:
            return self.refuse(node, place, f"{name} may have no value here")
        except Mismatch as problem:
            return self.refuse(node, place, problem.what)
        if not is_constant(value):
            self.refuse(node, place, f"{name} is no constant: {type(value).__name__}")
        return value

    def _is_builtin(self, name: str, place: Place) -> bool:
        """Tell whether a name means what Python's builtin functions mean by it."""
        if name not in BUILTINS or name in place.env or name in place.frame.source.local:
            return False
        namespace = self._translator.sources.module(place.frame.source.module).namespace
        if namespace.get("__builtins__", builtins) not in (builtins, vars(builtins)):
            return False
        known: object = vars(builtins).get(name)  # it may have been replaced
        with suppress(KeyError, Mismatch):
            known = self._translator.sources.lookup(place.frame.source.module, name)
        return known is BUILTINS[name]

    def _attribute(self, base: Value, name: str, node: ast.AST, place: Place) -> Value:
        if isinstance(base, SymbolicObject):
            return self._objects.field(base, name, node, place)
        if name in (record_fields(type(base)) or {}) and reads_field(type(base), name):
            return getattr(base, name)
        return self.refuse(node, place, f"no field {name}")

    def _subscript(self, base: ast.expr, index: ast.expr, node: ast.AST, place: Place) -> Value:
        container, key = self.value(base, place), self.value(index, place)
        if isinstance(container, SymbolicTable):
            self._read(container, node, place)
            return container.get(self._identity(key, container, node, place))
        if isinstance(container, SymbolicVector):
            return self._objects.item(container, scalar_of(key), node, place)
        if isinstance(container, SymbolicWords):
            return self._word(container, scalar_of(key), node, place)
        items: Sequence[Value] | None = parts_of(container)
        if type(container) is vec[i64]:
            items = tuple(container)
            if type(key) is int and key < 0:
                self.refuse(node, place, f"index {key} into a vector")
        elif isinstance(container, msgspec.Struct):
            items = None
        if items is None:
            return self.refuse(node, place, "only tuples, tables and word lists have items")
        if type(key) is int:
            if not -len(items) <= key < len(items):
                self.refuse(node, place, f"index {key} into a tuple of {len(items)}")
            return items[key]
        return self._lookup(items, scalar_of(key), node, place)

    def _identity(
        self, key: Value, table: SymbolicTable, node: ast.AST, place: Place
    ) -> z3.ExprRef:
        """Return a key as an identity of a table."""
        if type(key) is int:
            return z3.IntVal(key)
        if not isinstance(key, z3.ExprRef) or key.sort() != table.key_sort:
            self.refuse(node, place, "a table is looked up by an identity")
        return key

    def _word(self, words: SymbolicWords, key: Scalar, node: ast.AST, place: Place) -> Value:
        """Read a vector: that the index is in it is a claim, as Python's IndexError is."""
        index = self._arithmetic.exact(key)
        if type(key.term) is int and key.term < 0:
            self.refuse(node, place, f"index {key.term} into a vector")
        compare = self._arithmetic.compare
        inside = z3.And(
            as_bool(compare(">=", key, Scalar(0))),
            as_bool(compare("<", key, Scalar(words.length))),
        )
        says = f"{place.frame.source.name}: {ast.unparse(node)} is in the vector"
        self._translator.side(says, place.path, inside)
        return words.get(index)

    def _lookup(self, table: Sequence[Value], key: Scalar, node: ast.AST, place: Place) -> Value:
        """Look up a tuple at an unknown index: one case for each run of equal values."""
        if not table:
            self.refuse(node, place, "an index into an empty tuple")
        self._arithmetic.exact(key)
        compare = self._arithmetic.compare
        inside = z3.And(
            as_bool(compare(">=", key, Scalar(0))), as_bool(compare("<", key, Scalar(len(table))))
        )
        says = f"{place.frame.source.name}: index into a table of {len(table)} is in range"
        self._translator.side(says, place.path, inside)
        value = table[-1]
        for last in range(len(table) - 2, -1, -1):
            if not same(table[last], table[last + 1]):
                at_most = as_bool(compare("<=", key, Scalar(last)))
                value = merge(self._arithmetic, at_most, table[last], value)
        return value

    # --- truth --------------------------------------------------------------------------------

    def _connective(self, conjunction: bool, values: Sequence[ast.expr], place: Place) -> Value:
        """Evaluate and/or from left to right; a later operand is on a narrower path."""
        terms: list[z3.BoolRef] = []
        for node in values:
            evaluated = partial(self.value, node, place)
            value = self._objects.unchanged(node, place, evaluated) if terms else evaluated()
            if isinstance(value, bool):
                if value != conjunction:
                    terms.append(z3.BoolVal(value))
                    break
                continue
            term = as_bool(value)
            terms.append(term)
            place = place.under(term if conjunction else z3.Not(term))
        if not terms:
            return conjunction
        if all(z3.is_true(term) or z3.is_false(term) for term in terms):
            known = (z3.is_true(term) for term in terms)
            return all(known) if conjunction else any(known)
        return z3.And(*terms) if conjunction else z3.Or(*terms)

    def _choice(self, test: ast.expr, body: ast.expr, orelse: ast.expr, place: Place) -> Value:
        condition = self.value(test, place)
        if isinstance(condition, bool):
            return self.value(body if condition else orelse, place)
        term = as_bool(condition)
        linear = self._translator.linear
        start, memory = linear.gone, self._translator.memory
        linear.gone, state = dict(start), memory.state
        yes = self.value(body, place.under(term))
        one, linear.gone = linear.gone, dict(start)
        first, memory.state = memory.state, state
        no = self.value(orelse, place.under(z3.Not(term)))
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
            outcome = self._compare(COMPARISONS[type(op)], left, right)
            if outcome is False:
                return z3.And(*terms, z3.BoolVal(False)) if terms else False
            if outcome is not True:
                terms.append(as_bool(outcome))
                place = place.under(terms[-1])
            left = right
        if not terms:
            return True
        return z3.And(*terms) if len(terms) > 1 else terms[0]

    def _compare(self, symbol: str, left: Value, right: Value) -> z3.BoolRef | bool:
        if isinstance(left, bool | z3.BoolRef) and isinstance(right, bool | z3.BoolRef):
            if symbol not in ("==", "!="):
                raise NotTranslatable("truth values can only be compared for equality")
            if isinstance(left, bool) and isinstance(right, bool):
                return bool(operator.eq(left, right)) == (symbol == "==")
            same: z3.BoolRef = as_bool(left) == as_bool(right)
            return same if symbol == "==" else z3.Not(same)
        return self._arithmetic.compare(symbol, scalar_of(left), scalar_of(right))

    # --- calls --------------------------------------------------------------------------------

    def _call(self, node: ast.Call, place: Place) -> Value:
        match node.func:
            case ast.Name(id="all" | "any" as name) if self._is_builtin(name, place):
                return self._quantifier(name == "all", node, place)
            case ast.Subscript(value=ast.Name(id="vec"), slice=item):
                return self._objects.made_vector(node, item, place)
            case ast.Name(id="int" | "min" | "max" as name) if node.keywords and self._is_builtin(
                name, place
            ):
                return self.refuse(node, place, f"{name} takes no argument by name")
            case ast.Name(id="int") if self._is_builtin("int", place):
                return self._number(self.arguments(node, ["number"], place)[0])
            case ast.Name(id="min" | "max" as name) if self._is_builtin(name, place):
                one, other = self.arguments(node, ["one", "other"], place)
                less = self._compare("<=", one, other)
                first, second = (one, other) if name == "min" else (other, one)
                return merge(self._arithmetic, as_bool(less), first, second)
            case ast.Name(id="len") if self._is_builtin("len", place):
                return self._length(self.arguments(node, ["object"], place)[0], node, place)
            case ast.Attribute(value=base, attr=method):
                return self._method(self.value(base, place), method, node, place)
            case ast.Name(id=name):
                target = self._name(name, node, place)
                return self._function(target, node, place)
        return self.refuse(node, place, "only functions and methods can be called")

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

    def _length(self, container: Value, node: ast.Call, place: Place) -> Value:
        if node.keywords:
            self.refuse(node, place, "len takes no argument by name")
        if isinstance(container, SymbolicVector):
            return self._objects.content(container).length
        if isinstance(container, SymbolicWords):
            return container.length
        if isinstance(container, msgspec.Struct) or parts_of(container) is None:
            if type(container) is not vec[i64]:
                self.refuse(node, place, "only tuples and vectors have a length")
            return len(container)
        return len(parts_of(container) or ())

    def _function(self, target: Value, node: ast.Call, place: Place) -> Value:
        if is_changeable(target):
            assert isinstance(target, type)
            return self._objects.made(target, node, place)
        if isinstance(target, type):
            fields = record_fields(target)
            if fields is None or not takes_its_fields(target):
                self.refuse(node, place, f"{target.__name__} is not a plain record")
            given = self.arguments(node, list(fields), place)
            self._fit(target, dict(zip(fields, given, strict=True)), node, place)
            made: Value = target(*given)
            return made
        if not callable(target):
            return self.refuse(node, place, "the callee is no function")
        if target is msgspec.structs.replace:
            return self._replaced(node, place)
        if isinstance(target, NewType):
            if target.__supertype__ is not int or node.keywords:
                self.refuse(node, place, f"{target.__name__} is no identity")
            return self._number(self.arguments(node, ["identity"], place)[0])
        try:
            source = self._translator.sources.function(cast(Callable[..., object], target))
        except UnsupportedConstruct as problem:
            if problem.line > 0:
                raise
            return self.refuse(node, place, problem.what)
        names = [argument.arg for argument in source.tree.args.args]
        return self._translator.apply(source, self.arguments(node, names, place), place.path)

    def _number(self, value: Value) -> Value:
        """Return an integer or an identity as it is."""
        scalar_of(value)
        return value

    def _replaced(self, node: ast.Call, place: Place) -> Value:
        """Return a struct with the changes that a call of `msgspec.structs.replace` names."""
        record = self.value(node.args[0], place) if len(node.args) == 1 else None
        if not isinstance(record, msgspec.Struct):
            return self.refuse(node, place, "expected a struct and its changes")
        return self._changed(record, node, place)

    def _changed(self, record: Value, node: ast.Call, place: Place) -> Value:
        """Return a record with the changes that the keywords of a call name."""
        changes = {str(k.arg): self.value(k.value, place) for k in node.keywords}
        if record_fields(type(record)) is None:
            return self.refuse(node, place, "expected a record and its changes")
        try:
            changed = with_changes(record, changes)
        except TypeError as problem:
            return self.refuse(node, place, str(problem))
        self._fit(type(record), changes, node, place)
        return changed

    def _fit(self, kind: type, given: Mapping[str, Value], node: ast.Call, place: Place) -> None:
        """Claim that each number put into a record is in the range that its field states.

        A record that is put into another was looked at when it was made itself.
        """
        for name, annotation in (record_fields(kind) or {}).items():
            if name not in given or record_fields(annotation) is not None:
                continue
            known = self._translator.symbols.in_range
            for claim in in_ranges(self._arithmetic, annotation, given[name], known):
                says = f"{place.frame.source.name}: {kind.__name__}.{name} is in its range"
                self._translator.side(says, place.path, claim)

    def _method(self, base: Value, name: str, node: ast.Call, place: Place) -> Value:
        if isinstance(base, SymbolicObject):
            return self._objects.call(base, name, node, place)
        if isinstance(base, SymbolicVector) and base.kind is LIST and name == "append":
            self._objects.append(base, node, place)
            return None
        bitmap = as_bitmap(base)
        if bitmap is not None and name in ("bit", "word", "count", "with_bit"):
            parameter = "end" if name == "count" else "index"
            return self._observed(bitmap, name, parameter, node, place)
        if isinstance(base, SymbolicTable) and name == "set":
            key, value = self.arguments(node, ["key", "value"], place)
            self._replace_table(base, node, place)
            return self._put(base, self._identity(key, base, node, place), value)
        if isinstance(base, SymbolicTable) and name == "set_range":
            start, end, value = self.arguments(node, ["start", "end", "value"], place)
            self._replace_table(base, node, place)
            return self._put_range(
                base,
                self._identity(start, base, node, place),
                self._identity(end, base, node, place),
                value,
            )
        if isinstance(base, SymbolicTable) and name == "all_are":
            start, end, value = self.arguments(node, ["start", "end", "value"], place)
            self._read(base, node, place)
            return self._all_are(
                base,
                self._identity(start, base, node, place),
                self._identity(end, base, node, place),
                value,
            )
        if name == "_replace" and is_named_tuple(base):
            if node.args:
                self.refuse(node, place, "_replace takes its changes by name")
            return self._changed(base, node, place)
        if name == "bit_length" and not (node.args or node.keywords):
            scalar_of(base)
            return self._exact(self._arithmetic.bit_length(self._open(node, place)), node, place)
        return self.refuse(node, place, f"no method {name}")

    def _observed(
        self, bitmap: SymbolicBitmap, name: str, parameter: str, node: ast.Call, place: Place
    ) -> Value:
        """Ask a bitmap: that the index is one, as its interface says, is a claim.

        Python raises ValueError for a negative one, and MemoryError for one that is far too large.
        """
        index = scalar_of(self.arguments(node, [parameter], place)[0])
        term = self._arithmetic.exact(index)
        compare = self._arithmetic.compare
        low = as_bool(compare(">=", index, Scalar(0)))
        high = (
            True
            if self._arithmetic.limits and self._arithmetic.limits[1] < MOST_BITS
            else (compare("<=", index, Scalar(MOST_BITS)))
        )
        says = f"{place.frame.source.name}: the index of {ast.unparse(node)} is in range"
        self._translator.side(says, place.path, z3.And(low, as_bool(high)))
        try:
            observed: Value = getattr(bitmap, name)(term)
        except TypeError as problem:
            return self.refuse(node, place, str(problem))
        return observed

    def _open(self, node: ast.Call, place: Place) -> Scalar:
        assert isinstance(node.func, ast.Attribute)
        return self._scalar(node.func.value, place)

    def _read(self, table: SymbolicTable, node: ast.AST, place: Place) -> None:
        """Refuse to read a table that was replaced: updated in place, it would be another one."""
        where = self._translator.linear.replaced(table)
        if where is not None:
            self.refuse(node, place, f"a table is read that was replaced before ({where})")

    def _replace_table(self, table: SymbolicTable, node: ast.AST, place: Place) -> None:
        self._read(table, node, place)
        source = place.frame.source
        self._translator.linear.replace(table, f"{source.path}:{getattr(node, 'lineno', 0)}")

    @contextmanager
    def _nothing_replaced(self, node: ast.AST, place: Place) -> Iterator[None]:
        """Refuse what replaces a table each time round."""
        before = set(self._translator.linear.gone)
        yield
        if set(self._translator.linear.gone) - before:
            self.refuse(node, place, "a quantifier replaces a table")

    def _put(self, table: SymbolicTable, identity: z3.ExprRef, value: Value) -> SymbolicTable:
        def get(other: z3.ExprRef) -> Value:
            if other.eq(identity):
                return value
            return merge(self._arithmetic, other == identity, value, table.get(other))

        return SymbolicTable(table.key_sort, get, stands_for_all=table.stands_for_all)

    def _put_range(
        self, table: SymbolicTable, start: z3.ExprRef, end: z3.ExprRef, value: Value
    ) -> SymbolicTable:
        if table.key_sort != self._arithmetic.sort:
            raise NotTranslatable("a range of addresses needs an arithmetic of integers")

        def get(other: z3.ExprRef) -> Value:
            inside = z3.And(start <= other, other < end)
            return merge(self._arithmetic, inside, value, table.get(other))

        return SymbolicTable(table.key_sort, get, stands_for_all=table.stands_for_all)

    def _all_are(
        self, table: SymbolicTable, start: z3.ExprRef, end: z3.ExprRef, value: Value
    ) -> z3.BoolRef:
        if table.key_sort != self._arithmetic.sort:
            raise NotTranslatable("a range of addresses needs an arithmetic of integers")
        bound = table.stands_for_all
        if bound is None:
            bound = z3.Const(self._translator.fresh_name("address"), table.key_sort)
        same = as_bool(self._compare("==", table.get(bound), value))
        claim = z3.Implies(z3.And(start <= bound, bound < end), same)
        return z3.ForAll([bound], claim) if table.stands_for_all is None else claim

    def _quantifier(self, universal: bool, node: ast.Call, place: Place) -> Value:
        if node.keywords:
            self.refuse(node, place, "a quantifier has no argument by name")
        match node.args:
            case [
                ast.GeneratorExp(
                    elt=body,
                    generators=[
                        ast.comprehension(target=ast.Name(id=name), iter=over, ifs=[], is_async=0)
                    ],
                )
            ]:
                pass
            case _:
                return self.refuse(node, place, "expected all(... for name in range(a, b))")
        with self._nothing_replaced(node, place):
            return self._over(universal, name, body, over, node, place)

    def _over(
        self,
        universal: bool,
        name: str,
        body: ast.expr,
        over: ast.expr,
        node: ast.AST,
        place: Place,
    ) -> Value:
        match over:
            case ast.Call(func=ast.Name(id="range"), args=[*limits], keywords=[]) if (
                self._is_builtin("range", place)
            ):
                if not 1 <= len(limits) <= 2:
                    self.refuse(over, place, "range takes one or two bounds here")
                low, high = [0, *(self.value(limit, place) for limit in limits)][-2:]
                return self._over_range(universal, name, body, (low, high), place)
        table = self.value(over, place)
        if not isinstance(table, SymbolicTable):
            return self.refuse(node, place, "a quantifier ranges over range(a, b) or a table")
        self._read(table, node, place)
        bound = z3.Const(self._translator.fresh_name(name), table.key_sort)
        claim = self._bound_body(body, place.with_name(name, bound), z3.BoolVal(True))
        return z3.ForAll([bound], claim) if universal else z3.Exists([bound], claim)

    def _over_range(
        self,
        universal: bool,
        name: str,
        body: ast.expr,
        bounds: tuple[Value, Value],
        place: Place,
    ) -> Value:
        low, high = (scalar_of(bound) for bound in bounds)
        if isinstance(low.term, int) and isinstance(high.term, int):
            if high.term <= low.term:
                return universal
            if high.term - low.term <= UNROLL_LIMIT:
                known = range(low.term, high.term)
                return self._unrolled(universal, name, body, known, place)
        self._range_is_represented(low, high)
        bound = z3.Const(self._translator.fresh_name(name), self._arithmetic.sort)
        compare = self._arithmetic.compare
        inside = z3.And(
            as_bool(compare("<=", low, Scalar(bound))), as_bool(compare("<", Scalar(bound), high))
        )
        claim = self._bound_body(body, place.with_name(name, bound), inside)
        if universal:
            return z3.ForAll([bound], z3.Implies(inside, claim))
        return z3.Exists([bound], z3.And(inside, claim))

    def _unrolled(
        self, universal: bool, name: str, body: ast.expr, known: Iterable[int], place: Place
    ) -> Value:
        """Write a quantifier out, from left to right as Python goes."""
        terms: list[z3.BoolRef] = []
        for value in known:
            term = self.value(body, place.with_name(name, value))
            if isinstance(term, bool):
                if term != universal:
                    terms.append(z3.BoolVal(term))
                    break
                continue
            terms.append(as_bool(term))
        if not terms:
            return universal
        return z3.And(*terms) if universal else z3.Or(*terms)

    def _range_is_represented(self, low: Scalar, high: Scalar) -> None:
        """Refuse a range of which a quantifier over represented numbers would miss some.

        Raises: NotTranslatable for such a range.
        """
        self._arithmetic.exact(low)
        limits = self._arithmetic.limits
        if isinstance(high.term, int) and limits is not None:
            least, greatest = limits
            if not least <= high.term <= greatest:
                raise NotTranslatable(f"the bound {high.term} does not fit {self._arithmetic.name}")

    def _bound_body(self, body: ast.expr, place: Place, inside: z3.BoolRef) -> z3.BoolRef:
        """Evaluate a quantifier's body; its side conditions hold for the bound name, arbitrary.

        A side condition mentions the bound name as a free symbol, so proving it proves it for
        every value; an assumption about it would not be universal, so there must be none.
        """
        before = len(self._translator.assumptions)
        claim = as_bool(self.value(body, place.under(inside)))
        made = self._translator.assumptions[before:]
        if made:
            del self._translator.assumptions[before:]
            self.refuse(body, place, "a quantifier's body cannot call a rule with a contract")
        return claim
