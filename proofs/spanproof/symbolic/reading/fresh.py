"""Symbols for the types that rules are written with: the annotation decides sort and range."""

from collections.abc import Callable, Sequence
from typing import Annotated, Final, Literal, NewType, cast, get_args, get_origin

import z3
from librt.vecs import vec
from mypy_extensions import i64

from spanproof.symbolic.bitvectors import Signed, Words
from spanproof.symbolic.reading.sources import original
from spanproof.symbolic.values.arithmetic import Arithmetic
from spanproof.symbolic.values.construct import applied, disjunction
from spanproof.symbolic.values.records import record_fields
from spanproof.symbolic.values.values import (
    IDENTITY_SORT,
    SymbolicBitmap,
    SymbolicTable,
    SymbolicWords,
    Value,
)
from spanspec.base.bitmap import Bitmap
from spanspec.base.ids import Address
from spanspec.base.tables import AddressMap, Table
from spanspec.base.words import Unsigned

CLASSES: Final[dict[type[z3.SortRef], type[z3.ExprRef]]] = {
    z3.BoolSortRef: z3.BoolRef,
    z3.ArithSortRef: z3.ArithRef,
    z3.BitVecSortRef: z3.BitVecRef,
}
"""The class of Z3's own that a term of a sort has."""


class SymbolMaker:
    """Makes the symbols that a value consists of: constants, or functions of what it depends on.

    `of` are the arguments that the value is a function of: an identity, those of a contract, or
    none. Everything that the value consists of depends on them, its bitmaps and vectors too.
    """

    def __init__(self, *of: z3.ExprRef) -> None:
        self.of = of

    def __call__(self, name: str, sort: z3.SortRef) -> z3.ExprRef:
        """Return one symbol of a sort."""
        if not self.of:
            return z3.Const(name, sort)
        symbol = z3.Function(name, *(one.sort() for one in self.of), sort)
        return applied(symbol, CLASSES[type(sort)], self.of)

    def function(
        self, name: str, argument: z3.SortRef, result: z3.SortRef
    ) -> Callable[[z3.ExprRef], z3.ExprRef]:
        """Return an unknown function of one argument."""
        known = z3.Function(name, *(one.sort() for one in self.of), argument, result)
        return lambda one: known(*self.of, one)


