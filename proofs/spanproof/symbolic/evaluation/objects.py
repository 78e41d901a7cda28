"""Objects and vectors in expressions: what is read and stored, called, and made anew."""

import ast
from collections.abc import Callable

import z3
from mypy_extensions import i64

from spanproof.symbolic.evaluation.frames import Place
from spanproof.symbolic.evaluation.interfaces import Evaluator, Host
from spanproof.symbolic.reading.classes import field_kinds, object_kind, place_of
from spanproof.symbolic.values.arithmetic import Scalar
from spanproof.symbolic.values.construct import conjunction, is_false, is_true, negation
from spanproof.symbolic.values.memory import ITEMS, LIST, Content
from spanproof.symbolic.values.merge import as_bool, scalar_of
from spanproof.symbolic.values.values import NONE, SymbolicObject, SymbolicVector, Value


class Objects:
    """The part of the evaluation of expressions that is about objects and vectors."""

    def __init__(self, host: Host, evaluator: Evaluator) -> None:
        self._host = host
        self._evaluator = evaluator

    # --- fields -------------------------------------------------------------------------------

    def field(self, target: SymbolicObject, name: str, node: ast.AST, place: Place) -> Value:
        """Return what a field of an object holds."""
        self._is_there(target, node, place)
        self._is_known(target, name, node, place)
        return self._host.memory.read(place_of(target.kind, name), target.identity)

    def _is_known(self, target: SymbolicObject, name: str, node: ast.AST, place: Place) -> None:
        if name not in field_kinds(target.kind):
            self._evaluator.refuse(node, place, f"no field {name}")

    def _is_there(self, target: SymbolicObject, node: ast.AST, place: Place) -> None:
        """Claim that an object is not None."""
        says = f"{place.frame.source.name}: {ast.unparse(node)} is of an object"
        self._host.side(says, place.path, target.identity != NONE)

    def store(self, target: ast.expr, value: Value, place: Place) -> None:
        """Store a value where a statement says."""
        match target:
            case ast.Attribute(value=base, attr=name):
                owner = self._evaluator.value(base, place)
                if not isinstance(owner, SymbolicObject):
                    self._evaluator.refuse(target, place, "only fields of objects are assigned to")
                self._is_there(owner, target, place)
                self._is_known(owner, name, target, place)
                kind = object_kind(field_kinds(owner.kind)[name])
                if value is None and kind is not None:
                    value = SymbolicObject(kind[0], NONE)
                if type(value) is int:
                    # What is known may be any integer, what a field holds is a number that it has.
                    self._host.arithmetic.exact(scalar_of(value))
                self._host.memory.write(place_of(owner.kind, name), owner.identity, value)
            case ast.Subscript(
                value=base, slice=ast.Slice(ast.expr() as lower, ast.expr() as upper, None)
            ):
                self._splice(base, lower, upper, value, target, place)
            case ast.Subscript(value=base, slice=index):
                vector = self._evaluator.value(base, place)
                if not isinstance(vector, SymbolicVector):
                    self._evaluator.refuse(target, place, "only vectors have items to be assigned")
                key = scalar_of(self._evaluator.value(index, place))
                at = self._inside(vector, key, target, place)
                self._fits(vector.kind, value, target, place)
                self._host.memory.store(vector, at, value)

    def _splice(
        self,
        base: ast.expr,
        lower: ast.expr,
        upper: ast.expr,
        value: Value,
        node: ast.AST,
        place: Place,
    ) -> None:
        """Put the items of a list in the place of those between two indices of another one."""
        vector = self._evaluator.value(base, place)
        if not (isinstance(vector, SymbolicVector) and isinstance(value, SymbolicVector)):
            self._evaluator.refuse(node, place, "only lists have items to be put between others")
        if {vector.kind, value.kind} != {LIST}:
            self._evaluator.refuse(node, place, "only lists have items to be put between others")
        start, end = (scalar_of(self._evaluator.value(one, place)) for one in (lower, upper))
        self._exchange(vector, start, end, self.content(value), node, place)

    def _exchange(
        self,
        vector: SymbolicVector,
        start: Scalar,
        end: Scalar,
        items: Content,
        node: ast.AST,
        place: Place,
    ) -> None:
        """Put items in the place of those between two indices of a list."""
        arithmetic, memory = self._host.arithmetic, self._host.memory
        if arithmetic.limits:
            self._evaluator.refuse(node, place, "an index into a list may be any integer")
        before = self.content(vector)
        length, more = scalar_of(before.length), scalar_of(items.length)
        # Python takes an index that is below 0 from the end, and cuts one that is beyond.
        ordered = ((Scalar(0), start), (start, end), (end, length))
        says = f"{place.frame.source.name}: {ast.unparse(node)} is between two indices"
        inside = conjunction(
            *(as_bool(arithmetic.compare("<=", one, other)) for one, other in ordered)
        )
        self._host.side(says, place.path, inside)
        first, beyond = arithmetic.lift(start).term, arithmetic.binary("+", start, more)
        behind, last = arithmetic.lift(beyond).term, arithmetic.lift(end).term

        def get(index: z3.ExprRef) -> Value:
            rest = before.get(z3.simplify(index - behind + last))
            inner = memory.joined(index < behind, items.get(z3.simplify(index - first)), rest)
            return memory.joined(index < first, before.get(index), inner)

        kept = arithmetic.binary("-", length, arithmetic.binary("-", end, start))
        longer = arithmetic.binary("+", kept, more).term
        memory.write((LIST, ITEMS), vector.identity, Content(get, longer))

    def insert(self, vector: SymbolicVector, node: ast.Call, place: Place) -> None:
        """Insert an item into a list before an index."""
        index, item = self._evaluator.arguments(node, ["index", "item"], place)
        self._fits(vector.kind, item, node, place)
        at = scalar_of(index)
        self._exchange(vector, at, at, Content(lambda other: item, 1), node, place)

    def _fits(self, kind: object, value: Value, node: ast.AST, place: Place) -> None:
        """Require that an item is one of the vector's kind."""
        if kind in (i64, LIST):
            self._host.arithmetic.exact(scalar_of(value))
            return
        self._evaluator.refuse(node, place, f"no vector of {kind} is changed")

    # --- vectors ------------------------------------------------------------------------------

    def content(self, vector: SymbolicVector) -> Content:
        """Return what a vector holds now."""
        found = self._host.memory.read((vector.kind, ITEMS), vector.identity)
        assert isinstance(found, Content)
        return found

    def item(self, vector: SymbolicVector, key: Scalar, node: ast.AST, place: Place) -> Value:
        """Read a vector: that the index is in it is a claim, as Python's IndexError is."""
        at = self._inside(vector, key, node, place)
        return self.content(vector).get(at)

    def _inside(
        self, vector: SymbolicVector, key: Scalar, node: ast.AST, place: Place
    ) -> z3.ExprRef:
        if type(key.term) is int and key.term < 0:
            self._evaluator.refuse(node, place, f"index {key.term} into a vector")
        index, compare = self._host.arithmetic.exact(key), self._host.arithmetic.compare
        length = scalar_of(self.content(vector).length)
        low = as_bool(compare(">=", key, Scalar(0)))
        high = as_bool(compare("<", key, length))
        says = f"{place.frame.source.name}: {ast.unparse(node)} is in the vector"
        self._host.side(says, place.path, conjunction(low, high))
        return z3.simplify(index)

    def made_vector(self, node: ast.Call, item: ast.expr, place: Place) -> Value:
        """Return a new vector: `vec[kind]([0] * length)`."""
        kind = self._host.static(place.frame.source, item)
        match node.args:
            case [
                ast.BinOp(left=ast.List(elts=[ast.Constant(value=0)]), op=ast.Mult(), right=count)
            ]:
                length = scalar_of(self._evaluator.value(count, place))
            case [ast.expr() as other] if kind is i64 and isinstance(
                found := self._evaluator.value(other, place), SymbolicVector
            ):
                return self._copied(found)
            case _:
                return self._evaluator.refuse(node, place, "a new vector is [0] * length")
        if kind is not i64:
            self._evaluator.refuse(node, place, f"no symbolic counterpart of a vector of {kind}")
        memory, zero = self._host.memory, self._host.arithmetic.const(0)
        natural = as_bool(self._host.arithmetic.compare(">=", length, Scalar(0)))
        says = f"{place.frame.source.name}: the length of {ast.unparse(node)} is no less than 0"
        self._host.side(says, place.path, natural)
        made = SymbolicVector(kind, memory.made())
        memory.write((kind, ITEMS), made.identity, Content(lambda index: zero, length.term))
        return made

    def made_list(self, node: ast.List, place: Place) -> Value:
        """Return a new list of numbers: it is a vector that can be appended to."""
        memory, arithmetic = self._host.memory, self._host.arithmetic
        made = SymbolicVector(LIST, memory.made())
        empty = Content(lambda index: arithmetic.const(0), len(node.elts))
        memory.write((LIST, ITEMS), made.identity, empty)
        for number, one in enumerate(node.elts):
            item = self._evaluator.value(one, place)
            self._fits(LIST, item, node, place)
            memory.store(made, arithmetic.const(number), item)
        return made

    def _copied(self, vector: SymbolicVector) -> SymbolicVector:
        made = SymbolicVector(i64, self._host.memory.made())
        self._host.memory.write((i64, ITEMS), made.identity, self.content(vector))
        return made

    def append(self, vector: SymbolicVector, node: ast.Call, place: Place) -> None:
        """Append an item to a list."""
        item = self._evaluator.arguments(node, ["item"], place)[0]
        self._fits(vector.kind, item, node, place)
        arithmetic, memory = self._host.arithmetic, self._host.memory
        length = scalar_of(self.content(vector).length)
        memory.store(vector, z3.simplify(arithmetic.lift(length).term), item)
        longer = arithmetic.binary("+", length, Scalar(1)).term
        content = self.content(vector)
        memory.write((vector.kind, ITEMS), vector.identity, Content(content.get, longer))

    # --- calls --------------------------------------------------------------------------------

    def call(self, target: SymbolicObject, name: str, node: ast.Call, place: Place) -> Value:
        """Evaluate a call of a method."""
        self._is_there(target, node, place)
        source = self._host.method_source(target.kind, name)
        names = [one.arg for one in source.tree.args.args][1:]
        given = self._evaluator.arguments(node, names, place)
        return self._host.apply_method(target, name, given, place.path)

    def made(self, kind: type, node: ast.Call, place: Place) -> Value:
        """Return a new object of a class."""
        source = self._host.method_source(kind, "__init__")
        names = [one.arg for one in source.tree.args.args][1:]
        given = self._evaluator.arguments(node, names, place)
        made = SymbolicObject(kind, self._host.memory.made())
        self._host.objects.append(made)
        self._host.apply_method(made, "__init__", given, place.path)
        return made

    def is_none(self, node: ast.Compare, place: Place) -> Value:
        """Evaluate `x is None`, or `x is not None`."""
        value = self._evaluator.value(node.left, place)
        positive = isinstance(node.ops[0], ast.Is)
        if value is None:
            return positive
        if not isinstance(value, SymbolicObject):
            return self._evaluator.refuse(node, place, "only an object is compared with None")
        none = z3.simplify(value.identity == NONE)
        if is_true(none) or is_false(none):
            return is_true(none) == positive
        return none if positive else negation(none)

    def unchanged(self, node: ast.AST, place: Place, evaluate: Callable[[], Value]) -> Value:
        """Evaluate what may not change an object, because it is evaluated on some paths only."""
        before = self._host.memory.state
        value = evaluate()
        if self._host.memory.state is not before:
            self._evaluator.refuse(node, place, "a part of a condition changes an object")
        return value
