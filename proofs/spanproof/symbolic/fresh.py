"""Symbols for the types that rules are written with: the annotation decides sort and range."""

from collections.abc import Callable, Sequence
from typing import Annotated, Literal, NewType, get_args, get_origin

import z3
from librt.vecs import vec
from mypy_extensions import i64

from spanproof.symbolic.arithmetic import Arithmetic
from spanproof.symbolic.bitvectors import Words
from spanproof.symbolic.records import record_fields
from spanproof.symbolic.values import (
    IDENTITY_SORT,
    SymbolicBitmap,
    SymbolicTable,
    SymbolicWords,
    Value,
)
from spanspec.bitmap import Bitmap
from spanspec.tables import Address, AddressMap, Table
from spanspec.words import Unsigned

Leaf = Callable[[str, z3.SortRef], z3.ExprRef]
"""Makes one symbol of a sort under a name: a constant, or a function applied to an identity."""


class FreshSymbols:
    """Makes symbolic values of annotated types, and collects the ranges that the types state."""

    def __init__(self, arithmetic: Arithmetic, assume: Callable[[z3.BoolRef], None]) -> None:
        self.arithmetic = arithmetic
        self.assume = assume

    def value(self, annotation: object, name: str) -> Value:
        """Return a symbol of a type.

        Raises: TypeError for a type that has no symbolic counterpart.
        """
        return self._build(annotation, name, z3.Const, self.assume)

    def result(self, annotation: object, name: str, arguments: Sequence[z3.ExprRef]) -> Value:
        """Return what an unknown function of this name yields: equal for equal arguments."""

        def leaf(field: str, sort: z3.SortRef) -> z3.ExprRef:
            return z3.Function(field, *(a.sort() for a in arguments), sort)(*arguments)

        return self._build(annotation, name, leaf, self.assume)

    def _build(
        self, annotation: object, name: str, leaf: Leaf, assume: Callable[[z3.BoolRef], None]
    ) -> Value:
        if annotation is bool:
            return leaf(name, z3.BoolSort())
        if annotation is int or annotation is i64:
            return leaf(name, self.arithmetic.sort)
        if isinstance(annotation, NewType):
            return leaf(name, IDENTITY_SORT)
        if annotation is Bitmap:
            return self.bitmap(name)
        if get_origin(annotation) is Annotated:
            return self._word(annotation, name, leaf, assume)
        if annotation is vec[i64]:
            return self.words(name)
        if get_origin(annotation) is Table:
            return self._table(get_args(annotation)[0], get_args(annotation)[1], name)
        if get_origin(annotation) is AddressMap:
            return self._table(Address, get_args(annotation)[0], name)
        if get_origin(annotation) is Literal:
            return self._one_of(get_args(annotation), name, leaf, assume)
        if get_origin(annotation) is tuple:
            parts = enumerate(get_args(annotation))
            return tuple(self._build(part, f"{name}.{i}", leaf, assume) for i, part in parts)
        fields = record_fields(annotation)
        if fields is None:
            raise TypeError(f"no symbolic counterpart of type {annotation!r}")
        made = {
            field: self._build(kind, f"{name}.{field}", leaf, assume)
            for field, kind in fields.items()
        }
        assert callable(annotation)
        record: Value = annotation(**made)
        return record

    def _word(
        self, annotation: object, name: str, leaf: Leaf, assume: Callable[[z3.BoolRef], None]
    ) -> z3.ExprRef:
        bits = word_bits(annotation)
        if bits is None:
            raise TypeError(f"no symbolic counterpart of type {annotation!r}")
        symbol = leaf(name, self.arithmetic.word_sort(bits))
        term, in_range = self.arithmetic.from_word(symbol, bits)
        if in_range is not None:
            assume(in_range)
        return term

    def _one_of(
        self,
        known: Sequence[int],
        name: str,
        leaf: Leaf,
        assume: Callable[[z3.BoolRef], None],
    ) -> z3.ExprRef:
        symbol = leaf(name, self.arithmetic.sort)
        assume(z3.Or(*(symbol == self.arithmetic.const(value) for value in known)))
        return symbol

    def bitmap(self, name: str) -> SymbolicBitmap:
        """Return a bitmap of unknown bits."""
        sort = self.arithmetic.sort
        count = z3.Function(f"{name}.count", sort, sort)
        if isinstance(self.arithmetic, Words) and self.arithmetic.width == 64:
            word = z3.Function(f"{name}.word", sort, sort)
            return SymbolicBitmap(
                lambda i: z3.LShR(word(z3.LShR(i, 6)), i & 63) & 1 == 1, word, count
            )
        return SymbolicBitmap(z3.Function(f"{name}.bit", sort, z3.BoolSort()), None, count)

    def words(self, name: str) -> SymbolicWords:
        """Return a vector of machine words of unknown length and content."""
        sort = self.arithmetic.sort
        return SymbolicWords(z3.Function(f"{name}.word", sort, sort))

    def _table(self, key: object, record: object, name: str) -> SymbolicTable:
        if not isinstance(key, NewType):
            raise TypeError(f"a table is keyed by identities, not by {key!r}")
        bound = z3.Const(f"{name}!id", IDENTITY_SORT)

        def assume_everywhere(in_range: z3.BoolRef) -> None:
            self.assume(z3.ForAll([bound], in_range))

        def get(identity: z3.ExprRef) -> Value:
            def leaf(field: str, sort: z3.SortRef) -> z3.ExprRef:
                return z3.Function(field, IDENTITY_SORT, sort)(identity)

            return self._build(record, name, leaf, lambda in_range: None)

        self._build(
            record,
            name,
            lambda field, sort: z3.Function(field, IDENTITY_SORT, sort)(bound),
            assume_everywhere,
        )
        return SymbolicTable(IDENTITY_SORT, get)


def word_bits(annotation: object) -> int | None:
    """Return the width of an annotated machine word, or None for any other type."""
    for mark in get_args(annotation)[1:]:
        if isinstance(mark, Unsigned):
            return mark.bits
    return None
