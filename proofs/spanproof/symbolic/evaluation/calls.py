"""Calls in expressions: of rules, of what makes records, of builtin functions, and of methods."""

import ast
from collections.abc import Callable, Mapping
from typing import Final, NewType, cast

import msgspec

from spanproof.symbolic.evaluation.frames import Place
from spanproof.symbolic.evaluation.interfaces import Evaluator, Host
from spanproof.symbolic.evaluation.objects import Objects
from spanproof.symbolic.evaluation.quantifiers import Quantifiers
from spanproof.symbolic.evaluation.subscripts import Subscripts
from spanproof.symbolic.evaluation.tables import TABLE_METHODS, Tables
from spanproof.symbolic.reading.classes import is_changeable
from spanproof.symbolic.reading.ranges import in_ranges
from spanproof.symbolic.text.errors import UnsupportedConstruct
from spanproof.symbolic.values.arithmetic import Scalar
from spanproof.symbolic.values.construct import conjunction
from spanproof.symbolic.values.memory import LIST
from spanproof.symbolic.values.merge import as_bitmap, as_bool, merge, scalar_of
from spanproof.symbolic.values.records import (
    is_named_tuple,
    record_fields,
    takes_its_fields,
    with_changes,
)
from spanproof.symbolic.values.values import (
    SymbolicBitmap,
    SymbolicObject,
    SymbolicTable,
    SymbolicVector,
    Value,
)

MOST_BITS: Final = 1 << 16
"""The index of a bit is a U16, and bits are counted up to this at most."""