class FreshSymbols:
    """Makes symbolic values of annotated types, and collects the ranges that the types state.

    `counted` has, by the name of the function that is a bitmap's count, the bitmap, made of what it
    depends on.
    """

    def __init__(self, arithmetic: Arithmetic, assume: Callable[[z3.BoolRef], None]) -> None:
        self.arithmetic = arithmetic
        self.assume = assume
        self.counted: dict[str, Callable[..., SymbolicBitmap]] = {}
        self._ranged: dict[int, tuple[z3.ExprRef, int]] = {}

    def value(self, annotation: object, name: str) -> Value:
        """Return a symbol of a type.

        Raises: TypeError for a type that has no symbolic counterpart.
        """
        return self._build(annotation, name, SymbolMaker(), self.assume)

    def result(self, annotation: object, name: str, arguments: Sequence[z3.ExprRef]) -> Value:
        """Return what an unknown function of this name yields: equal for equal arguments."""
        return self._build(annotation, name, SymbolMaker(*arguments), self.assume)

    def in_range(self, value: Value, bits: int) -> bool:
        """Tell whether a value is a symbol of which it is assumed that it has so many bits."""
        if isinstance(value, z3.ExprRef) and z3.is_app_of(value, z3.Z3_OP_ITE):
            return all(self.in_range(value.arg(branch), bits) for branch in (1, 2))
        known = self._ranged.get(value.get_id()) if isinstance(value, z3.ExprRef) else None
        return known is not None and known[1] <= bits

    def bits(self, value: Value) -> int | None:
        """Return how many bits a symbol was made with; None for anything else."""
        known = self._ranged.get(value.get_id()) if isinstance(value, z3.ExprRef) else None
        return None if known is None else known[1]

    def _build(
        self, annotation: object, name: str, leaf: SymbolMaker, assume: Callable[[z3.BoolRef], None]
    ) -> Value:
        annotation = original(annotation)
        if annotation is bool:
            return leaf(name, z3.BoolSort())
        if annotation is i64:
            self._require_native()
        if annotation is int or annotation is i64:
            return leaf(name, self.arithmetic.sort)
        if isinstance(annotation, NewType) and annotation.__supertype__ is int:
            return leaf(name, IDENTITY_SORT)
        if annotation is Bitmap:
            return self._bitmap(name, leaf)
        if get_origin(annotation) is Annotated:
            return self._word(annotation, name, leaf, assume)
        if annotation is vec[i64]:
            self._require_native()
            return self._words(name, leaf, assume)
        if original(get_origin(annotation)) in (Table, AddressMap):
            if leaf.of:
                raise TypeError(f"no symbolic counterpart of a table in a table: {name}")
            key, rows = (Address, *get_args(annotation))[-2:]
            return self._table(key, rows, name)
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
        self, annotation: object, name: str, leaf: SymbolMaker, assume: Callable[[z3.BoolRef], None]
    ) -> z3.ExprRef:
        bits = word_bits(annotation)
        if bits is None or get_args(annotation)[0] is not int:
            raise TypeError(f"no symbolic counterpart of type {annotation!r}")
        symbol = leaf(name, self.arithmetic.word_sort(bits))
        term, in_range = self.arithmetic.from_word(symbol, bits)
        if in_range is not None:
            assume(in_range)
        self._ranged[term.get_id()] = term, bits
        return term

    def _one_of(
        self,
        known: Sequence[int],
        name: str,
        leaf: SymbolMaker,
        assume: Callable[[z3.BoolRef], None],
    ) -> z3.ExprRef:
        for value in known:
            if type(value) is not int or not self.arithmetic.holds(value):
                raise TypeError(f"{value!r} is no number of {self.arithmetic.name}")
        symbol = leaf(name, self.arithmetic.sort)
        assume(disjunction(*(symbol == self.arithmetic.const(value) for value in known)))
        return symbol

    def _require_native(self) -> None:
        """Refuse native integers in an arithmetic that is not theirs: they overflow at 64 bits.

        Raises: TypeError if the arithmetic has other numbers.
        """
        if not isinstance(self.arithmetic, Signed) or self.arithmetic.width != 64:
            raise TypeError(f"native integers are signed and have 64 bits: {self.arithmetic.name}")

    def _bitmap(self, name: str, leaf: SymbolMaker) -> SymbolicBitmap:
        """Return a bitmap of unknown bits."""
        sort = self.arithmetic.sort
        count = leaf.function(f"{name}.count", sort, sort)
        self.counted[f"{name}.count"] = lambda *of: self._bitmap(name, SymbolMaker(*of))
        if isinstance(self.arithmetic, Words) and self.arithmetic.width == 64:
            word = leaf.function(f"{name}.word", sort, sort)
            return SymbolicBitmap(
                lambda i: z3.LShR(word(z3.LShR(i, 6)), i & 63) & 1 == 1, word, count
            )
        bit = leaf.function(f"{name}.bit", sort, z3.BoolSort())
        return SymbolicBitmap(lambda i: cast(z3.BoolRef, bit(i)), None, count)

    def _words(
        self, name: str, leaf: SymbolMaker, assume: Callable[[z3.BoolRef], None]
    ) -> SymbolicWords:
        """Return a vector of machine words of unknown length and content."""
        sort = self.arithmetic.sort
        length = leaf(f"{name}.len", sort)
        assume(length >= 0)
        return SymbolicWords(leaf.function(f"{name}.word", sort, sort), length)

    def _table(self, key: object, record: object, name: str) -> SymbolicTable:
        if not isinstance(key, NewType):
            raise TypeError(f"a table is keyed by identities, not by {key!r}")
        bound = z3.Const(f"{name}!id", IDENTITY_SORT)

        def assume_everywhere(in_range: z3.BoolRef) -> None:
            self.assume(z3.ForAll([bound], in_range))

        known: dict[int, tuple[z3.ExprRef, Value]] = {}  # keeps terms alive: ids are reused

        def get(identity: z3.ExprRef) -> Value:
            if identity.get_id() not in known:
                found = self._build(record, name, SymbolMaker(identity), lambda in_range: None)
                known[identity.get_id()] = identity, found
            return known[identity.get_id()][1]

        self._build(record, name, SymbolMaker(bound), assume_everywhere)
        return SymbolicTable(IDENTITY_SORT, get)


def word_bits(annotation: object) -> int | None:
    """Return the width of an annotated machine word, or None for any other type."""
    mark = _unsigned(annotation)
    return None if mark is None else mark.bits


def counts(annotation: object) -> bool:
    """Tell whether a machine word counts something, and is taken not to come to its bound."""
    mark = _unsigned(annotation)
    return mark is not None and mark.counts


def _unsigned(annotation: object) -> Unsigned | None:
    for mark in get_args(annotation)[1:]:
        if original(type(mark)) is Unsigned:
            return cast(Unsigned, mark)
    return None
