"""Items: what an index into a tuple, a table or a vector yields, and what it claims."""

import ast
from collections.abc import Sequence

import msgspec
from librt.vecs import vec
from mypy_extensions import i64

from spanproof.symbolic.evaluation.frames import Place
from spanproof.symbolic.evaluation.interfaces import Evaluator, Host
from spanproof.symbolic.evaluation.objects import Objects
from spanproof.symbolic.evaluation.tables import Tables
from spanproof.symbolic.values.arithmetic import Scalar
from spanproof.symbolic.values.construct import conjunction
from spanproof.symbolic.values.merge import as_bool, merge, scalar_of
from spanproof.symbolic.values.records import parts_of, same
from spanproof.symbolic.values.values import SymbolicTable, SymbolicVector, SymbolicWords, Value


class Subscripts:
    """Evaluates `container[index]` and `len(container)`."""

    def __init__(self, host: Host, evaluator: Evaluator, objects: Objects, tables: Tables) -> None:
        self._host = host
        self._evaluator = evaluator
        self._objects = objects
        self._tables = tables
        self._arithmetic = host.arithmetic

    def item(self, base: ast.expr, index: ast.expr, node: ast.AST, place: Place) -> Value:
        """Return the item of a container at an index; that it has one is a claim."""
        container, key = self._evaluator.value(base, place), self._evaluator.value(index, place)
        if isinstance(container, SymbolicTable):
            self._tables.read(container, node, place)
            return container.get(self._tables.identity(key, container, node, place))
        if isinstance(container, SymbolicVector):
            return self._objects.item(container, scalar_of(key), node, place)
        if isinstance(container, SymbolicWords):
            return self._word(container, scalar_of(key), node, place)
        items: Sequence[Value] | None = parts_of(container)
        if type(container) is vec[i64]:
            items = tuple(container)
            if type(key) is int and key < 0:
                self._evaluator.refuse(node, place, f"index {key} into a vector")
        elif isinstance(container, msgspec.Struct):
            items = None
        if items is None:
            what = "only tuples, tables and word lists have items"
            return self._evaluator.refuse(node, place, what)
        if type(key) is int:
            if not -len(items) <= key < len(items):
                self._evaluator.refuse(node, place, f"index {key} into a tuple of {len(items)}")
            return items[key]
        return self._lookup(items, scalar_of(key), node, place)

    def _word(self, words: SymbolicWords, key: Scalar, node: ast.AST, place: Place) -> Value:
        """Read a vector: that the index is in it is a claim, as Python's IndexError is."""
        index = self._arithmetic.exact(key)
        if type(key.term) is int and key.term < 0:
            self._evaluator.refuse(node, place, f"index {key.term} into a vector")
        compare = self._arithmetic.compare
        inside = conjunction(
            as_bool(compare(">=", key, Scalar(0))),
            as_bool(compare("<", key, Scalar(words.length))),
        )
        says = f"{place.frame.source.name}: {ast.unparse(node)} is in the vector"
        self._host.side(says, place.path, inside)
        return words.get(index)

    def _lookup(self, table: Sequence[Value], key: Scalar, node: ast.AST, place: Place) -> Value:
        """Look up a tuple at an unknown index: one case for each run of equal values."""
        if not table:
            self._evaluator.refuse(node, place, "an index into an empty tuple")
        self._arithmetic.exact(key)
        compare = self._arithmetic.compare
        inside = conjunction(
            as_bool(compare(">=", key, Scalar(0))), as_bool(compare("<", key, Scalar(len(table))))
        )
        says = f"{place.frame.source.name}: index into a table of {len(table)} is in range"
        self._host.side(says, place.path, inside)
        value = table[-1]
        for last in range(len(table) - 2, -1, -1):
            if not same(table[last], table[last + 1]):
                at_most = as_bool(compare("<=", key, Scalar(last)))
                value = merge(self._arithmetic, at_most, table[last], value)
        return value

    def length(self, container: Value, node: ast.Call, place: Place) -> Value:
        """Return how many items a container has."""
        if node.keywords:
            self._evaluator.refuse(node, place, "len takes no argument by name")
        if isinstance(container, SymbolicVector):
            return self._objects.content(container).length
        if isinstance(container, SymbolicWords):
            return container.length
        if isinstance(container, msgspec.Struct) or parts_of(container) is None:
            if type(container) is not vec[i64]:
                self._evaluator.refuse(node, place, "only tuples and vectors have a length")
            return len(container)
        return len(parts_of(container) or ())
