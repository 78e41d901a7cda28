"""Tables in expressions: how one is read, and how it is replaced by another."""

import ast
from typing import Final

import z3

from spanproof.symbolic.evaluation.frames import Place
from spanproof.symbolic.evaluation.interfaces import Evaluator, Host
from spanproof.symbolic.text.errors import NotTranslatable
from spanproof.symbolic.values.construct import (
    conjunction,
    has_sort,
    implication,
    integer,
    same_term,
)
from spanproof.symbolic.values.merge import as_bool, merge
from spanproof.symbolic.values.values import SymbolicTable, Value

TABLE_METHODS: Final = ("set", "set_range", "all_are")
"""What a rule may call of a table."""


class Tables:
    """Evaluates what is done with tables; a table that was replaced is not read again."""

    def __init__(self, host: Host, evaluator: Evaluator) -> None:
        self._host = host
        self._evaluator = evaluator
        self._arithmetic = host.arithmetic

    def called(self, table: SymbolicTable, name: str, node: ast.Call, place: Place) -> Value:
        """Return what a method of a table yields: one of `TABLE_METHODS`."""
        if name == "set":
            key, value = self._evaluator.arguments(node, ["key", "value"], place)
            self._replace(table, node, place)
            return self._put(table, self.identity(key, table, node, place), value)
        start, end, value = self._evaluator.arguments(node, ["start", "end", "value"], place)
        if name == "all_are":
            self.read(table, node, place)
        else:
            self._replace(table, node, place)
        first, last = (self.identity(key, table, node, place) for key in (start, end))
        among = self._all_are if name == "all_are" else self._put_range
        return among(table, first, last, value)

    def identity(self, key: Value, table: SymbolicTable, node: ast.AST, place: Place) -> z3.ExprRef:
        """Return a key as an identity of a table."""
        if type(key) is int:
            return integer(key)
        if not isinstance(key, z3.ExprRef) or not has_sort(key, table.key_sort):
            self._evaluator.refuse(node, place, "a table is looked up by an identity")
        return key

    def read(self, table: SymbolicTable, node: ast.AST, place: Place) -> None:
        """Refuse to read a table that was replaced: updated in place, it would be another one."""
        where = self._host.linear.replaced(table)
        if where is not None:
            what = f"a table is read that was replaced before ({where})"
            self._evaluator.refuse(node, place, what)

    def _replace(self, table: SymbolicTable, node: ast.AST, place: Place) -> None:
        self.read(table, node, place)
        source = place.frame.source
        self._host.linear.replace(table, f"{source.path}:{getattr(node, 'lineno', 0)}")

    def _put(self, table: SymbolicTable, identity: z3.ExprRef, value: Value) -> SymbolicTable:
        def get(other: z3.ExprRef) -> Value:
            if same_term(other, identity):
                return value
            return merge(self._arithmetic, other == identity, value, table.get(other))

        return SymbolicTable(table.key_sort, get, stands_for_all=table.stands_for_all)

    def _put_range(
        self, table: SymbolicTable, start: z3.ExprRef, end: z3.ExprRef, value: Value
    ) -> SymbolicTable:
        if table.key_sort != self._arithmetic.sort:
            raise NotTranslatable("a range of addresses needs an arithmetic of integers")

        def get(other: z3.ExprRef) -> Value:
            inside = conjunction(start <= other, other < end)
            return merge(self._arithmetic, inside, value, table.get(other))

        return SymbolicTable(table.key_sort, get, stands_for_all=table.stands_for_all)

    def _all_are(
        self, table: SymbolicTable, start: z3.ExprRef, end: z3.ExprRef, value: Value
    ) -> z3.BoolRef:
        if table.key_sort != self._arithmetic.sort:
            raise NotTranslatable("a range of addresses needs an arithmetic of integers")
        bound = table.stands_for_all
        if bound is None:
            bound = z3.Const(self._host.fresh_name("address"), table.key_sort)
        same = as_bool(self._evaluator.compare("==", table.get(bound), value))
        claim = implication(conjunction(start <= bound, bound < end), same)
        return z3.ForAll([bound], claim) if table.stands_for_all is None else claim