class Calls:
    """Evaluates calls for a `Translator`."""

    def __init__(
        self,
        host: Host,
        evaluator: Evaluator,
        objects: Objects,
        tables: Tables,
        subscripts: Subscripts,
        quantifiers: Quantifiers,
    ) -> None:
        self._host = host
        self._evaluator = evaluator
        self._objects = objects
        self._tables = tables
        self._subscripts = subscripts
        self._quantifiers = quantifiers
        self._arithmetic = host.arithmetic

    def value(self, node: ast.Call, place: Place) -> Value:
        """Return what a call yields."""
        is_builtin, arguments = self._evaluator.is_builtin, self._evaluator.arguments
        match node.func:
            case ast.Name(id="all" | "any" as name) if is_builtin(name, place):
                return self._quantifiers.quantified(name == "all", node, place)
            case ast.Subscript(value=ast.Name(id="vec"), slice=item):
                return self._objects.made_vector(node, item, place)
            case ast.Name(id="int" | "min" | "max" as name) if node.keywords and is_builtin(
                name, place
            ):
                return self._evaluator.refuse(node, place, f"{name} takes no argument by name")
            case ast.Name(id="int") if is_builtin("int", place):
                return self._number(arguments(node, ["number"], place)[0])
            case ast.Name(id="min" | "max" as name) if is_builtin(name, place):
                one, other = arguments(node, ["one", "other"], place)
                less = self._evaluator.compare("<=", one, other)
                first, second = (one, other) if name == "min" else (other, one)
                return merge(self._arithmetic, as_bool(less), first, second)
            case ast.Name(id="len") if is_builtin("len", place):
                return self._subscripts.length(arguments(node, ["object"], place)[0], node, place)
            case ast.Attribute(value=base, attr=method):
                return self._method(self._evaluator.value(base, place), method, node, place)
            case ast.Name(id=name):
                target = self._evaluator.named(name, node, place)
                return self._function(target, node, place)
        return self._evaluator.refuse(node, place, "only functions and methods can be called")

    def _function(self, target: Value, node: ast.Call, place: Place) -> Value:
        if is_changeable(target):
            assert isinstance(target, type)
            return self._objects.made(target, node, place)
        if isinstance(target, type):
            fields = record_fields(target)
            if fields is None or not takes_its_fields(target):
                self._evaluator.refuse(node, place, f"{target.__name__} is not a plain record")
            given = self._evaluator.arguments(node, list(fields), place)
            self._fit(target, dict(zip(fields, given, strict=True)), node, place)
            made: Value = target(*given)
            return made
        if not callable(target):
            return self._evaluator.refuse(node, place, "the callee is no function")
        if target is msgspec.structs.replace:
            return self._replaced(node, place)
        if isinstance(target, NewType):
            if target.__supertype__ is not int or node.keywords:
                self._evaluator.refuse(node, place, f"{target.__name__} is no identity")
            return self._number(self._evaluator.arguments(node, ["identity"], place)[0])
        try:
            source = self._host.sources.function(cast(Callable[..., object], target))
        except UnsupportedConstruct as problem:
            if problem.line > 0:
                raise
            return self._evaluator.refuse(node, place, problem.what)
        names = [argument.arg for argument in source.tree.args.args]
        return self._host.apply(source, self._evaluator.arguments(node, names, place), place.path)

    def _number(self, value: Value) -> Value:
        """Return an integer or an identity as it is."""
        scalar_of(value)
        return value

    def _replaced(self, node: ast.Call, place: Place) -> Value:
        """Return a struct with the changes that a call of `msgspec.structs.replace` names."""
        record = self._evaluator.value(node.args[0], place) if len(node.args) == 1 else None
        if not isinstance(record, msgspec.Struct):
            return self._evaluator.refuse(node, place, "expected a struct and its changes")
        return self._changed(record, node, place)

    def _changed(self, record: Value, node: ast.Call, place: Place) -> Value:
        """Return a record with the changes that the keywords of a call name."""
        changes = {str(k.arg): self._evaluator.value(k.value, place) for k in node.keywords}
        if record_fields(type(record)) is None:
            return self._evaluator.refuse(node, place, "expected a record and its changes")
        try:
            changed = with_changes(record, changes)
        except TypeError as problem:
            return self._evaluator.refuse(node, place, str(problem))
        self._fit(type(record), changes, node, place)
        return changed

    def _fit(self, kind: type, given: Mapping[str, Value], node: ast.Call, place: Place) -> None:
        """Claim that each number put into a record is in the range that its field states.

        A record that is put into another was looked at when it was made itself.
        """
        for name, annotation in (record_fields(kind) or {}).items():
            if name not in given or record_fields(annotation) is not None:
                continue
            known = self._host.symbols.in_range
            for claim in in_ranges(self._arithmetic, annotation, given[name], known):
                says = f"{place.frame.source.name}: {kind.__name__}.{name} is in its range"
                self._host.side(says, place.path, claim)

    def _method(self, base: Value, name: str, node: ast.Call, place: Place) -> Value:
        if isinstance(base, SymbolicObject):
            return self._objects.call(base, name, node, place)
        if isinstance(base, SymbolicVector) and base.kind is LIST and name == "append":
            self._objects.append(base, node, place)
            return None
        if isinstance(base, SymbolicVector) and base.kind is LIST and name == "insert":
            self._objects.insert(base, node, place)
            return None
        bitmap = as_bitmap(base)
        if bitmap is not None and name in ("bit", "word", "count", "with_bit"):
            parameter = "end" if name == "count" else "index"
            return self._observed(bitmap, name, parameter, node, place)
        if isinstance(base, SymbolicTable) and name in TABLE_METHODS:
            return self._tables.called(base, name, node, place)
        if name == "_replace" and is_named_tuple(base):
            if node.args:
                self._evaluator.refuse(node, place, "_replace takes its changes by name")
            return self._changed(base, node, place)
        if name == "bit_length" and not (node.args or node.keywords):
            scalar_of(base)
            length = self._arithmetic.bit_length(self._open(node, place))
            return self._evaluator.exact(length, node, place)
        return self._evaluator.refuse(node, place, f"no method {name}")

    def _observed(
        self, bitmap: SymbolicBitmap, name: str, parameter: str, node: ast.Call, place: Place
    ) -> Value:
        """Ask a bitmap: that the index is one, as its interface says, is a claim.

        Python raises ValueError for a negative one, and MemoryError for one that is far too large.
        """
        index = scalar_of(self._evaluator.arguments(node, [parameter], place)[0])
        term = self._arithmetic.exact(index)
        compare = self._arithmetic.compare
        low = as_bool(compare(">=", index, Scalar(0)))
        high = (
            True
            if self._arithmetic.limits and self._arithmetic.limits[1] < MOST_BITS
            else (compare("<=", index, Scalar(MOST_BITS)))
        )
        says = f"{place.frame.source.name}: the index of {ast.unparse(node)} is in range"
        self._host.side(says, place.path, conjunction(low, as_bool(high)))
        try:
            observed: Value = getattr(bitmap, name)(term)
        except TypeError as problem:
            return self._evaluator.refuse(node, place, str(problem))
        return observed

    def _open(self, node: ast.Call, place: Place) -> Scalar:
        assert isinstance(node.func, ast.Attribute)
        return self._evaluator.scalar(node.func.value, place)
