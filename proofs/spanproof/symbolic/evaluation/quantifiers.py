"""Quantifiers over ranges and tables, and ranges that are written out."""

import ast
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Final

import z3

from spanproof.symbolic.evaluation.frames import Environment, Frame, Place
from spanproof.symbolic.evaluation.interfaces import Evaluator, Host
from spanproof.symbolic.evaluation.tables import Tables
from spanproof.symbolic.text.errors import NotTranslatable
from spanproof.symbolic.values.arithmetic import Scalar
from spanproof.symbolic.values.construct import TRUE, conjunction, disjunction, implication, truth
from spanproof.symbolic.values.merge import as_bool, scalar_of
from spanproof.symbolic.values.values import SymbolicTable, Value

UNROLL_LIMIT: Final = 70
"""A quantifier over a known range of at most this many values is written out."""


class Quantifiers:
    """Evaluates `all(...)` and `any(...)`, and the ranges that loops go through."""

    def __init__(self, host: Host, evaluator: Evaluator, tables: Tables) -> None:
        self._host = host
        self._evaluator = evaluator
        self._tables = tables
        self._arithmetic = host.arithmetic

    def known_range(
        self, frame: Frame, over: ast.expr, env: Environment, path: z3.BoolRef
    ) -> list[Value]:
        """Return the numbers of a `range(a, b)` whose length is known."""
        place = Place(frame, env, path)
        match over:
            case ast.Call(func=ast.Name(id="range"), args=[*limits], keywords=[]) if (
                self._evaluator.is_builtin("range", place) and 1 <= len(limits) <= 2
            ):
                low, high = [0, *(self._evaluator.value(limit, place) for limit in limits)][-2:]
            case _:
                return self._evaluator.refuse(over, place, "a loop is over range(a, b)")
        first, end = scalar_of(low), scalar_of(high)
        length = self._known_length(first, end)
        if length is None and len(limits) == 2:
            (one, less), (other, more) = (_offset(limit) for limit in limits)
            value = self._evaluator.value
            start, stop = (0 if part is None else value(part, place) for part in (less, more))
            if one == other and type(start) is int and type(stop) is int:
                length = max(0, stop - start)
        if length is None or length > UNROLL_LIMIT:
            what = f"a range of a known length up to {UNROLL_LIMIT} is needed"
            self._evaluator.refuse(over, place, what)
        return [
            self._evaluator.exact(self._arithmetic.binary("+", first, Scalar(i)), over, place)
            for i in range(length)
        ]

    def _known_length(self, first: Scalar, end: Scalar) -> int | None:
        if isinstance(first.term, int) and isinstance(end.term, int):
            return max(0, end.term - first.term)
        length = z3.simplify(self._arithmetic.lift(end).term - self._arithmetic.lift(first).term)
        if isinstance(length, z3.BitVecNumRef):
            return max(0, int(length.as_signed_long()))
        return max(0, length.as_long()) if isinstance(length, z3.IntNumRef) else None

    def quantified(self, universal: bool, node: ast.Call, place: Place) -> Value:
        """Return the value of `all(... for name in ...)`, or of `any`."""
        if node.keywords:
            self._evaluator.refuse(node, place, "a quantifier has no argument by name")
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
                what = "expected all(... for name in range(a, b))"
                return self._evaluator.refuse(node, place, what)
        with self._nothing_replaced(node, place):
            return self._over(universal, name, body, over, node, place)

    @contextmanager
    def _nothing_replaced(self, node: ast.AST, place: Place) -> Iterator[None]:
        """Refuse what replaces a table each time round."""
        before = set(self._host.linear.gone)
        yield
        if set(self._host.linear.gone) - before:
            self._evaluator.refuse(node, place, "a quantifier replaces a table")

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
                self._evaluator.is_builtin("range", place)
            ):
                if not 1 <= len(limits) <= 2:
                    self._evaluator.refuse(over, place, "range takes one or two bounds here")
                low, high = [0, *(self._evaluator.value(limit, place) for limit in limits)][-2:]
                return self._over_range(universal, name, body, (low, high), place)
        table = self._evaluator.value(over, place)
        if not isinstance(table, SymbolicTable):
            what = "a quantifier ranges over range(a, b) or a table"
            return self._evaluator.refuse(node, place, what)
        self._tables.read(table, node, place)
        bound = z3.Const(self._host.fresh_name(name), table.key_sort)
        claim = self._bound_body(body, place.with_name(name, bound), TRUE)
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
        bound = z3.Const(self._host.fresh_name(name), self._arithmetic.sort)
        compare = self._arithmetic.compare
        inside = conjunction(
            as_bool(compare("<=", low, Scalar(bound))), as_bool(compare("<", Scalar(bound), high))
        )
        claim = self._bound_body(body, place.with_name(name, bound), inside)
        if universal:
            return z3.ForAll([bound], implication(inside, claim))
        return z3.Exists([bound], conjunction(inside, claim))

    def _unrolled(
        self, universal: bool, name: str, body: ast.expr, known: Iterable[int], place: Place
    ) -> Value:
        """Write a quantifier out, from left to right as Python goes."""
        terms: list[z3.BoolRef] = []
        for value in known:
            term = self._evaluator.value(body, place.with_name(name, value))
            if isinstance(term, bool):
                if term != universal:
                    terms.append(truth(term))
                    break
                continue
            terms.append(as_bool(term))
        if not terms:
            return universal
        return conjunction(*terms) if universal else disjunction(*terms)

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
        before = len(self._host.assumptions)
        claim = as_bool(self._evaluator.value(body, place.under(inside)))
        made = self._host.assumptions[before:]
        if made:
            del self._host.assumptions[before:]
            what = "a quantifier's body cannot call a rule with a contract"
            self._evaluator.refuse(body, place, what)
        return claim


def _offset(node: ast.expr) -> tuple[str, ast.expr | None]:
    """Return `a + b` as the text of `a`, and `b`; None for none."""
    match node:
        case ast.BinOp(left=base, op=ast.Add(), right=offset):
            return ast.dump(base), offset
    return ast.dump(node), None
